"""Every image of a source decoded once, into one memory-mapped array.

An entry of the cache holds `pixels.npy`, (images, size, size, 3) uint8 RGB, and `verdicts.json`, what became of each
image. Its key is the source's own: everything that decides the pixels.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.sources.decoding import Decoding, Unreadable
from src.sources.records import ImageRecord
from src.sources.source import Source
from src.storage.cache import Cache
from src.storage.mapped import MappedRows, RowWriter
from src.storage.side_by_side import side_by_side
from src.terminal import progress

_PIXELS, _VERDICTS = "pixels.npy", "verdicts.json"
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
        cache_dir: where the cache is; made if absent.

    Raises:
        UserError: `cache_dir` cannot be written or has no room.
    """
    shape = (len(records), decoding.image_size_px, decoding.image_size_px, 3)

    def build(folder: Path) -> None:
        with RowWriter(folder / _PIXELS, shape, np.uint8) as rows:
            rows.reserve()
            verdicts = _decode_all(source, records, decoding, folder / _PIXELS)
            rows.flush()
        (folder / _VERDICTS).write_text(json.dumps(verdicts, ensure_ascii=False), encoding="utf-8")

    def is_whole(entry: Path) -> bool:
        try:
            rows = MappedRows(entry / _PIXELS)
            return rows.shape == shape and rows.dtype == np.uint8 and len(_verdicts(entry)) == len(records)
        except (OSError, ValueError, TypeError):
            return False

    key = source.key(records, decoding)
    entry = Cache(cache_dir).make(f"pixels/{source.name}", key, build, is_whole, int(np.prod(shape)))
    return DecodedImages(entry / _PIXELS, _verdicts(entry))


def _verdicts(entry: Path) -> list[Verdict]:
    return [Verdict(*verdict) for verdict in json.loads((entry / _VERDICTS).read_text(encoding="utf-8"))]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive records, whose pixels are the rows of `file` from `first` on."""

    source: Source
    records: Sequence[ImageRecord]
    decoding: Decoding
    file: Path
    first: int
    shape: tuple[int, ...]

    def decode(self) -> tuple[int, list[Verdict]]:
        """Write the rows; what became of each. They go to the file from here: no pixels travel between processes."""
        verdicts = []
        with RowWriter(self.file, self.shape, np.uint8) as rows:
            for row, record in enumerate(self.records, self.first):
                try:
                    decoded = self.source.decode(record, self.decoding)
                    rows[row] = decoded.pixels
                    verdicts.append(Verdict(decoded.width_px, decoded.height_px, decoded.note, ""))
                except Unreadable as error:
                    verdicts.append(Verdict(0, 0, "", str(error)))
        return self.first, verdicts


def _decode_all(source: Source, records: Sequence[ImageRecord], decoding: Decoding, file: Path) -> list[Verdict]:
    """Fill the rows of `file`, one an image, in pieces that workers share.

    Pillow and OpenCV let go of the interpreter's lock, so files are decoded in threads.
    """
    from src import hardware  # here, because the processes need none of what it brings

    shape = MappedRows(file).shape
    pieces = [
        _Piece(source, records[first : first + _CHUNK], decoding, file, first, shape)
        for first in range(0, len(records), _CHUNK)
    ]
    verdicts: dict[int, list[Verdict]] = {}
    with progress(f"{source.verb} {source.name}", len(records)) as advance:
        for first, some in side_by_side(_Piece.decode, pieces, hardware.cores(), source.in_processes):
            verdicts[first] = some
            advance(len(some))
    return [verdict for first in sorted(verdicts) for verdict in verdicts[first]]
