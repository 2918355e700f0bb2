"""Rendered sets of the finder's training: files of equally many pictures, which a larger set finds again."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from src.storage.cache import Cache
from src.storage.files import replacing_whole
from src.storage.side_by_side import side_by_side
from src.synthetic.spec import POSES_VERSIONS, SIGNS_VERSIONS, RenderedSpec
from src.terminal import progress

PER_FILE = 48

# (spec, indices) → arrays by name, one row a picture.
Render = Callable[[RenderedSpec, range], dict[str, np.ndarray]]


def rendered_arrays(
    kind: str, spec: RenderedSpec, render: Render, picture_bytes: int, cache_dir: Path, processes: int
) -> dict[str, np.ndarray]:
    """What `render` makes of the whole files that hold a set, made once; each array's files joined.

    Args:
        kind: the cache's name for such sets.
        spec: which set; a module's own function renders it, so that processes find it.
        picture_bytes: room that a picture needs.
        cache_dir: where it is kept.
        processes: how many render side by side.

    Raises:
        UserError: the folder cannot be written or has no room.
    """
    cache = Cache(cache_dir)
    key = {**asdict(spec), "images": "any", "per_file": PER_FILE, **SIGNS_VERSIONS, **POSES_VERSIONS}
    folder = cache.entry(kind, key)
    files = {first: folder / f"{first:07d}.npz" for first in range(0, spec.images, PER_FILE)}
    if not all(file.exists() for file in files.values()):
        with cache.lock(kind):
            jobs = [(spec, render, file, first) for first, file in files.items() if not file.exists()]
            cache.check_room(kind, len(jobs) * PER_FILE * picture_bytes)
            folder.mkdir(exist_ok=True)
            with progress(f"rendering {kind.removeprefix('finder_')}", len(jobs) * PER_FILE) as advance:
                for count in side_by_side(_render, jobs, processes):
                    advance(count)
    cache.touch(folder)
    parts: dict[str, list[np.ndarray]] = {}
    for file in files.values():
        with np.load(file) as stored:
            for name in stored.files:
                parts.setdefault(name, []).append(stored[name])
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _render(job: tuple[RenderedSpec, Render, Path, int]) -> int:
    spec, render, file, first = job
    indices = range(first, first + PER_FILE)
    # A file is always full, so that a larger set finds it again.
    arrays = render(replace(spec, images=indices.stop), indices)
    with replacing_whole(file) as beside:
        np.savez(beside, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own arguments
    return PER_FILE
