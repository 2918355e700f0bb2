"""Rendered rooms for the finder: whole frames of a webcam with a hand in them, and some without, rendered once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.learning.finding.rendering import rendered_arrays
from src.synthetic.scenes import empty_scene, scene_sample
from src.synthetic.spec import RenderedSpec

WIDTH_PX, HEIGHT_PX = 320, 240
_KIND = "finder_scenes"
_EMPTY_EVERY = 3  # one frame in three shows no signing hand


@dataclass
class Scenes:
    """Rendered frames.

    Attributes:
        images: (count, HEIGHT_PX, WIDTH_PX, 3) uint8 RGB, a hand in each.
        joints: (count, 21, 2) float32 in pixels of the frame, whose first pixel's left edge is 0.
        right: (count,) float32, 1 for a right hand.
        empty: (others, HEIGHT_PX, WIDTH_PX, 3) uint8 RGB, frames without a signing hand.
    """

    images: np.ndarray
    joints: np.ndarray
    right: np.ndarray
    empty: np.ndarray

    def __post_init__(self) -> None:
        low, high = self.joints.min(1), self.joints.max(1)
        self.centers, self.sides = (low + high) / 2, np.maximum((high - low).max(1), 4.0)

    def __len__(self) -> int:
        return len(self.images)


def rendered_scenes(spec: RenderedSpec, cache_dir: Path, processes: int = 1) -> Scenes:
    """About `spec.images` frames, two thirds of them with a hand, rendered once into `cache_dir`.

    Raises:
        UserError: the folder cannot be written or has no room.
    """
    return Scenes(**rendered_arrays(_KIND, spec, _render, WIDTH_PX * HEIGHT_PX * 3, cache_dir, processes))


def _render(spec: RenderedSpec, indices: range) -> dict[str, np.ndarray]:
    hands = [scene_sample(spec, index, WIDTH_PX, HEIGHT_PX) for index in indices if index % _EMPTY_EVERY]
    empty = [empty_scene(spec, index, WIDTH_PX, HEIGHT_PX) for index in indices if not index % _EMPTY_EVERY]
    return {
        "images": np.stack([one.image for one in hands]),
        "joints": np.stack([one.keypoints_px + 0.5 for one in hands]).astype(np.float32),
        "right": np.array([not one.left_handed for one in hands], dtype=np.float32),
        "empty": np.stack([one.image for one in empty]),
    }
