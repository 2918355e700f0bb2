"""Every image decoded once, into one memory-mapped array a source.

A cache is a folder `<source>-<fingerprint>` with `pixels.npy`, (images, size, size, 3) uint8 RGB, and `verdicts.json`,
what became of each image. The fingerprint covers everything that decides the pixels, so a cache is never stale and
never has to be deleted by hand. It is built beside its place and renamed into it: two processes that build the same
one do no harm, and one that dies leaves nothing that is mistaken for a cache.
"""

import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from src.errors import UserError
from src.sources.decoding import Decoding, Unreadable
from src.sources.records import ImageRecord
from src.sources.source import Source
from src.storage.mapped import MappedRows, RowWriter
from src.terminal import progress

_PIXELS, _VERDICTS = "pixels.npy", "verdicts.json"
_BESIDE = ".building-"
_ABANDONED_AFTER_SECONDS = 24 * 3600
_CHUNK = 36


class Verdict(NamedTuple):
    """What became of one image.

    Attributes:
        width_px, height_px: size as stored, upright; 0 where unreadable.
        note: what was converted, or "".
        unreadable: why there are no pixels, or "" where there are.
    """

    width_px: int
    height_px: int
    note: str
    unreadable: str


@dataclass(frozen=True, slots=True)
class DecodedImages:
    """A cache: row i of `pixels_file` and `verdicts[i]` belong to record i it was asked for."""

    pixels_file: Path
    verdicts: list[Verdict]


def decode_once(source: Source, records: Sequence[ImageRecord], decoding: Decoding, cache_dir: Path) -> DecodedImages:
    """The pixels of all records as one memory-mapped array, decoded now or found in the cache.

    Args:
        source: who decodes them.
        records: some of its images.
        decoding: what they are made into.
        cache_dir: where caches live; made if absent.

    Raises:
        UserError: `cache_dir` cannot be written or has no room.
    """
    fingerprint = hashlib.sha256(json.dumps(source.key(records, decoding), sort_keys=True).encode()).hexdigest()
    place = Path(cache_dir) / f"{source.name}-{fingerprint[:20]}"
    shape = (len(records), decoding.image_size_px, decoding.image_size_px, 3)
    cached = _open(place, shape)
    if cached is not None:
        return cached
    beside = Path(cache_dir) / f"{_BESIDE}{uuid.uuid4().hex}"
    try:
        _clear_abandoned(Path(cache_dir))
        beside.mkdir(parents=True)
        _check_room(Path(cache_dir), int(np.prod(shape)))
        with RowWriter(beside / _PIXELS, shape, np.uint8) as rows:
            _reserve(beside / _PIXELS)
            verdicts = _decode_all(source, records, decoding, rows)
            rows.flush()
        (beside / _VERDICTS).write_text(json.dumps(verdicts, ensure_ascii=False), encoding="utf-8")
        _move_into_place(beside, place, shape)
    except OSError as error:
        raise UserError(
            f"The image cache in {cache_dir} cannot be written ({error.strerror or error}); make room there or name "
            "another folder for it."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return DecodedImages(place / _PIXELS, verdicts)


def _open(place: Path, shape: tuple[int, ...]) -> DecodedImages | None:
    """The cache at `place`, or None where there is none or it is damaged."""
    try:
        verdicts = [Verdict(*verdict) for verdict in json.loads((place / _VERDICTS).read_text(encoding="utf-8"))]
        array = MappedRows(place / _PIXELS)
    except (OSError, ValueError, TypeError):
        return None
    if array.shape != shape or array.dtype != np.uint8 or len(verdicts) != shape[0]:
        return None
    return DecodedImages(place / _PIXELS, verdicts)


def _move_into_place(beside: Path, place: Path, shape: tuple[int, ...]) -> None:
    for _ in range(3):
        try:
            beside.rename(place)
            return
        except OSError:
            if _open(place, shape) is not None:  # another process was first; its pixels are the same
                return
            if not place.exists():
                raise
            # What stands there is damaged. Moved aside first, so that nobody sees a half-deleted folder.
            aside = place.with_name(f"{_BESIDE}{uuid.uuid4().hex}")
            place.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
    raise OSError(f"{place} keeps being taken by something else")


def _clear_abandoned(cache_dir: Path) -> None:
    """Remove what a killed process left behind long ago; a build that is going on is younger than that."""
    if not cache_dir.is_dir():
        return
    for folder in cache_dir.glob(f"{_BESIDE}*"):
        try:
            newest = max(entry.stat().st_mtime for entry in (folder, *folder.iterdir()))
        except OSError:
            continue
        if time.time() - newest > _ABANDONED_AFTER_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _check_room(cache_dir: Path, needed_bytes: int) -> None:
    """A full disk would kill the process while it writes to the memory map, so ask before."""
    free_bytes = shutil.disk_usage(cache_dir).free
    if needed_bytes > free_bytes:
        raise UserError(
            f"The image cache needs {needed_bytes / 1e9:.1f} GB in {cache_dir} but {free_bytes / 1e9:.1f} GB are free; "
            "make room, choose a smaller image size or name another folder for it."
        )


def _reserve(file: Path) -> None:
    """Give a file its room on disk now, where the file system can, for the same reason."""
    if not hasattr(os, "posix_fallocate"):
        return
    with open(file, "r+b") as opened:
        try:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise


def _decode_all(source: Source, records: Sequence[ImageRecord], decoding: Decoding, rows: RowWriter) -> list[Verdict]:
    """Fill `rows`, one an image, in pieces that workers share."""
    starts = range(0, len(records), _CHUNK)
    verdicts: dict[int, list[Verdict]] = {}
    with progress(f"{source.verb} {source.name}", len(records)) as advance, _workers(source) as (pool, count):
        pieces = ((start, pool.submit(_decode, source, records[start : start + _CHUNK], decoding)) for start in starts)
        running = {future: start for start, future in islice(pieces, 2 * count)}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                start = running.pop(future)
                squares, verdicts[start] = future.result()
                rows.write(start, squares)
                advance(len(squares))
                running.update((future, start) for start, future in islice(pieces, 1))
    return [verdict for start in starts for verdict in verdicts[start]]


def _decode(source: Source, records: Sequence[ImageRecord], decoding: Decoding) -> tuple[np.ndarray, list[Verdict]]:
    squares = np.zeros((len(records), decoding.image_size_px, decoding.image_size_px, 3), np.uint8)
    verdicts = []
    for square, record in zip(squares, records, strict=True):
        try:
            decoded = source.decode(record, decoding)
            square[:] = decoded.pixels
            verdicts.append(Verdict(decoded.width_px, decoded.height_px, decoded.note, ""))
        except Unreadable as error:
            verdicts.append(Verdict(0, 0, "", str(error)))
    return squares, verdicts


@contextmanager
def _workers(source: Source) -> Iterator[tuple[Executor, int]]:
    """A pool and its size. Pillow and OpenCV let go of the interpreter's lock, so files are decoded in threads."""
    from src import hardware  # here, because the processes need none of what it brings

    count = hardware.cores()
    if source.in_processes and count > 1:
        # Spawned, not forked: a caller may hold threads and locks.
        with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _one_thread) as pool:
            yield pool, count
    else:
        with ThreadPoolExecutor(count) as pool:
            yield pool, count


def _one_thread() -> None:
    cv2.setNumThreads(1)


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

    def subset(self, indices: Iterable[int]) -> "Pixels":
        """The images at `indices`, in that order; goes with `Manifest.subset`."""
        chosen = np.fromiter((int(index) for index in indices), dtype=np.int64)
        return Pixels(self.files, self.file_of[chosen], self.row_of[chosen], self.image_size_px)

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_maps": {}}
