"""What the network is asked about a hand, and how wrong its answers are.

From one linear layer on its pooled features: 21 keypoints in the image, their shape in space free of position and size,
22 joint angles, which keypoints are seen, and whether the hand is a left one. Half-way up, another layer says in which
cell of the image each keypoint lies: the early stages learn much sooner when they are asked directly.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from src.synthetic.skeleton import ANGLE_LIMITS, NUM_ANGLES, NUM_KEYPOINTS

KEYPOINT_SPREAD = 0.4  # of keypoints in an image from -1 to 1
SHAPE_SPREAD = 0.35  # of keypoints in space, in lengths of the palm
# Numbers that an answer has.
_SIZES = {
    "keypoints": 2 * NUM_KEYPOINTS,
    "shape": 3 * NUM_KEYPOINTS,
    "angles": NUM_ANGLES,
    "visible": NUM_KEYPOINTS,
    "left_handed": 1,
}
NUM_OUTPUTS = sum(_SIZES.values())
_YES_OR_NO = ("visible", "left_handed")
_WEIGHTS = {"keypoints": 1.0, "shape": 2.0, "angles": 1.0, "visible": 0.25, "left_handed": 0.1, "cells": 0.4}
_NO_CELL = -1


class Asked(NamedTuple):
    """A batch and its answers.

    Attributes:
        images: (batch, 3, size, size) float32 in [0, 1].
        targets: by question, (batch, numbers) float32 with a spread of about 1, or 0 and 1.
    """

    images: Tensor
    targets: dict[str, Tensor]


def losses(outputs: Tensor, cells: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One mean loss for each question, the cells' among them.

    Args:
        outputs: (batch, 149), the answers side by side.
        cells: (batch, 21, rows, columns), scores of the cells that each keypoint may lie in.
        targets: as in `Asked`.
    """
    parts = {
        name: functional.binary_cross_entropy_with_logits(answer, targets[name])
        if name in _YES_OR_NO
        else functional.smooth_l1_loss(answer, targets[name], beta=0.5)
        for name, answer in _answers(outputs).items()
    }
    rows, columns = cells.shape[2:]
    positions = targets["keypoints"].view(len(outputs), NUM_KEYPOINTS, 2) * KEYPOINT_SPREAD
    inside = (positions.abs() < 1).all(2)
    x, y = ((positions + 1) / 2 * positions.new_tensor([columns, rows])).long().unbind(2)
    cell = torch.where(inside, y * columns + x, _NO_CELL)
    parts["cells"] = functional.cross_entropy(
        cells.float().flatten(2).flatten(0, 1), cell.flatten(), ignore_index=_NO_CELL
    )
    return parts


def total(parts: Mapping[str, Tensor]) -> Tensor:
    """The one loss that is trained on."""
    return torch.stack([_WEIGHTS[name] * part for name, part in parts.items()]).sum()


def errors(outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Mean distance of keypoints as a share of the image's side, and mean error of joint angles in degrees."""
    answers = _answers(outputs)
    off = (answers["keypoints"] - targets["keypoints"]).view(len(outputs), -1, 2).norm(dim=2).mean()
    widths = outputs.new_tensor(np.degrees(np.ptp(ANGLE_LIMITS, axis=1)), dtype=torch.float32)
    wrong = ((answers["angles"] - targets["angles"]).abs() * widths / math.sqrt(12)).mean()
    return {"keypoint_error_of_side": off * KEYPOINT_SPREAD / 2, "angle_error_deg": wrong}


def _answers(outputs: Tensor) -> dict[str, Tensor]:
    return dict(zip(_SIZES, torch.split(outputs.float(), list(_SIZES.values()), dim=1), strict=True))
