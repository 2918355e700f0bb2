"""Every image of a source decoded once, into one memory-mapped array.

An entry of the cache holds `pixels.npy`, (images, size, size, 3) uint8 RGB, and `verdicts.json`, what became of each
image. Its key is the source's own: everything that decides the pixels. Where hands are cut out, `joints.npy`,
(images, 21, 2) float32 shares of the square, lies beside, and the key names the finder, too.
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from src.data.hand_crop import cropped
from src.data.pixels import JOINTS, JOINTS_FILE
from src.hands.hand import SQUARE_VERSION
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
        certainty: of the hand that was cut out, 0 to 1; 0 where none was found and the pixels are the whole image; None
            where none was looked for.
    """

    width_px: int
    height_px: int
    note: str
    unreadable: str
    certainty: float | None = None


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
    crops = decoding.crop == "hand"

    def build(folder: Path) -> None:
        with ExitStack() as files:
            rows = files.enter_context(RowWriter(folder / _PIXELS, shape, np.uint8))
            rows.reserve()
            if crops:
                files.enter_context(RowWriter(folder / JOINTS_FILE, (len(records), JOINTS, 2), np.float32))
            verdicts = _decode_all(source, records, decoding, folder / _PIXELS)
            rows.flush()
        lines = [verdict if crops else verdict[:-1] for verdict in verdicts]  # as it was before there were crops
        (folder / _VERDICTS).write_text(json.dumps(lines, ensure_ascii=False), encoding="utf-8")

    def is_whole(entry: Path) -> bool:
        try:
            rows = MappedRows(entry / _PIXELS)
            if crops and MappedRows(entry / JOINTS_FILE).shape != (len(records), JOINTS, 2):
                return False
            return rows.shape == shape and rows.dtype == np.uint8 and len(_verdicts(entry)) == len(records)
        except (OSError, ValueError, TypeError):
            return False

    key = source.key(records, decoding)
    if crops:
        key = {"whole": key, **_crop_key(source, decoding)}
    entry = Cache(cache_dir).make(f"pixels/{source.name}", key, build, is_whole, int(np.prod(shape)))
    return DecodedImages(entry / _PIXELS, _verdicts(entry))


def _crop_key(source: Source, decoding: Decoding) -> dict[str, Any]:
    """What decides the pixels beside what decides those of the whole images."""
    finder = "" if source.knows_hands else decoding.finder
    return {"crop": decoding.crop, "margin": decoding.crop_margin, "finder": finder, "version": SQUARE_VERSION}


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
        with ExitStack() as files:
            rows = files.enter_context(RowWriter(self.file, self.shape, np.uint8))
            write = partial(self._write_whole, rows)
            if self.decoding.crop == "hand":
                joints_shape = (self.shape[0], JOINTS, 2)
                joints = files.enter_context(RowWriter(self.file.with_name(JOINTS_FILE), joints_shape, np.float32))
                write = partial(self._write_hand, rows, joints)
            for row, record in enumerate(self.records, self.first):
                try:
                    verdicts.append(write(row, record))
                except Unreadable as error:
                    verdicts.append(Verdict(0, 0, "", str(error)))
        return self.first, verdicts

    def _write_whole(self, rows: RowWriter, row: int, record: ImageRecord) -> Verdict:
        decoded = self.source.decode(record, self.decoding)
        rows[row] = decoded.pixels
        return Verdict(decoded.width_px, decoded.height_px, decoded.note, "")

    def _write_hand(self, rows: RowWriter, joints: RowWriter, row: int, record: ImageRecord) -> Verdict:
        decoded, joints[row], certainty = cropped(self.source, record, self.decoding)
        rows[row] = decoded.pixels
        return Verdict(decoded.width_px, decoded.height_px, decoded.note, "", round(certainty, 4))


def _decode_all(source: Source, records: Sequence[ImageRecord], decoding: Decoding, file: Path) -> list[Verdict]:
    """Fill the rows of `file`, one an image, in pieces that workers share.

    Pillow, OpenCV and the finder let go of the interpreter's lock, so files are decoded in threads.
    """
    from src import hardware  # here, because the processes need none of what it brings

    shape = MappedRows(file).shape
    pieces = [
        _Piece(source, records[first : first + _CHUNK], decoding, file, first, shape)
        for first in range(0, len(records), _CHUNK)
    ]
    verdicts: dict[int, list[Verdict]] = {}
    looks = decoding.crop == "hand" and not source.knows_hands
    with progress(f"{'finding hands in' if looks else source.verb} {source.name}", len(records)) as advance:
        for first, some in side_by_side(_Piece.decode, pieces, hardware.cores(), source.in_processes):
            verdicts[first] = some
            advance(len(some))
    return [verdict for first in sorted(verdicts) for verdict in verdicts[first]]
