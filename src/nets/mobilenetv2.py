"""MobileNetV2 (Sandler et al., 2018, arXiv:1801.04381) from timm, taken apart into its stages.

`stem` (3×3 stride 2), `block1 … block7` (the paper's seven rows of inverted residuals), `neck` (1×1 to 1280, pooling),
`head` (dropout and the classifier).
"""

from typing import Any

import timm
from torch import nn

from src.errors import UserError
from src.nets.layers import GlobalAveragePooling, relu6_apart, stride_afterwards
from src.nets.stages import Rescale, SequentialNetwork


def build_mobilenetv2(classes: int, name: str = "mobilenetv2_100", dropout: float = 0.2) -> SequentialNetwork:
    """Stages `stem, block1 … block7, neck, head`, randomly initialised as timm does.

    Raises:
        UserError: timm knows no MobileNetV2 of this name.
    """
    if not timm.is_model(name):
        raise UserError(
            f"model.name={name} is not known to timm: choose from {', '.join(timm.list_models('mobilenetv2*'))}."
        )
    backbone: Any = timm.create_model(name, pretrained=False, num_classes=classes, drop_rate=dropout)
    stride_afterwards(backbone)
    relu6_apart(backbone)
    stages: dict[str, nn.Module] = {"stem": nn.Sequential(backbone.conv_stem, backbone.bn1)}
    stages |= {f"block{number}": block for number, block in enumerate(backbone.blocks, start=1)}
    stages["neck"] = nn.Sequential(backbone.conv_head, backbone.bn2, GlobalAveragePooling())
    stages["head"] = nn.Sequential(nn.Dropout(dropout), backbone.classifier)
    return SequentialNetwork(Rescale(backbone.default_cfg["mean"], backbone.default_cfg["std"]), stages)


def stage_key(timm_key: str) -> str:
    """The name that a tensor of timm's `mobilenetv2_*` state dict has in the staged network."""
    first, _, rest = timm_key.partition(".")
    if first == "blocks":
        number, _, rest = rest.partition(".")
        return f"stages.block{int(number) + 1}.{rest}"
    name = {
        "conv_stem": "stem.0",
        "bn1": "stem.1",
        "conv_head": "neck.0",
        "bn2": "neck.1",
        "classifier": "head.1",
    }
    return f"stages.{name.get(first, first)}.{rest}"
