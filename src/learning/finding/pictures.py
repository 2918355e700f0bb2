"""Photographs with a teacher's joints, decoded and cut out once into the cache.

The teacher's answers are a table `path,width,height,side,x0,y0,z0,…,x20,y20,z20`, gzipped: x and y in pixels of the
picture, `side` as MediaPipe Hands says it of a mirrored picture (`Left` is a right hand), empty where it found none.
"""

import csv
import gzip
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2
import numpy as np

from src import hardware
from src.data.hand_masks import VERSION as MASKS_VERSION
from src.data.hand_masks import is_believable, mask_around_joints
from src.errors import UserError
from src.hands.squares import Square
from src.learning.finding.recipe import PictureSet
from src.nets.finder import NUM_JOINTS
from src.sources.decoding import DECODER_VERSION, Unreadable
from src.sources.images import decode
from src.sources.records import ImageRecord
from src.storage.cache import Cache
from src.storage.side_by_side import side_by_side
from src.terminal import progress

LARGEST_PX = 320  # the longer side of a picture as it is kept
MASK_PX = 112
MASK_MARGIN = 2.1  # side of a mask's square in lengths of the hand's box
_KIND = "finder_pictures"
_VERSION = 1
_PIXELS, _TABLE = "pixels.bin", "table.npz"
_JOBS_OF = 64


class Teacher(NamedTuple):
    """What the teacher said of one picture.

    Attributes:
        path: below the data root.
        width: of the picture that it saw, in pixels.
        joints: (21, 2) float32 in pixels of that picture; None where it found no hand.
        right: 1 for a right hand, 0 for a left one.
    """

    path: str
    width: int
    joints: np.ndarray | None
    right: float


@dataclass
class Pictures:
    """Photographs in which a hand was found.

    Attributes:
        pixels: (bytes,) uint8, all pictures one behind the other.
        offsets: (count,) int64 where each begins.
        shapes: (count, 2) int32 height and width.
        joints: (count, 21, 2) float32 in pixels of the picture as it is kept.
        right: (count,) float32, 1 for a right hand.
        masks: (count, MASK_PX, MASK_PX / 8) uint8, a bit a pixel of `mask_square`; none is set where there is no mask.
        sets: (count,) names of the sets they belong to.
        persons: (count,) who is seen, as `set` or `set/person`.
    """

    pixels: np.ndarray
    offsets: np.ndarray
    shapes: np.ndarray
    joints: np.ndarray
    right: np.ndarray
    masks: np.ndarray
    sets: np.ndarray
    persons: np.ndarray

    def __post_init__(self) -> None:
        low, high = self.joints.min(1), self.joints.max(1)
        self.centers, self.sides = (low + high) / 2, np.maximum((high - low).max(1), 4.0)
        self.has_mask = self.masks.any(axis=(1, 2))

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index: int) -> np.ndarray:
        """(height, width, 3) uint8 RGB, not to be written to."""
        height, width = (int(side) for side in self.shapes[index])
        start = int(self.offsets[index])
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)

    def mask(self, index: int) -> np.ndarray:
        """(MASK_PX, MASK_PX) uint8, 1 where hand and arm are, in the square of `mask_square`."""
        return np.unpackbits(self.masks[index], axis=-1)

    def mask_square(self, index: int) -> Square:
        """The square of the picture that its mask covers."""
        return mask_square(self.centers[index], float(self.sides[index]))


def mask_square(center: np.ndarray, side_px: float) -> Square:
    """The square around a hand in which its mask is kept."""
    return Square.around((float(center[0]), float(center[1])), MASK_MARGIN * side_px)


def taught(file: Path) -> Iterator[Teacher]:
    """The rows of a teacher's table.

    Raises:
        UserError: there is no such file, or it is no such table.
    """
    try:
        with gzip.open(file, "rt", newline="", encoding="utf-8") as stream:
            rows = csv.reader(stream)
            if next(rows, [])[:4] != ["path", "width", "height", "side"]:
                raise ValueError
            for row in rows:
                if not row[4]:
                    yield Teacher(row[0], 0, None, 0.5)
                    continue
                joints = np.array(row[4:], dtype=np.float32).reshape(NUM_JOINTS, 3)[:, :2]
                yield Teacher(row[0], int(row[1]), joints, float(row[3] == "Left"))
    except (OSError, EOFError) as error:
        raise UserError(f"joints={file} cannot be read ({error}).") from None
    except (ValueError, IndexError):
        raise UserError(f"joints={file} is no table of joints: path,width,height,side,x0,y0,z0,… gzipped.") from None


def person_of(path: str, one: PictureSet) -> str:
    """Who is seen in a picture of a set: `set`, or `set/person` where its files name people."""
    if not one.person:
        return one.name
    found = re.search(one.person, PurePosixPath(path).name)
    person = found[1] if found else "unknown"
    return f"{one.name}/{dict(one.same).get(person, person)}"


def load_pictures(
    root: Path, joints: Path, sets: Sequence[PictureSet], cache_dir: Path, with_masks: bool = True
) -> Pictures:
    """The sets' pictures in which the teacher found a hand, decoded once into the cache.

    Args:
        root: the folder that paths in the table are below.
        joints: the teacher's table.
        sets: which pictures; those that are not there are left out.
        cache_dir: made if missing.
        with_masks: whether hands are cut out, too.

    Raises:
        UserError: the table cannot be read, none of its pictures is there, or the cache cannot be written.
    """
    rows = [
        (row, one)
        for row in taught(joints)
        if row.joints is not None
        for one in sets
        if row.path.startswith(f"{one.folder}/")
    ]
    if not rows:
        raise UserError(f"joints={joints} names no hand in {', '.join(one.folder for one in sets)}.")
    key = {
        "version": [_VERSION, DECODER_VERSION, MASKS_VERSION if with_masks else None, LARGEST_PX],
        "joints": hashlib.sha256(joints.read_bytes()).hexdigest(),
        "files": hashlib.sha256(
            repr([(row.path, _size_bytes(root / row.path)) for row, _ in rows]).encode()
        ).hexdigest(),
    }
    entry = Cache(cache_dir).make(
        _KIND,
        key,
        lambda folder: _fill(folder, root, [row for row, _ in rows], with_masks),
        lambda folder: (folder / _TABLE).is_file(),
        needed_bytes=len(rows) * LARGEST_PX**2 * 2,
    )
    with np.load(entry / _TABLE) as table:
        kept = np.flatnonzero(table["offsets"] >= 0)
        if not len(kept):
            raise UserError(
                f"data={root} holds none of the pictures that {joints.name} speaks of, or none is readable."
            )
        stored = {name: table[name][kept] for name in ("offsets", "shapes", "joints", "right", "masks")}
    return Pictures(
        pixels=np.memmap(entry / _PIXELS, dtype=np.uint8, mode="r"),
        sets=np.array([rows[index][1].name for index in kept]),
        persons=np.array([person_of(rows[index][0].path, rows[index][1]) for index in kept]),
        **stored,
    )


def _size_bytes(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _fill(folder: Path, root: Path, rows: Sequence[Teacher], with_masks: bool) -> None:
    count = len(rows)
    offsets, shapes = np.full(count, -1, np.int64), np.zeros((count, 2), np.int32)
    joints, right = np.zeros((count, NUM_JOINTS, 2), np.float32), np.array([row.right for row in rows], np.float32)
    masks = np.zeros((count, MASK_PX, MASK_PX // 8), np.uint8)
    parts = [range(first, min(first + _JOBS_OF, count)) for first in range(0, count, _JOBS_OF)]
    written = 0

    def read(part: range) -> list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        return [(index, *found) for index in part if (found := _read(root, rows[index], with_masks)) is not None]

    with (folder / _PIXELS).open("wb") as stream, progress("decoding pictures", count) as advance:
        for done in side_by_side(read, parts, hardware.cores(), in_processes=False):
            for index, pixels, points, mask in done:
                offsets[index], shapes[index], joints[index], masks[index] = written, pixels.shape[:2], points, mask
                written += stream.write(pixels.tobytes())
            advance(_JOBS_OF)
    np.savez(folder / _TABLE, offsets=offsets, shapes=shapes, joints=joints, right=right, masks=masks)


def _read(root: Path, row: Teacher, with_masks: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Pixels, joints and packed mask; None where there is no such picture, or it cannot be read."""
    assert row.joints is not None
    try:
        record = ImageRecord(file=str(root / row.path), key=row.path, label=-1, source="finder")
        pixels = decode(record, needed_px=LARGEST_PX).pixels
    except (Unreadable, OSError):
        return None
    shrunk = min(1.0, LARGEST_PX / max(pixels.shape[:2]))
    if shrunk < 1:
        pixels = cv2.resize(pixels, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
    points = row.joints * np.float32(pixels.shape[1] / row.width)
    mask = np.zeros((MASK_PX, MASK_PX), dtype=bool)
    if with_masks:
        low, high = points.min(0), points.max(0)
        square = mask_square((low + high) / 2, max(float((high - low).max()), 4.0))
        found = mask_around_joints(square.cut(pixels, MASK_PX), square.shares(points))
        # What lies beyond the picture is no hand.
        found &= square.cut(np.ones_like(pixels), MASK_PX)[..., 0] > 0
        mask = found if is_believable(found) else mask
    return pixels, points, np.packbits(mask, axis=-1)
