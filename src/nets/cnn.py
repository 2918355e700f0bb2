"""The original study's network: rescaling inside, five convolution + max-pool layers, a dense head.

The filters double from 16 to 256. Chosen where the study's text is silent: 3×3 kernels with padding 1 and a bias, ReLU,
2×2 max-pooling, one dense layer of 128 units before the head, dropout 0.3 between the two, He initialisation
(He et al., 2015), no batch norm.
"""

from collections.abc import Sequence
from typing import cast

from torch import nn

from src.errors import UserError
from src.nets.stages import Rescale, SequentialNetwork


def _convolution(inputs: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)]
    if batch_norm:
        layers.append(nn.BatchNorm2d(outputs))
    return nn.Sequential(*layers, nn.ReLU(inplace=True), nn.MaxPool2d(2))


def build_cnn(
    classes: int,
    image_size_px: int,
    filters: Sequence[int] = (16, 32, 64, 128, 256),
    dense_units: int = 128,
    batch_norm: bool = False,
    dropout: float = 0.3,
) -> SequentialNetwork:
    """Stages `conv1 … convN, neck, head` for square images of `image_size_px`.

    Raises:
        UserError: the image is too small to be halved once for each convolution.
    """
    side = image_size_px >> len(filters)
    if side < 1:
        raise UserError(
            f"datamodule.image_size_px={image_size_px} is too small for {len(filters)} max-pool layers: "
            f"use at least {1 << len(filters)}."
        )
    stages: dict[str, nn.Module] = {}
    inputs = 3
    for number, outputs in enumerate(filters, start=1):
        stages[f"conv{number}"] = _convolution(inputs, outputs, batch_norm)
        inputs = outputs
    stages["neck"] = nn.Sequential(nn.Flatten(), nn.Linear(inputs * side * side, dense_units), nn.ReLU(inplace=True))
    stages["head"] = nn.Sequential(nn.Dropout(dropout), nn.Linear(dense_units, classes))
    network = SequentialNetwork(Rescale(), stages)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(cast(nn.Parameter, module.bias))
    nn.init.xavier_uniform_(cast(nn.Linear, cast(nn.Sequential, stages["head"])[1]).weight)
    return network
