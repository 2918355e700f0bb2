"""Many random poses with all that is known about them, rendered once and kept in the cache."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from src.storage.cache import Cache
from src.storage.files import replacing_whole
from src.storage.side_by_side import side_by_side
from src.synthetic.dataset import random_pose_sample
from src.synthetic.spec import POSES_VERSIONS, RenderedSpec
from src.terminal import progress

_KIND = "random_poses"
_IMAGES_PER_FILE = 50


@dataclass
class RandomPoses:
    """Many random poses and everything that a network may be asked about them; there is no sign among it.

    Attributes:
        images: (count, size, size, 3) uint8 RGB.
        keypoints_px: (count, 21, 2) float32, as in `RenderedSample`.
        visible: (count, 21) bool.
        joint_angles: (count, 22) float32 radians.
        joints_mm: (count, 21, 3) float32, as in `RenderedSample`.
        left_handed: (count,) bool.
    """

    images: np.ndarray
    keypoints_px: np.ndarray
    visible: np.ndarray
    joint_angles: np.ndarray
    joints_mm: np.ndarray
    left_handed: np.ndarray


# What each array is called in a sample.
_NAMES = {field.name: field.name for field in fields(RandomPoses)} | {"images": "image"}


def random_poses(spec: RenderedSpec, cache_dir: Path, processes: int = 1) -> RandomPoses:
    """The set's images as `random_pose_sample` draws them, rendered once into `cache_dir` and kept there.

    A rendering that was stopped goes on from where it was, and a larger set reuses the images of a smaller one.

    Args:
        spec: which set.
        cache_dir: made if missing.
        processes: how many render side by side; the images do not depend on it.

    Raises:
        UserError: the folder cannot be written or has no room.
    """
    cache = Cache(cache_dir)
    folder = cache.entry(_KIND, {**asdict(spec), "images": "any", **POSES_VERSIONS})
    starts = range(0, spec.images, _IMAGES_PER_FILE)
    if not all(_file(folder, first).exists() for first in starts):
        with cache.lock(_KIND):
            jobs = [(spec, folder, first) for first in starts if not _file(folder, first).exists()]
            images = len(jobs) * _IMAGES_PER_FILE
            cache.check_room(_KIND, images * spec.image_size_px**2 * 3)
            folder.mkdir(exist_ok=True)
            with progress("rendering hands", images) as advance:
                for count in side_by_side(_render, jobs, processes):
                    advance(count)
    cache.touch(folder)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in _NAMES}
    for first in starts:
        with np.load(_file(folder, first)) as stored:
            for name, arrays in parts.items():
                arrays.append(stored[name])
    return RandomPoses(**{name: np.concatenate(arrays)[: spec.images] for name, arrays in parts.items()})


def _file(folder: Path, first: int) -> Path:
    return folder / f"{first:07d}.npz"


def _render(job: tuple[RenderedSpec, Path, int]) -> int:
    spec, folder, first = job
    # A file is always full, so that a larger set finds it again.
    full = replace(spec, images=first + _IMAGES_PER_FILE)
    samples = [random_pose_sample(full, index) for index in range(first, full.images)]
    with replacing_whole(_file(folder, first)) as beside:
        arrays: dict[str, Any] = {
            name: np.stack([getattr(one, own) for one in samples]) for name, own in _NAMES.items()
        }
        np.savez(beside, **arrays)
    return len(samples)
