"""Grad-CAM shows the place that an answer came from."""

import numpy as np
import pytest
import torch
from torch import nn

from src.nets.grad_cam import grad_cam
from src.nets.models import MobileNetV2, Model, Timm
from src.nets.stages import Rescale, SequentialNetwork


class MeanOfChannels(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


class ChannelsLast(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(x, 4).permute(0, 2, 3, 1)


class MeanOfLastChannels(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(1, 2))


@pytest.mark.parametrize(
    "stages",
    [{"pool": nn.AvgPool2d(4), "head": MeanOfChannels()}, {"pool": ChannelsLast(), "head": MeanOfLastChannels()}],
    ids=["channels first", "channels last"],
)
def test_the_map_is_warm_where_the_answer_came_from_and_cold_elsewhere(stages: dict[str, nn.Module]) -> None:
    # The logit of class c is the mean of colour c, so only that colour can speak for it.
    network = SequentialNetwork(Rescale(), stages)
    images = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    images[:, 0, :4, :4] = 255  # red above left
    images[:, 2, 12:, 12:] = 255  # blue below right
    found = grad_cam(network, images, torch.tensor([0, 2]))
    assert found is not None
    assert found.stage == "pool"
    assert found.maps.shape == (2, 4, 4)
    for place, (row, column) in enumerate([(0, 0), (3, 3)]):
        assert found.maps[place, row, column] == 1
        assert np.delete(found.maps[place].ravel(), row * 4 + column).max() == 0


@pytest.mark.parametrize(
    ("model", "stage"),
    [
        (MobileNetV2(), "block7"),
        (Timm(name="resnet10t"), "block4"),
    ],
)
def test_the_target_is_the_last_stage_that_still_has_a_map(model: Model, stage: str) -> None:
    network = model.network(64)
    images = torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    found = grad_cam(network, images, torch.tensor([1, 2]))
    assert found is not None
    assert found.stage == stage
    assert ((found.maps >= 0) & (found.maps <= 1)).all()


def test_a_network_without_a_spatial_map_has_none_to_show() -> None:
    network = Timm(name="vit_tiny_patch16_224").network(32)
    assert grad_cam(network, torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.tensor([0])) is None
