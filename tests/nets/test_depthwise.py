"""Depthwise convolutions that train quickly stay the convolutions they were."""

import pytest
import torch
from torch import nn

from src.nets.depthwise import StrideAfterwards, stride_afterwards


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
