"""Activations kept on disk: what left a network's first stages, an array a view, a row an image.

A store is an entry of the cache (`src.storage.cache`) that grows: rows are filled in as runs ask for them. Which rows
are filled is written beside and renamed, after the rows are on the disk: a job that dies while writing leaves rows that
nobody reads, and the next one fills them again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from src.storage.cache import Cache
from src.storage.files import replacing_whole, write_json
from src.storage.mapped import MappedRows, RowWriter

PLAIN = -1  # the view of an image as it is, without augmentation

_KIND = "activations"
_ABOUT = "about.json"
_STORED_AS = {torch.bfloat16: np.uint16}  # NumPy has no bfloat16; the bits are kept as they are


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


class FeatureStore:
    """The activations of one cut, for any views of any images of one manifest.

    Args:
        cache_dir: where caches live.
        about: everything that the numbers depend on, as plain values.
        images: images in the manifest.
    """

    def __init__(self, cache_dir: Path, about: Mapping[str, Any], images: int) -> None:
        self.cache = Cache(cache_dir)
        self.folder = self.cache.entry(_KIND, about)
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
            about: dict[str, Any] = json.loads((self.folder / _ABOUT).read_text(encoding="utf-8"))
            return about
        except (OSError, ValueError):
            return {}

    def lacking(self, view: int, images: np.ndarray) -> np.ndarray:
        """Those of `images` whose row of this view has not been filled."""
        return images[~self._filled(view)[images]]

    def _filled(self, view: int) -> np.ndarray:
        none, parts = np.zeros(self.images, dtype=bool), self.parts
        try:
            filled = np.load(self._filled_file(view), allow_pickle=False)
            for part in range(len(parts)):
                MappedRows(self._file(view, part))  # the rows themselves may have been deleted by hand
        except (OSError, ValueError):
            return none
        return filled if parts and filled.shape == (self.images,) else none

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
        """Remember that this store is in use: the one unused for longest makes room first."""
        self.cache.touch(self.folder)

    def read(self, images: np.ndarray, views: np.ndarray) -> tuple[Tensor, ...]:
        """The rows of some images, each of its own view, as the network gave them; pictures are stored channels-last.

        Args:
            images: `(batch,) int64` indices into the manifest.
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
    """Writes rows of one view of a store; `close` makes them known to readers."""

    def __init__(self, store: FeatureStore, view: int, parts: Sequence[Part]) -> None:
        self.store, self.view, self.parts = store, view, tuple(parts)
        self.filled = store._filled(view)
        self.files = []
        for number, part in enumerate(parts):
            file, shape = store._file(view, number), (store.images, *part.shape)
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
        with replacing_whole(self.store._filled_file(self.view)) as beside:
            np.save(beside, self.filled)


def filling(cache_dir: Path) -> AbstractContextManager[Path]:
    """The lock that a job holds while it fills stores or makes room; a dead job's lock is free.

    Raises:
        UserError: `cache_dir` cannot be written.
    """
    return Cache(cache_dir).lock(_KIND)


def make_room(cache_dir: Path, needed_bytes: int, budget_bytes: float, keep: Iterable[FeatureStore]) -> None:
    """Delete the stores that were not used for longest until `needed_bytes` more fit into the budget.

    Raises:
        UserError: this run alone needs more than the budget, or more than the disk has.
    """
    advice = "raise cache.budget_gb, lower cache.views, or use cache=off"
    Cache(cache_dir).make_room(_KIND, needed_bytes, budget_bytes, {store.folder for store in keep}, advice)
