"""Rendered hands for the finder: pictures whose mask and joints are exact, rendered once into the cache."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from src.storage.cache import Cache
from src.storage.files import replacing_whole
from src.storage.side_by_side import side_by_side
from src.synthetic.dataset import RenderedSample, random_pose_sample, sample
from src.synthetic.spec import POSES_VERSIONS, SIGNS_VERSIONS, RenderedSpec
from src.terminal import progress

_KIND = "finder_hands"
_IMAGES_PER_FILE = 50
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
    cache = Cache(cache_dir)
    folder = cache.entry(_KIND, {**asdict(spec), "images": "any", **SIGNS_VERSIONS, **POSES_VERSIONS})
    starts = range(0, spec.images, _IMAGES_PER_FILE)
    if not all(_file(folder, first).exists() for first in starts):
        with cache.lock(_KIND):
            jobs = [(spec, folder, first) for first in starts if not _file(folder, first).exists()]
            cache.check_room(_KIND, len(jobs) * _IMAGES_PER_FILE * spec.image_size_px**2 * 4)
            folder.mkdir(exist_ok=True)
            with progress("rendering hands", len(jobs) * _IMAGES_PER_FILE) as advance:
                for count in side_by_side(_render, jobs, processes):
                    advance(count)
    cache.touch(folder)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("images", "masks", "joints", "right")}
    for first in starts:
        with np.load(_file(folder, first)) as stored:
            for name, arrays in parts.items():
                arrays.append(stored[name])
    return RenderedHands(**{name: np.concatenate(arrays)[: spec.images] for name, arrays in parts.items()})


def _file(folder: Path, first: int) -> Path:
    return folder / f"{first:07d}.npz"


def _render(job: tuple[RenderedSpec, Path, int]) -> int:
    spec, folder, first = job
    # A file is always full, so that a larger set finds it again.
    full = replace(spec, images=first + _IMAGES_PER_FILE)
    samples = [_drawn(full, index) for index in range(first, full.images)]
    with replacing_whole(_file(folder, first)) as beside:
        np.savez(
            beside,
            images=np.stack([one.image for one in samples]),
            masks=np.stack([one.mask for one in samples]),
            joints=np.stack([one.keypoints_px + 0.5 for one in samples]).astype(np.float32),
            right=np.array([not one.left_handed for one in samples], dtype=np.float32),
        )
    return len(samples)


def _drawn(spec: RenderedSpec, index: int) -> RenderedSample:
    return random_pose_sample(spec, index) if index % _POSES_EVERY == 0 else sample(spec, index)
