"""How wrong the finder's maps are about a view, and how far off what is read from them."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from src.learning.finding.views import HAND, UNCLEAR
from src.nets.finder import Maps, decoded, mean_places

# Joints of a smaller hand than this share of the view are a closer look's business.
_CLOSE_SHARE = 0.28
_JOINT_SPREAD = 0.9  # cells
_WEIGHTS = {"place": 1.0, "box": 1.0, "joints": 10.0, "joint_cells": 0.5, "right": 0.3}


class Asked(NamedTuple):
    """A batch of views and what is in them.

    Attributes:
        images: (batch, 3, size, size) uint8, stored channels-last.
        kind: (batch,) int64, see `src.learning.finding.views`.
        joints: (batch, 21, 2) float32, shares of the view.
        right: (batch,) float32.
        persons: whose photograph each is; "" where nobody's.
    """

    images: Tensor
    kind: Tensor
    joints: Tensor
    right: Tensor
    persons: tuple[str, ...] = ()


def boxes(joints: Tensor) -> tuple[Tensor, Tensor]:
    """Middle and size, each (batch, 2), of the boxes around joints (batch, 21, 2)."""
    low, high = joints.amin(1), joints.amax(1)
    return (low + high) / 2, (high - low).clamp(min=0.01)


def losses(maps: Maps, asked: Asked) -> dict[str, Tensor]:
    """One mean loss for each question: where the middle is, its box, its joints (twice), and which hand it is."""
    rows, columns = maps.middle.shape[1:]
    grid_y = (torch.arange(rows, device=maps.middle.device) + 0.5)[:, None]
    grid_x = (torch.arange(columns, device=maps.middle.device) + 0.5)[None]
    middle, size = boxes(asked.joints)
    hand, sure = (asked.kind == HAND).float(), (asked.kind != UNCLEAR).float()
    off_x = ((middle[:, 0] * columns)[:, None, None] - grid_x).expand(-1, rows, -1)
    off_y = ((middle[:, 1] * rows)[:, None, None] - grid_y).expand(-1, -1, columns)
    square = off_x**2 + off_y**2
    spread = (size.amax(1) * columns * 0.12).clamp(0.6, 2.0)[:, None, None]

    wanted = _normed(torch.exp(-square / (2 * spread**2)).flatten(1))
    wanted = torch.cat([wanted * hand[:, None], 1 - hand[:, None]], dim=1)
    said = torch.cat([maps.middle.flatten(1), maps.nothing[:, None]], dim=1).log_softmax(1)
    place = -(wanted * said).sum(1) * sure

    near = _normed(torch.exp(-square / (2 * (0.8 * spread) ** 2)).flatten(1)).view_as(square) * hand[:, None, None]
    width, height = size.log()[:, :, None, None].expand(-1, -1, rows, columns).unbind(1)
    box_off = functional.smooth_l1_loss(
        maps.box, torch.stack([off_x, off_y, width, height], dim=1), reduction="none", beta=0.3
    )
    box = (box_off.sum(1) * near).sum((1, 2))

    close = hand * (size.amax(1) > _CLOSE_SHARE).float()
    inside = ((asked.joints > 0) & (asked.joints < 1)).all(2).float() * close[:, None]
    scale = size.amax(1)[:, None, None]
    joint_off = functional.smooth_l1_loss(
        mean_places(maps.joints) / scale, asked.joints / scale, reduction="none", beta=0.03
    )
    x, y = (asked.joints * asked.joints.new_tensor([columns, rows]))[..., None, None].unbind(2)
    cells = _normed(torch.exp(-((x - grid_x) ** 2 + (y - grid_y) ** 2) / (2 * _JOINT_SPREAD**2)).flatten(2))
    joint_cells = -(cells * maps.joints.flatten(2).log_softmax(2)).sum(2) * inside

    right = functional.binary_cross_entropy_with_logits(maps.right, asked.right, reduction="none") * close
    return {
        "place": place.mean(),
        "box": box.mean(),
        "joints": (joint_off.sum(2) * inside).mean(),
        "joint_cells": joint_cells.mean(),
        "right": right.mean(),
    }


def total(parts: Mapping[str, Tensor]) -> Tensor:
    """The one loss that is trained on."""
    return torch.stack([_WEIGHTS[name] * part for name, part in parts.items()]).sum()


class Judged(NamedTuple):
    """How right the answers are, view by view.

    Attributes:
        hand: (batch,) bool: a hand is there for sure.
        empty: (batch,) bool: none is.
        certainty: (batch,) probability of a hand.
        overlap: (batch,) intersection over union of the boxes.
        joint_error: (batch,) mean distance of the joints in lengths of the box's longer side; NaN where the hand is
            too small to ask.
    """

    hand: Tensor
    empty: Tensor
    certainty: Tensor
    overlap: Tensor
    joint_error: Tensor


def judged(maps: Maps, asked: Asked) -> Judged:
    """Hold what the maps say against what is in the views."""
    found = decoded(maps)
    middle, size = boxes(asked.joints)
    low = torch.maximum(middle - size / 2, found.box[:, :2] - found.box[:, 2:] / 2)
    high = torch.minimum(middle + size / 2, found.box[:, :2] + found.box[:, 2:] / 2)
    shared = (high - low).clamp(min=0).prod(1)
    overlap = shared / (size.prod(1) + found.box[:, 2:].prod(1) - shared)
    error = (found.joints - asked.joints).norm(dim=2).mean(1) / size.amax(1)
    is_hand = asked.kind == HAND
    asked_for = is_hand & (size.amax(1) > _CLOSE_SHARE)
    return Judged(is_hand, asked.kind == 0, found.hand, overlap, torch.where(asked_for, error, torch.nan))


def _normed(weights: Tensor) -> Tensor:
    return weights / (weights.sum(-1, keepdim=True) + 1e-6)
