"""The augmentation that sets a hand before another room: drawn ones, or those of the user's own photographs.

Recombining hands and backgrounds is what carries a network from one room to another (arXiv:2503.09399).
"""

import os
from pathlib import Path
from typing import Any

import albumentations
import cv2
import numpy as np

from src.data.drawn_rooms import draw_room
from src.errors import UserError
from src.sources.decoding import Unreadable
from src.sources.images import decode
from src.sources.records import ImageRecord
from src.storage.cache import Cache, digest
from src.storage.mapped import MappedRows, RowWriter
from src.terminal import progress

DRAWN = "drawn"
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_SIDE_PX = 256
_VERSION = 1
_DRAWN_SHARE = 0.15  # of the rooms, where there are photographs
_LARGEST_MEGAPIXELS = 100
_BLACK, _BLACK_SHARE = 16, 0.9
_ROWS, _BAD = "rooms.npy", "unreadable.txt"


class BeforeRoom(albumentations.ImageOnlyTransform):
    """Sets the hand of a picture before another room, where its mask is known; other pictures stay as they are.

    Args:
        rooms: `drawn`, or a folder of photographs of rooms, best without hands in them.
        share: of the pictures with a mask that are set before another room.
        share_on_black: the same of hands that were cut out and lie on black.
        softness: lowest and highest width of the outline, in pixels of a 128 px picture.
        p: Albumentations' probability of doing any of this.

    Raises:
        UserError: the folder is not there or has no photograph in it, or a share is none.
    """

    class InitSchema(albumentations.BasicTransform.InitSchema):
        """What Albumentations checks arguments against."""

        rooms: str
        share: float
        share_on_black: float
        softness: tuple[float, float]

    def __init__(
        self,
        rooms: str = DRAWN,
        share: float = 0.5,
        share_on_black: float = 0.75,
        softness: tuple[float, float] = (0.5, 1.2),
        p: float = 1.0,
    ) -> None:
        super().__init__(p=p)
        for name, value in (("share", share), ("share_on_black", share_on_black)):
            if not 0 <= value <= 1:
                raise UserError(f"BeforeRoom.{name}={value} is out of range: it must be from 0 to 1.")
        self.rooms, self.share, self.share_on_black = rooms, share, share_on_black
        self.softness = (float(softness[0]), float(softness[1]))
        self.folder = None if rooms == DRAWN else Path(rooms).expanduser()
        self.photographs: MappedRows | None = None
        self.key = DRAWN
        if self.folder is not None:
            self.key = digest([_VERSION, _SIDE_PX, _stamps(self.folder)])

    def prepare(self, cache_dir: Path) -> None:
        """Decode the photographs of the folder once, into the cache.

        Raises:
            UserError: none of them can be read, or the cache cannot be written.
        """
        if self.folder is None or self.photographs is not None:
            return
        folder = self.folder

        def build(entry: Path) -> None:
            _decode_all(folder, entry)

        def is_whole(entry: Path) -> bool:
            try:
                return MappedRows(entry / _ROWS).shape[1:] == (_SIDE_PX, _SIDE_PX, 3) and (entry / _BAD).is_file()
            except (OSError, ValueError):
                return False

        needed_bytes = 2 * len(_photographs(folder)) * _SIDE_PX**2 * 3
        entry = Cache(cache_dir).make("rooms", self.key, build, is_whole, needed_bytes)
        self.photographs = MappedRows(entry / _ROWS)
        for line in (entry / _BAD).read_text(encoding="utf-8").splitlines():
            print(f"augmentation.rooms: left out {line}", flush=True)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """The room, and how much of the picture stays in each pixel; nothing where the picture stays as it is."""
        picture, mask = data["image"], data.get("mask")
        random = self.random_generator
        # Drawn whatever the picture is like: the draws of what comes after must not depend on it.
        roll, room_seed, softness = random.random(), int(random.integers(2**31)), random.uniform(*self.softness)
        if mask is None or roll >= max(self.share, self.share_on_black) or not mask.any():
            return {"stays": None, "room": None}
        if roll >= (self.share_on_black if _is_on_black(picture, mask) else self.share):
            return {"stays": None, "room": None}
        size = picture.shape[0]
        stays = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), softness * size / 128)
        # A little inwards: the outermost pixels are half of the old room.
        stays = np.clip((stays - 0.3) / 0.6, 0, 1)
        return {"stays": stays, "room": self._room(np.random.default_rng(room_seed), size)}

    def apply(self, img: np.ndarray, stays: np.ndarray | None, room: np.ndarray | None, **_: Any) -> np.ndarray:
        """`(size, size, 3) uint8` before its room."""
        if stays is None or room is None:
            return img
        return cv2.blendLinear(img, room, stays, 1 - stays)

    def _room(self, rng: np.random.Generator, size: int) -> np.ndarray:
        if self.photographs is None or rng.random() < _DRAWN_SHARE:
            return draw_room(rng, size)
        photograph = self.photographs[int(rng.integers(len(self.photographs)))]
        side = rng.uniform(0.4, 1.0) * _SIDE_PX
        shape = np.exp(rng.uniform(-0.3, 0.3))
        width, height = min(_SIDE_PX, side * shape), min(_SIDE_PX, side / shape)
        left, top = int(rng.uniform(0, _SIDE_PX - width)), int(rng.uniform(0, _SIDE_PX - height))
        window = photograph[top : top + int(height), left : left + int(width)]
        window = cv2.resize(window, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR)
        return np.ascontiguousarray(window[:, ::-1]) if rng.random() < 0.5 else window


def _is_on_black(picture: np.ndarray, mask: np.ndarray) -> bool:
    around = cv2.dilate(mask, np.ones((5, 5), np.uint8)) == 0
    behind = picture.max(axis=2)[around]
    return len(behind) > 0 and float((behind <= _BLACK).mean()) > _BLACK_SHARE


def _photographs(folder: Path) -> list[Path]:
    """The picture files below a folder, in an order that is the same everywhere.

    Raises:
        UserError: it is no folder, or has none.
    """
    if not folder.is_dir():
        raise UserError(f"augmentation.rooms={folder} is neither '{DRAWN}' nor a folder of photographs of rooms.")
    found = [
        Path(where, name)
        for where, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(_ENDINGS) and not name.startswith(".")
    ]
    if not found:
        raise UserError(
            f"augmentation.rooms={folder} holds no photograph ({', '.join(_ENDINGS)}): put some of rooms into it, or "
            f"use augmentation.rooms={DRAWN}."
        )
    return sorted(found, key=lambda file: file.relative_to(folder).as_posix())


def _stamps(folder: Path) -> list[list[Any]]:
    files = _photographs(folder)
    return [[file.relative_to(folder).as_posix(), file.stat().st_size, file.stat().st_mtime_ns] for file in files]


def _decode_all(folder: Path, entry: Path) -> None:
    """Fill an entry: up to two squares of each photograph, and which files cannot be read.

    Raises:
        UserError: none can be read.
    """
    squares: list[np.ndarray] = []
    bad: list[str] = []
    files = _photographs(folder)
    with progress("reading rooms", len(files)) as advance:
        for file in files:
            name = file.relative_to(folder).as_posix()
            try:
                record = ImageRecord(str(file.resolve()), name, 0, "rooms")
                squares += _squares(decode(record, _LARGEST_MEGAPIXELS, needed_px=_SIDE_PX).pixels)
            except Unreadable as error:
                bad.append(f"{name}: {error}")
            advance(1)
    if not squares:
        raise UserError(f"None of the {len(files)} photographs in augmentation.rooms={folder} can be read ({bad[0]}).")
    with RowWriter(entry / _ROWS, (len(squares), _SIDE_PX, _SIDE_PX, 3), np.uint8) as rows:
        rows.write(0, np.stack(squares))
        rows.flush()
    (entry / _BAD).write_text("\n".join(bad), encoding="utf-8")


def _squares(photograph: np.ndarray) -> list[np.ndarray]:
    """`(256, 256, 3) uint8` squares: both ends of a long photograph, or the middle of one that is nearly square."""
    height, width = photograph.shape[:2]
    side = min(height, width)
    ends = [0.0, 1.0] if max(height, width) > 1.25 * side else [0.5]
    found = []
    for end in ends:
        top, left = int(end * (height - side)), int(end * (width - side))
        square = photograph[top : top + side, left : left + side]
        interpolation = cv2.INTER_AREA if side > _SIDE_PX else cv2.INTER_LINEAR
        found.append(cv2.resize(square, (_SIDE_PX, _SIDE_PX), interpolation=interpolation))
    return found
