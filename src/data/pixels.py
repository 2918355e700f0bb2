"""The decoded images of a manifest, read from the files that `src.data.pixel_cache` made."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.storage.mapped import MappedRows

JOINTS = 21  # of a hand, in MediaPipe's order
JOINTS_FILE = "joints.npy"  # beside the pixels of hands that were cut out


class Pixels:
    """The decoded images of a manifest, over one memory map a source, opened where it is first used.

    `pixels[i]` belongs to record i of the manifest it came with. It may be sent to other processes: only paths travel,
    and each process opens its own maps.
    """

    def __init__(self, files: Sequence[Path], file_of: np.ndarray, row_of: np.ndarray, image_size_px: int) -> None:
        """
        Args:
            files: .npy files, (rows, size, size, 3) uint8.
            file_of: (images,) position in `files` of each image's file.
            row_of: (images,) row in that file.
            image_size_px: side of the images.
        """
        self.files = tuple(Path(file) for file in files)
        self.file_of = np.asarray(file_of, dtype=np.int32)
        self.row_of = np.asarray(row_of, dtype=np.int64)
        self.image_size_px = image_size_px
        self._maps: dict[int, MappedRows] = {}
        self._joints: dict[int, MappedRows | None] = {}

    def __len__(self) -> int:
        return len(self.row_of)

    def __getitem__(self, index: int) -> np.ndarray:
        """(size, size, 3) uint8 RGB: a read-only view of the cache."""
        which = int(self.file_of[index])
        if which not in self._maps:
            self._maps[which] = MappedRows(self.files[which])
        return self._maps[which][int(self.row_of[index])]

    def take(self, indices: Iterable[int]) -> np.ndarray:
        """(len(indices), size, size, 3) uint8 RGB, copied into memory."""
        chosen = [self[int(index)] for index in indices]
        return np.stack(chosen) if chosen else np.empty((0, self.image_size_px, self.image_size_px, 3), np.uint8)

    def joints(self, indices: Iterable[int]) -> np.ndarray:
        """(len(indices), 21, 2) float32: x, y of the hand's joints as shares of the square; NaN where unknown."""
        found = np.full((len(chosen := [int(index) for index in indices]), JOINTS, 2), np.nan, dtype=np.float32)
        for place, index in enumerate(chosen):
            which = int(self.file_of[index])
            if which not in self._joints:
                file = self.files[which].with_name(JOINTS_FILE)
                self._joints[which] = MappedRows(file) if file.is_file() else None
            if (rows := self._joints[which]) is not None:
                found[place] = rows[int(self.row_of[index])]
        return found

    def subset(self, indices: Iterable[int]) -> "Pixels":
        """The images at `indices`, in that order; goes with `Manifest.subset`."""
        chosen = np.fromiter((int(index) for index in indices), dtype=np.int64)
        return Pixels(self.files, self.file_of[chosen], self.row_of[chosen], self.image_size_px)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_maps": {}, "_joints": {}}
