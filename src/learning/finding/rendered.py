"""Rendered hands for the finder: pictures whose mask and joints are exact, rendered once into the cache."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.learning.finding.rendering import rendered_arrays
from src.synthetic.dataset import RenderedSample, random_pose_sample, sample
from src.synthetic.spec import RenderedSpec

_KIND = "finder_hands"
_POSES_EVERY = 3  # one in three is a pose that is no sign


@dataclass
class RenderedHands:
    """Rendered hands.

    Attributes:
        images: (count, size, size, 3) uint8 RGB.
        masks: (count, size, size) bool, hand and arm.
        joints: (count, 21, 2) float32 in pixels of the image, whose first pixel's left edge is 0.
        right: (count,) float32, 1 for a right hand.
    """

    images: np.ndarray
    masks: np.ndarray
    joints: np.ndarray
    right: np.ndarray

    def __post_init__(self) -> None:
        low, high = self.joints.min(1), self.joints.max(1)
        self.centers, self.sides = (low + high) / 2, np.maximum((high - low).max(1), 4.0)

    def __len__(self) -> int:
        return len(self.images)


def rendered_hands(spec: RenderedSpec, cache_dir: Path, processes: int = 1) -> RenderedHands:
    """The hands of a set, two signs for each pose that is none, rendered once into `cache_dir`.

    Raises:
        UserError: the folder cannot be written or has no room.
    """
    arrays = rendered_arrays(_KIND, spec, _render, spec.image_size_px**2 * 4, cache_dir, processes)
    return RenderedHands(**{name: values[: spec.images] for name, values in arrays.items()})


def _render(spec: RenderedSpec, indices: range) -> dict[str, np.ndarray]:
    samples = [_drawn(spec, index) for index in indices]
    return {
        "images": np.stack([one.image for one in samples]),
        "masks": np.stack([one.mask for one in samples]),
        "joints": np.stack([one.keypoints_px + 0.5 for one in samples]).astype(np.float32),
        "right": np.array([not one.left_handed for one in samples], dtype=np.float32),
    }


def _drawn(spec: RenderedSpec, index: int) -> RenderedSample:
    return random_pose_sample(spec, index) if index % _POSES_EVERY == 0 else sample(spec, index)
