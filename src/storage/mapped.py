"""Arrays on disk, a row an image, that are read through a memory map and written without one.

A mapped page that was touched counts as this process's memory until it is let go. So reading lets go of the map's pages
from time to time, and writing goes through the file: memory stays the same however many rows there are.
"""

import errno
import mmap
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

# Touched pages of one map that a process may keep. Letting go costs little: the pages stay in the system's file cache.
_KEPT_BYTES = 16 * 2**20


class MappedRows:
    """An `.npy` file, `(rows, …)`, read row by row. It may be sent to other processes: each opens its own map.

    Raises:
        OSError, ValueError: the file is not there or is no such array.
    """

    def __init__(self, file: Path) -> None:
        self.file = Path(file)
        self._map: mmap.mmap | None = None
        self._touched_bytes = 0
        with self.file.open("rb") as opened:
            version = npy.read_magic(opened)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            self.shape, is_fortran, self.dtype = read(opened)
            self._start = opened.tell()
        if is_fortran or self.dtype.hasobject or not self.shape:
            raise ValueError(f"{file} is not an array of rows")
        self._row_bytes = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        if self.file.stat().st_size < self._start + len(self) * self._row_bytes:
            raise ValueError(f"{file} is cut short")

    def __len__(self) -> int:
        return self.shape[0]

    def open(self) -> np.ndarray:
        """The whole array, read-only, through the map."""
        if self._map is None:
            with self.file.open("rb") as opened:
                self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        count = int(np.prod(self.shape, dtype=np.int64))
        return np.frombuffer(self._map, self.dtype, count, self._start).reshape(self.shape)

    def __getitem__(self, row: int) -> np.ndarray:
        """One row, a read-only view."""
        self._let_go(1)
        return self.open()[row]

    def take(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """`(len(rows), …)`: copies of some rows, in that order."""
        self._let_go(len(rows))
        return np.take(self.open(), rows, axis=0, out=out, mode="clip" if out is not None else "raise")

    def _let_go(self, rows: int) -> None:
        self._touched_bytes += rows * max(self._row_bytes, mmap.PAGESIZE)
        if self._touched_bytes > _KEPT_BYTES and self._map is not None and hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_DONTNEED)
            self._touched_bytes = 0

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_map": None, "_touched_bytes": 0}


class RowWriter:
    """Writes rows of an `.npy` file in any order, from any thread; rows never written take no room on most disks.

    Args:
        file: made if it is not there; an existing one is written into and must have this shape and type.

    Raises:
        OSError: the file cannot be made or written to.
        ValueError: the existing file is another array.
    """

    def __init__(self, file: Path, shape: tuple[int, ...], dtype: np.dtype | type) -> None:
        if not file.exists():
            npy.open_memmap(file, mode="w+", shape=shape, dtype=dtype).flush()
        there = MappedRows(file)
        if there.shape != shape or there.dtype != np.dtype(dtype):
            raise ValueError(f"{file} holds another array")
        self._start, self._row_bytes, self._row_shape = there._start, there._row_bytes, shape[1:]
        self.dtype = there.dtype
        self._descriptor = os.open(file, os.O_RDWR)

    def __setitem__(self, row: int, values: np.ndarray) -> None:
        """Write one row, `(…)`."""
        self.write(row, values[None])

    def write(self, first: int, values: np.ndarray) -> None:
        """Write consecutive rows from `first` on, `(rows, …)` of the file's own type."""
        if values.shape[1:] != self._row_shape or values.dtype != self.dtype:
            raise ValueError(f"rows are {self._row_shape} {self.dtype}, not {values.shape[1:]} {values.dtype}")
        content = memoryview(np.ascontiguousarray(values).data).cast("B")
        offset = self._start + first * self._row_bytes
        while content:
            written = os.pwrite(self._descriptor, content, offset)
            content, offset = content[written:], offset + written

    def scatter(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Write `values[i]` to row `rows[i]`; neighbouring rows go to disk in one piece."""
        if not len(rows):
            return
        starts = np.flatnonzero(np.diff(rows, prepend=rows[0] - 2) != 1)
        for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
            self.write(int(rows[start]), values[start:stop])

    def reserve(self) -> None:
        """Give the whole file its room on disk now, where the file system can, rather than row by row.

        Raises:
            OSError: there is not so much room.
        """
        if not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(self._descriptor, 0, os.fstat(self._descriptor).st_size)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise

    def flush(self) -> None:
        """Wait until what was written is on the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
