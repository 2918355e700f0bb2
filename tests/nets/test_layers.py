"""Layers that train quickly stay the layers they were."""

import pytest
import torch
from torch import nn

from src.nets.layers import GlobalAveragePooling, StrideAfterwards, relu6_apart, stride_afterwards


@pytest.mark.parametrize("side", [15, 16])
@pytest.mark.parametrize("kernel", [3, 5])
def test_striding_afterwards_changes_no_output_and_no_gradient_beyond_rounding(kernel: int, side: int) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(8, 8, kernel, stride=2, padding=kernel // 2, groups=8, bias=False)
    quick = nn.Sequential(nn.Conv2d(8, 8, kernel, stride=2, padding=kernel // 2, groups=8, bias=False))
    quick[0].load_state_dict(plain.state_dict())
    stride_afterwards(quick)
    assert isinstance(quick[0], StrideAfterwards)
    answers, gradients = [], []
    for layer in (plain, quick):
        layer.to(torch.bfloat16)
        images = torch.randn(2, 8, side, side, generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)
        images.requires_grad_()
        answer = layer(images)
        answer.float().square().sum().backward()
        answers.append(answer)
        gradients.append(images.grad)
    assert torch.equal(*answers)
    assert torch.allclose(*gradients, rtol=0.02, atol=0.02)


def test_only_depthwise_convolutions_of_stride_two_are_touched() -> None:
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 3, stride=2, groups=2)
    )
    stride_afterwards(layers)
    assert all(type(layer) is nn.Conv2d for layer in layers)


def test_the_mean_of_a_map_and_its_gradient_are_those_of_torch() -> None:
    maps = torch.randn(4, 8, 7, 5).to(memory_format=torch.channels_last)
    weights = torch.randn(4, 8)
    results = []
    for pool in (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), GlobalAveragePooling()):
        own = maps.clone().requires_grad_()
        means = pool(own)
        (means * weights).sum().backward()
        results.append((means, own.grad))
    (expected, expected_gradient), (means, gradient) = results
    torch.testing.assert_close(means, expected)
    torch.testing.assert_close(gradient, expected_gradient)
    assert gradient.is_contiguous(memory_format=torch.channels_last)  # what makes the layers below quick


def test_relu6_leaves_its_input_alone_while_it_learns_and_saves_memory_where_it_does_not() -> None:
    layer = nn.Sequential(nn.ReLU6(inplace=True))
    relu6_apart(layer)
    images = torch.linspace(-2, 8, 11, requires_grad=True)
    below = images * 1  # no leaf, so torch would allow it to be overwritten
    answer = layer(below)
    answer.sum().backward()
    assert torch.equal(below, images)
    assert torch.equal(answer, images.clamp(0, 6))
    assert torch.equal(images.grad, ((images > 0) & (images < 6)).float())
    with torch.no_grad():
        assert layer(below).data_ptr() == below.data_ptr()
