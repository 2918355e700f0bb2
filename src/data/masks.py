"""Where the hands of a manifest are, computed once and kept beside the decoded pixels.

An entry of the cache holds `masks.npy`, (images, bytes) uint8: each mask's bits in a row, all zero where none is known.
Its key is that of the pixels, and the version of what finds masks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src import hardware
from src.data.hand_crop import known_mask
from src.data.hand_masks import VERSION, is_believable, mask_around_joints, mask_on_black
from src.data.manifest import Manifest
from src.data.pixels import JOINTS_FILE, Pixels
from src.sources.catalog import source_named
from src.sources.decoding import Decoding
from src.sources.records import ImageRecord
from src.sources.source import Places, Source
from src.storage.cache import Cache
from src.storage.mapped import MappedRows, RowWriter
from src.storage.side_by_side import side_by_side
from src.terminal import progress

_MASKS = "masks.npy"
_CHUNK = 36


class Masks:
    """The masks of a manifest, over one memory map a source; `masks[i]` belongs to image i of the manifest.

    It may be sent to other processes: only paths travel.

    Args:
        files: for each file of the pixels its masks, or None where there are none.
        pixels: the images.
    """

    def __init__(self, files: Sequence[Path | None], pixels: Pixels) -> None:
        self.rows = tuple(None if file is None else MappedRows(file) for file in files)
        self.file_of, self.row_of, self.size_px = pixels.file_of, pixels.row_of, pixels.image_size_px
        self.key = [None if file is None else file.parent.name for file in files]

    def __getitem__(self, index: int) -> np.ndarray | None:
        """`(size, size) uint8`, 255 where hand or arm is; None where that is not known."""
        rows = self.rows[int(self.file_of[index])]
        bits = None if rows is None else rows[int(self.row_of[index])]
        if bits is None or not bits.any():
            return None
        size = self.size_px
        return np.unpackbits(bits, count=size * size).reshape(size, size) * np.uint8(255)

    def known(self, indices: Iterable[int]) -> int:
        """How many of some images have a mask."""
        return sum(self[int(index)] is not None for index in indices)


def masks_of(manifest: Manifest, pixels: Pixels, places: Places, decoding: Decoding, cache_dir: Path) -> Masks:
    """The masks of all images, computed now or found in the cache.

    Exact where the source knows them (rendered hands), what is not black where it was cut out, and found around the
    joints that lie beside the pixels where hands were found (`datamodule.crop=hand`).

    Args:
        manifest, pixels: the images.
        places, decoding: where they are from, and what they were made into.
        cache_dir: where the cache is.

    Raises:
        UserError: `cache_dir` cannot be written or has no room.
    """
    files: list[Path | None] = []
    for number, file in enumerate(pixels.files):
        here = np.flatnonzero(pixels.file_of == number)
        source = source_named(manifest[int(here[0])].source) if len(here) else None
        has_way = source is not None and (source.knows_masks or source.is_cut_out or _joints_file(file).is_file())
        files.append(_masks_once(source, file, places, decoding, cache_dir) if source and has_way else None)
    return Masks(files, pixels)


def _joints_file(pixels_file: Path) -> Path:
    return pixels_file.with_name(JOINTS_FILE)


def _masks_once(source: Source, pixels_file: Path, places: Places, decoding: Decoding, cache_dir: Path) -> Path:
    pixels = MappedRows(pixels_file)
    shape = (len(pixels), -(-pixels.shape[1] * pixels.shape[2] // 8))

    def build(folder: Path) -> None:
        records: Sequence[ImageRecord] = ()
        finder = source
        if source.knows_masks:
            discovery = source.find(places)
            finder, records = discovery.source, discovery.records
        with RowWriter(folder / _MASKS, shape, np.uint8) as rows:
            rows.reserve()
        pieces = [
            _Piece(finder, records[first : first + _CHUNK], decoding, pixels_file, folder / _MASKS, first)
            for first in range(0, len(pixels), _CHUNK)
        ]
        # OpenCV lets go of the interpreter's lock; what is calculation in Python needs processes.
        in_processes = source.knows_masks and source.in_processes
        with progress(f"cutting hands out of {source.name}", len(pixels)) as advance:
            for done in side_by_side(_Piece.fill, pieces, hardware.cores(), in_processes):
                advance(done)

    def is_whole(entry: Path) -> bool:
        try:
            return MappedRows(entry / _MASKS).shape == shape
        except (OSError, ValueError):
            return False

    key: dict[str, Any] = {"pixels": pixels_file.parent.name, "version": VERSION}
    return Cache(cache_dir).make(f"masks/{source.name}", key, build, is_whole, shape[0] * shape[1]) / _MASKS


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive images, whose masks are the rows of `file` from `first` on."""

    source: Source
    records: Sequence[ImageRecord]
    decoding: Decoding
    pixels_file: Path
    file: Path
    first: int

    def fill(self) -> int:
        """Write the rows; how many there were."""
        pixels = MappedRows(self.pixels_file)
        joints_file = _joints_file(self.pixels_file)
        joints = MappedRows(joints_file) if joints_file.is_file() else None
        shape = (len(pixels), -(-pixels.shape[1] * pixels.shape[2] // 8))
        last = min(self.first + _CHUNK, len(pixels))
        with RowWriter(self.file, shape, np.uint8) as rows:
            for row in range(self.first, last):
                mask = self._mask(row, pixels[row], None if joints is None else joints[row])
                if mask is not None and is_believable(mask):
                    rows[row] = np.packbits(mask)
        return last - self.first

    def _mask(self, row: int, picture: np.ndarray, joints: np.ndarray | None) -> np.ndarray | None:
        if self.source.knows_masks:
            return known_mask(self.source, self.records[row - self.first], self.decoding)
        if self.source.is_cut_out:
            return mask_on_black(picture)
        if joints is None or not np.isfinite(joints).all():
            return None
        return mask_around_joints(picture, joints)
