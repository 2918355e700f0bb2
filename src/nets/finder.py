"""The hand finder's network: maps of where a hand's middle is, how large it is, and where its joints are.

The lower half of MobileNetV2 (Sandler et al., 2018, arXiv:1801.04381) to a sixteenth of the view's side; `context`
looks around with large depthwise filters; `fuse` adds what block3 saw at an eighth of the side, as feature pyramids do
(Lin et al., 2017, arXiv:1612.03144); `head` answers. A hand is the peak of one map, whose cell says its box (Zhou et
al., "Objects as Points", 2019, arXiv:1904.07850); a joint is the mean place of its map (Sun et al., "Integral Human
Pose Regression", 2018, arXiv:1711.08229). "No hand here" is one more place that the peak may be in.
"""

from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.nets.layers import relu6_apart
from src.nets.mobilenetv2 import build_mobilenetv2
from src.nets.stages import SequentialNetwork, StagedNetwork

STRIDE_PX = 8  # of the maps
NUM_JOINTS = 21
_LOW = "block3"  # the last stage at an eighth of the view's side
_BACKBONE = ("stem", "block1", "block2", _LOW, "block4", "block5")
_LOW_CHANNELS, _HIGH_CHANNELS = 32, 96
_WIDTH, _CONTEXT_WIDTH, _HIDDEN = 128, 160, 128


class Maps(NamedTuple):
    """What the network says of each view, cell by cell; all float32.

    Attributes:
        middle: (batch, rows, columns) logits: the middle of the hand lies in this cell.
        box: (batch, 4, rows, columns): from the cell's middle to the box's, in cells, x and y; logarithm of the box's
            width and height as shares of the view.
        joints: (batch, 21, rows, columns) logits: the joint lies in this cell.
        nothing: (batch,) logit beside those of `middle`: there is no hand.
        right: (batch,) logit: it is the person's right hand.
    """

    middle: Tensor
    box: Tensor
    joints: Tensor
    nothing: Tensor
    right: Tensor


class Found(NamedTuple):
    """One hand a view.

    Attributes:
        hand: (batch,) probability that there is one.
        box: (batch, 4) middle x, y, width, height as shares of the view.
        joints: (batch, 21, 2) x, y as shares of the view.
        right: (batch,) probability that it is a right one.
    """

    hand: Tensor
    box: Tensor
    joints: Tensor
    right: Tensor


class _Head(nn.Module):
    """A layer a cell, and two more on what the whole view holds."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.Conv2d(_WIDTH, 1 + 4 + NUM_JOINTS, 1)
        self.whole = nn.Sequential(nn.Linear(2 * _WIDTH, _HIDDEN), nn.ReLU6(), nn.Linear(_HIDDEN, 2))

    def forward(self, fine: Tensor, coarse: Tensor) -> Maps:
        cells = self.cells(fine).float()
        pooled = torch.cat([coarse.mean((2, 3)), coarse.amax((2, 3))], dim=1)
        nothing, right = self.whole(pooled).float().unbind(1)
        return Maps(cells[:, 0], cells[:, 1:5], cells[:, 5:], nothing, right)


class _Fuse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lateral = nn.Sequential(nn.Conv2d(_LOW_CHANNELS, _WIDTH, 1, bias=False), nn.BatchNorm2d(_WIDTH))
        self.smooth = nn.Sequential(_separable(_WIDTH, _WIDTH, 5), _separable(_WIDTH, _WIDTH, 3))

    def forward(self, coarse: Tensor, low: Tensor) -> Tensor:
        larger = functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        return self.smooth(functional.relu6(larger + self.lateral(low)))


class FinderNetwork(StagedNetwork):
    """Stages `stem, block1 … block5, context, fuse, head`.

    Args:
        backbone: MobileNetV2 at its plain width; its lower stages become this network's.
    """

    def __init__(self, backbone: SequentialNetwork) -> None:
        super().__init__()
        self.rescale = backbone.rescale
        stages: dict[str, nn.Module] = {name: backbone.stages[name] for name in _BACKBONE}
        stages["context"] = nn.Sequential(
            _separable(_HIGH_CHANNELS, _CONTEXT_WIDTH, 5), _separable(_CONTEXT_WIDTH, _WIDTH, 5)
        )
        stages["fuse"], stages["head"] = _Fuse(), _Head()
        self.stages = nn.ModuleDict(stages)
        relu6_apart(self)
        self.declare_stages({name: (module,) for name, module in self.stages.items()})

    def forward(self, views: Tensor) -> Maps:
        """(batch, 3, side, side) uint8, or float in [0, 1], the side a multiple of 16 → maps of side / 8 cells."""
        x, low, coarse = views, views, views
        for index, (name, stage) in enumerate(self.stages.items()):
            # The frozen prefix is a fixed function: no graph is built for it.
            with torch.no_grad() if index < self.frozen_prefix else nullcontext():
                x = self.rescale(x) if index == 0 else x
                if name == "fuse":
                    coarse, x = x, stage(x, low)
                elif name == "head":
                    return stage(x, coarse)
                else:
                    x = stage(x)
                low = x if name == _LOW else low
        raise AssertionError("the last stage is the head")


def build_finder() -> tuple[FinderNetwork, SequentialNetwork]:
    """The network at random weights, and the whole MobileNetV2 that its lower stages are part of.

    Weights loaded into the latter are those of the former's lower stages.
    """
    backbone = build_mobilenetv2(1, dropout=0.0)
    return FinderNetwork(backbone), backbone


def decoded(maps: Maps) -> Found:
    """One hand a view: the peak of the middles, the box that its cell says, the mean places of the joints."""
    rows, columns = maps.middle.shape[1:]
    cells = maps.middle.flatten(1)
    hand = 1 - torch.cat([cells, maps.nothing[:, None]], dim=1).softmax(dim=1)[:, -1]
    peak = cells.argmax(dim=1)
    x, y, width, height = maps.box.flatten(2).gather(2, peak[:, None, None].expand(-1, 4, 1))[..., 0].unbind(1)
    row = torch.div(peak, columns, rounding_mode="floor")
    box = torch.stack(
        [(peak - row * columns + 0.5 + x) / columns, (row + 0.5 + y) / rows, width.exp(), height.exp()], dim=1
    )
    return Found(hand, box, mean_places(maps.joints), maps.right.sigmoid())


def mean_places(logits: Tensor) -> Tensor:
    """(batch, joints, rows, columns) logits → (batch, joints, 2): each map's mean x and y, as shares of the view."""
    rows, columns = logits.shape[2:]
    weights = logits.flatten(2).softmax(dim=2).unflatten(2, (rows, columns))
    x = ((torch.arange(columns, device=logits.device) + 0.5) / columns * weights.sum(2)).sum(2)
    y = ((torch.arange(rows, device=logits.device) + 0.5) / rows * weights.sum(3)).sum(2)
    return torch.stack([x, y], dim=2)


def _separable(channels: int, wider: int, kernel: int) -> nn.Sequential:
    """A depthwise convolution and one that mixes channels, each with batch norm."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(),
        nn.Conv2d(channels, wider, 1, bias=False),
        nn.BatchNorm2d(wider),
        nn.ReLU6(),
    )
