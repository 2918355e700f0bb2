"""Activations kept on disk: what left a network's first stages, an array a view, a row an image.

A shelf is a folder under `<cache_dir>/prefix`, named by a digest of everything that its numbers depend on, so it is
never stale. Rows are filled in as runs ask for them. Which rows are filled is written beside and renamed, after the
rows are on the disk: a job that dies while writing leaves rows that nobody reads, and the next one fills them again.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from src.errors import UserError
from src.storage.files import replacing_whole, write_json
from src.storage.mapped import MappedRows, RowWriter

PLAIN = -1  # the view of an image as it is, without augmentation

_FOLDER = "prefix"
_LOCK = ".filling.lock"
_ABOUT = "about.json"
_USED = "last_used"
_STORED_AS = {torch.bfloat16: np.uint16}  # NumPy has no bfloat16; the bits are kept as they are


def digest(about: Mapping[str, Any]) -> str:
    """32 hexadecimal digits that name `about`, a mapping of plain values."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Part:
    """One tensor that crosses a cut, without its batch dimension.

    Attributes:
        shape: as stored: height × width × channels where the tensor is a picture of channels.
        dtype: torch's name of its type.
    """

    shape: tuple[int, ...]
    dtype: str

    @property
    def stored(self) -> np.dtype:
        """The type of the array on disk, of the same size."""
        torch_type = getattr(torch, self.dtype)
        return np.dtype(_STORED_AS.get(torch_type, self.dtype))

    @property
    def row_bytes(self) -> int:
        """Bytes that one image takes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.stored.itemsize

    @classmethod
    def of(cls, tensor: Tensor) -> "Part":
        """The part that rows of `tensor` `(batch, …)` are stored as."""
        return cls(tuple(_channels_last(tensor).shape[1:]), str(tensor.dtype).removeprefix("torch."))


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor


def _as_rows(tensor: Tensor, part: Part) -> np.ndarray:
    rows = _channels_last(tensor.detach()).cpu().contiguous()
    return rows.view(torch.int16).numpy().view(np.uint16) if part.dtype == "bfloat16" else rows.numpy()


def _as_tensor(rows: np.ndarray, part: Part) -> Tensor:
    tensor = torch.from_numpy(rows.view(np.int16)).view(torch.bfloat16) if part.dtype == "bfloat16" else None
    tensor = torch.from_numpy(rows) if tensor is None else tensor
    return tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor


class Shelf:
    """The activations of one cut, for any views of any images of one manifest.

    Args:
        cache_dir: where caches live.
        about: everything that the numbers depend on, as plain values.
        images: images in the manifest.
    """

    def __init__(self, cache_dir: Path, about: Mapping[str, Any], images: int) -> None:
        self.folder = Path(cache_dir) / _FOLDER / digest(about)
        self.about, self.images = dict(about), images
        self._maps: dict[int, tuple[MappedRows, ...]] = {}
        self._opened_parts: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """What a row consists of; () before the first was written."""
        return tuple(Part(tuple(part["shape"]), part["dtype"]) for part in self._read_about().get("parts", ()))

    @property
    def seconds_per_image(self) -> float:
        """What it took to make a row: drawing it and pushing it through the stages, a share of its batch's time."""
        return float(self._read_about().get("seconds_per_image", 0.0))

    def _read_about(self) -> dict[str, Any]:
        try:
            return json.loads((self.folder / _ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def lacking(self, view: int, images: np.ndarray) -> np.ndarray:
        """Those of `images` whose row of this view has not been filled."""
        return images[~self._filled(view)[images]]

    def _filled(self, view: int) -> np.ndarray:
        try:
            filled = np.load(self._filled_file(view), allow_pickle=False)
            for part in range(len(self.parts)):
                MappedRows(self._file(view, part))  # the rows themselves may have been deleted by hand
        except (OSError, ValueError):
            return np.zeros(self.images, dtype=bool)
        return filled if filled.shape == (self.images,) else np.zeros(self.images, dtype=bool)

    def _file(self, view: int, part: int) -> Path:
        return self.folder / f"{_view_name(view)}.{part}.npy"

    def _filled_file(self, view: int) -> Path:
        return self.folder / f"{_view_name(view)}.filled.npy"

    def describe(self, parts: Sequence[Part], seconds_per_image: float) -> None:
        """Say what a row consists of and what one took; before the first row is written, and after the last."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shapes = [{"shape": list(part.shape), "dtype": part.dtype} for part in parts]
        write_json(
            self.folder / _ABOUT,
            {"parts": shapes, "seconds_per_image": seconds_per_image, "depends_on": self.about},
        )

    def writer(self, view: int, parts: Sequence[Part]) -> "ViewWriter":
        """A writer of rows of one view; used by one process at a time (see `filling`)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return ViewWriter(self, view, parts)

    def open(self, views: Iterable[int]) -> None:
        """Map what is kept of these views. An open map outlives the file, should another job make room."""
        self.touch()
        self._opened_parts = self.parts
        for view in views:
            if view not in self._maps:
                self._maps[view] = tuple(MappedRows(self._file(view, part)) for part in range(len(self._opened_parts)))
                for rows in self._maps[view]:
                    rows.open()

    def touch(self) -> None:
        """Remember that this shelf is in use: what has not been used longest makes room first."""
        (self.folder / _USED).touch()

    def read(self, images: np.ndarray, views: np.ndarray) -> tuple[Tensor, ...]:
        """The rows of some images, each of its own view, as the network gave them; pictures are stored channels-last.

        Args:
            images: `(batch,) int64` places in the manifest.
            views: `(batch,) int64`, each an opened view.
        """
        read = []
        for number, part in enumerate(self._opened_parts):
            rows = np.empty((len(images), *part.shape), dtype=part.stored)
            for view in np.unique(views):
                chosen = np.flatnonzero(views == view)
                kept = self._maps[int(view)][number]
                if len(chosen) == len(images):
                    kept.take(images, out=rows)
                else:
                    rows[chosen] = kept.take(images[chosen])
            read.append(_as_tensor(rows, part))
        return tuple(read)


def _view_name(view: int) -> str:
    return "plain" if view == PLAIN else f"view{view}"


class ViewWriter:
    """Writes rows of one view of a shelf; `close` makes them known to readers."""

    def __init__(self, shelf: Shelf, view: int, parts: Sequence[Part]) -> None:
        self.shelf, self.view, self.parts = shelf, view, tuple(parts)
        self.filled = shelf._filled(view)
        self.files = []
        for number, part in enumerate(parts):
            file, shape = shelf._file(view, number), (shelf.images, *part.shape)
            try:
                self.files.append(RowWriter(file, shape, part.stored))
            except ValueError:  # cut short by a full disk or a dying job
                file.unlink()
                self.filled[:] = False
                self.files.append(RowWriter(file, shape, part.stored))

    def write(self, images: np.ndarray, activations: Sequence[Tensor]) -> None:
        """Rows `activations[…][i]` of images `images[i]`; the order does not matter."""
        order = np.argsort(images, kind="stable")
        for file, part, tensor in zip(self.files, self.parts, activations, strict=True):
            file.scatter(images[order], _as_rows(tensor, part)[order])
        self.filled[images] = True

    def close(self) -> None:
        """Bring the rows to the disk, then say that they are there."""
        for file in self.files:
            file.flush()
            file.close()
        with replacing_whole(self.shelf._filled_file(self.view)) as beside:
            np.save(beside, self.filled)


def filling(cache_dir: Path) -> FileLock:
    """The lock that a job holds while it fills shelves or makes room; a dead job's lock is free."""
    folder = Path(cache_dir) / _FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The cache folder {folder} cannot be made ({error.strerror or error}): choose another with "
            "datamodule.cache_dir, or use cache=off."
        ) from None
    return FileLock(folder / _LOCK)


def make_room(cache_dir: Path, needed_bytes: int, budget_bytes: float, keep: Iterable[Shelf]) -> None:
    """Delete the shelves that were not used for longest until `needed_bytes` more fit into the budget.

    Raises:
        UserError: this run alone needs more than the budget, or more than the disk has.
    """
    root = Path(cache_dir) / _FOLDER
    kept = {shelf.folder for shelf in keep}
    sizes = {folder: _size_bytes(folder) for folder in root.iterdir() if folder.is_dir()}
    own = sum(size for folder, size in sizes.items() if folder in kept)
    if own + needed_bytes > budget_bytes:
        raise UserError(
            f"The cached prefix of this run needs {(own + needed_bytes) / 1e9:.1f} GB, but cache.budget_gb="
            f"{budget_bytes / 1e9:g}: raise it, lower cache.views, or use cache=off."
        )
    total = sum(sizes.values())
    for folder in sorted((folder for folder in sizes if folder not in kept), key=_last_used):
        if total + needed_bytes <= budget_bytes and needed_bytes <= shutil.disk_usage(root).free:
            break
        shutil.rmtree(folder, ignore_errors=True)
        total -= sizes[folder]
    free_bytes = shutil.disk_usage(root).free
    if needed_bytes > free_bytes:
        raise UserError(
            f"The cached prefix of this run needs {needed_bytes / 1e9:.1f} GB in {root}, where {free_bytes / 1e9:.1f} "
            "GB are free: make room, lower cache.views, or use cache=off."
        )


def _size_bytes(folder: Path) -> int:
    return sum(512 * file.stat().st_blocks for file in folder.iterdir())  # sparse files are smaller than they look


def _last_used(folder: Path) -> float:
    try:
        return (folder / _USED).stat().st_mtime
    except OSError:
        return 0.0
