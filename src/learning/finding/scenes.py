"""Rendered rooms for the finder: whole frames of a webcam with a hand in them, and some without, rendered once."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from src.storage.cache import Cache
from src.storage.files import replacing_whole
from src.storage.side_by_side import side_by_side
from src.synthetic.scenes import empty_scene, scene_sample
from src.synthetic.spec import POSES_VERSIONS, SIGNS_VERSIONS, RenderedSpec
from src.terminal import progress

WIDTH_PX, HEIGHT_PX = 320, 240
_KIND = "finder_scenes"
_SCENES_PER_FILE = 48
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
    cache = Cache(cache_dir)
    folder = cache.entry(_KIND, {**asdict(spec), "images": "any", **SIGNS_VERSIONS, **POSES_VERSIONS})
    starts = range(0, spec.images, _SCENES_PER_FILE)
    if not all(_file(folder, first).exists() for first in starts):
        with cache.lock(_KIND):
            jobs = [(spec, folder, first) for first in starts if not _file(folder, first).exists()]
            cache.check_room(_KIND, len(jobs) * _SCENES_PER_FILE * WIDTH_PX * HEIGHT_PX * 3)
            folder.mkdir(exist_ok=True)
            with progress("rendering rooms", len(jobs) * _SCENES_PER_FILE) as advance:
                for count in side_by_side(_render, jobs, processes):
                    advance(count)
    cache.touch(folder)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("images", "joints", "right", "empty")}
    for first in starts:
        with np.load(_file(folder, first)) as stored:
            for name, arrays in parts.items():
                arrays.append(stored[name])
    return Scenes(**{name: np.concatenate(arrays) for name, arrays in parts.items()})


def _file(folder: Path, first: int) -> Path:
    return folder / f"{first:07d}.npz"


def _render(job: tuple[RenderedSpec, Path, int]) -> int:
    spec, folder, first = job
    # A file is always full, so that a larger set finds it again.
    full = replace(spec, images=first + _SCENES_PER_FILE)
    indices = range(first, full.images)
    hands = [scene_sample(full, index, WIDTH_PX, HEIGHT_PX) for index in indices if index % _EMPTY_EVERY]
    empty = [empty_scene(full, index, WIDTH_PX, HEIGHT_PX) for index in indices if not index % _EMPTY_EVERY]
    with replacing_whole(_file(folder, first)) as beside:
        np.savez(
            beside,
            images=np.stack([one.image for one in hands]),
            joints=np.stack([one.keypoints_px + 0.5 for one in hands]).astype(np.float32),
            right=np.array([not one.left_handed for one in hands], dtype=np.float32),
            empty=np.stack([one.image for one in empty]),
        )
    return len(indices)
