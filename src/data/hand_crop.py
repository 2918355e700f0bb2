"""Cutting the hand out of an image before it is kept: what `datamodule.crop=hand` does to each."""

import math
import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

import cv2
import numpy as np

from src.data.pixels import JOINTS
from src.hands.finder import HandFinder
from src.hands.hand import Hand, hand_square, joints_in_square
from src.sources.catalog import source_named
from src.sources.decoding import Decoded, Decoding
from src.sources.records import ImageRecord
from src.sources.source import Source

NO_JOINTS = np.full((JOINTS, 2), np.nan, dtype=np.float32)
# The finder looks at 160 px of a frame or of a part of it: more pixels than this only take time to shrink.
_LOOKED_AT_PX = 640

_LOCAL = threading.local()


class Cropped(NamedTuple):
    """An image with its hand cut out.

    Attributes:
        decoded: the square, (image_size_px, image_size_px, 3) uint8 RGB, with what is known of the file.
        joints: (21, 2) float32 x, y as shares of the square, MediaPipe's order; NaN where no hand was found.
        certainty: that this is a hand, 0 to 1; 0 where none was found, and the square is the whole image.
    """

    decoded: Decoded
    joints: np.ndarray
    certainty: float


def finder_for(sources: Iterable[str]) -> str:
    """The digest of the finder that looks for hands in some sources, or "" where all know their hands themselves.

    Raises:
        UserError: a source is unknown, or there is no finder.
    """
    return "" if all(source_named(name).knows_hands for name in sources) else HandFinder(threads=1).digest


def cropped(source: Source, record: ImageRecord, decoding: Decoding) -> Cropped:
    """The square around the hand of one image, cut from so many of its pixels that none has to be invented.

    Raises:
        Unreadable: there is no usable image.
        UserError: the source gives no whole images, or there is no finder.
    """
    size_px, margin = decoding.image_size_px, decoding.crop_margin
    frame, hand = hand_in(
        lambda needed_px: source.frame(record, decoding, needed_px),
        lambda pixels: find_in(pixels, _finder(decoding.finder)),
        size_px,
        margin,
    )
    if hand is None:
        return Cropped(source.decode(record, decoding), NO_JOINTS, 0.0)
    square = hand_square(frame.pixels, hand, size_px, margin)
    shares = joints_in_square(hand, 1, margin)
    return Cropped(frame._replace(pixels=square), shares, hand.certainty)


def hand_in(
    read: Callable[[int], Decoded], find: Callable[[np.ndarray], Hand | None], size_px: int, margin: float
) -> tuple[Decoded, Hand | None]:
    """An image with as many of its pixels as the square around its hand needs, and the hand in those pixels.

    Args:
        read: reads the image; told `needed_px` of `src.sources.images.decode`.
        find: finds the hand in `(height, width, 3) uint8`, where the image does not know it itself.
        size_px, margin: of `src.hands.hand.hand_square`.
    """
    frame = read(_LOOKED_AT_PX // 2)
    hand = _known(frame) or find(frame.pixels)
    if hand is None:
        return frame, None
    enlarged = size_px / max(1.0, margin * hand.side_px)
    if enlarged <= 1 or frame.pixels.shape[:2] == (frame.height_px, frame.width_px):
        return frame, hand
    # It was decoded smaller than it is stored, and the hand is small in it.
    sharper = read(math.ceil(min(frame.pixels.shape[:2]) * enlarged / 2))
    return sharper, _scaled(hand, sharper.pixels.shape[1] / frame.pixels.shape[1])


def known_mask(source: Source, record: ImageRecord, decoding: Decoding) -> np.ndarray | None:
    """`(size, size) bool`: where the hand is in the pixels that are kept of an image, from a source that knows it.

    Raises:
        Unreadable: there is no usable image.
    """
    if decoding.crop == "none":
        return source.decode(record, decoding).mask
    frame = source.frame(record, decoding, needed_px=_LOOKED_AT_PX // 2)
    hand = _known(frame)
    if hand is None or frame.mask is None:
        return None
    seen = np.repeat(frame.mask[..., None].astype(np.uint8) * 255, 3, axis=2)
    return hand_square(seen, hand, decoding.image_size_px, decoding.crop_margin)[..., 0] > 127


def _known(frame: Decoded) -> Hand | None:
    if frame.joints is None:
        return None
    return _hand(frame.joints, right=0.5, certainty=1.0)


def _hand(joints: np.ndarray, right: float, certainty: float) -> Hand:
    (left, top), (end, bottom) = joints.min(0).tolist(), joints.max(0).tolist()
    return Hand((left, top, end, bottom), joints.astype(np.float32), right, certainty)


def find_in(pixels: np.ndarray, finder: HandFinder) -> Hand | None:
    """The hand in a still `(height, width, 3) uint8` of any size, in its pixels; None where there is none."""
    shrunk = _LOOKED_AT_PX / max(pixels.shape[:2])
    if shrunk >= 1:
        return finder.find(pixels)
    height, width = pixels.shape[:2]
    small = (max(1, round(width * shrunk)), max(1, round(height * shrunk)))
    hand = finder.find(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA))
    return None if hand is None else _scaled(hand, width / small[0])


def _scaled(hand: Hand, factor: float) -> Hand:
    """The same hand in a picture that is `factor` times as large."""
    return _hand(hand.joints * factor, hand.right, hand.certainty)


def _finder(digest: str) -> HandFinder:
    """This thread's own finder, on one thread: as many images are looked at side by side as there are cores."""
    finders: dict[str, HandFinder] = _LOCAL.__dict__.setdefault("finders", {})
    if digest not in finders:
        finders[digest] = HandFinder(threads=1)
    return finders[digest]
