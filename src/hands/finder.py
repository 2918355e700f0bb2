"""One small network that finds a hand: a look at the whole picture, then closer ones at where the hand should be.

The network sees a square view of 160 px. The first look says about where a hand is; the second, at a square of twice
the hand's size, where its box and joints are; the third looks there once more, and what one of the three doubts is no
hand: a lamp or a print on a shirt seldom convinces three times. To follow a hand through a film, one closer look is
enough, around where the hand was last: the detector and the tracker of MediaPipe Hands (Zhang et al., 2020,
arXiv:2006.10214) in one network.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from src.errors import UserError
from src.hands.hand import Hand
from src.hands.squares import Square
from src.onnx_session import open_session

if TYPE_CHECKING:
    import onnxruntime

# The finder in the box: experiments/hand_finder says how it was trained.
FINDER = Path(__file__).with_name("finder.onnx")
VIEW_PX = 160
VIEWS, OUTPUTS = "views", ("hand", "box", "joints", "right")
CLOSE_MARGIN = 2.0  # side of the closer view in lengths of the hand's box
# A hand that was there a moment ago is believed more readily, so that it does not flicker at the threshold.
_STAYS = 0.6
_SMALLEST_PX = 4.0
_BATCH = 16
# Raise it whenever the same file would find other hands: caches carry it by way of `digest`.
_VERSION = 2


class _Seen(NamedTuple):
    """What the network says of one view, in pixels of its picture."""

    hand: float
    box: tuple[float, float, float, float]
    joints: np.ndarray
    right: float


class HandFinder:
    """Finds hands by an exported finder.

    Args:
        file: what `python -m src.finder` wrote; None is the finder in the box.
        threads: processor threads; None leaves it to onnxruntime.

    Attributes:
        threshold: where a look is less certain than this, there is no hand.
        digest: SHA-256 over the file and the way it is used, for the keys of caches.

    Raises:
        UserError: there is no such file, or it is no finder.
    """

    def __init__(self, file: Path | None = None, threads: int | None = None) -> None:
        file = FINDER if file is None else file
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UserError(f"{file}: this hand finder cannot be read ({error.strerror or error}).") from None
        self._session = open_session(file, content, threads)
        self.threshold = _threshold(file, self._session)
        self.digest = hashlib.sha256(f"{_VERSION}|".encode() + content).hexdigest()

    def find(self, pixels: np.ndarray) -> Hand | None:
        """The hand in a picture; the larger and more central of two; None where there is none.

        Args:
            pixels: (height, width, 3) uint8 RGB, of any size.
        """
        return next(self.find_many([pixels]))

    def find_many(self, pictures: Iterable[np.ndarray]) -> Iterator[Hand | None]:
        """`find` for each of many pictures, in their order, a batch at a time."""
        rest = iter(pictures)
        while batch := list(islice(rest, _BATCH)):
            guesses = self._look(batch, [Square.whole(pixels) for pixels in batch])
            again = [index for index, guess in enumerate(guesses) if guess.hand >= self.threshold]
            frames = [batch[i] for i in again]
            closer = self._look(frames, [_close_to(guesses[i].box) for i in again])
            seen = self._look(frames, [_close_to(one.box) for one in closer])
            found = {
                i: last._replace(hand=min(guesses[i].hand, one.hand, last.hand))
                for i, one, last in zip(again, closer, seen, strict=True)
            }
            for index, pixels in enumerate(batch):
                yield _believed(found.get(index), pixels, self.threshold)

    def follow(self, pixels: np.ndarray, last: Hand) -> Hand | None:
        """The hand in a film's next picture, near to where it was last; None where it is there no longer.

        Args:
            pixels: (height, width, 3) uint8 RGB.
            last: where it was, in pixels of a picture of the same size.
        """
        (seen,) = self._look([pixels], [_close_to(last.box)])
        return _believed(seen, pixels, _STAYS * self.threshold)

    def _look(self, pictures: Sequence[np.ndarray], squares: Sequence[Square]) -> list[_Seen]:
        if not pictures:
            return []
        views = np.stack(
            [square.cut(_checked(pixels), VIEW_PX) for pixels, square in zip(pictures, squares, strict=True)]
        )
        hand, box, joints, right = self._session.run(list(OUTPUTS), {VIEWS: views})
        corners = np.stack([box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2], axis=1)
        return [
            _Seen(
                float(hand[index]),
                tuple(square.points(corners[index]).ravel().tolist()),
                square.points(joints[index]),
                float(right[index]),
            )
            for index, square in enumerate(squares)
        ]


class Follower:
    """Follows a hand through the pictures of a film or a camera, and finds it again when it is lost.

    Args:
        finder: what finds and follows.
    """

    def __init__(self, finder: HandFinder) -> None:
        self.finder = finder
        self._last: Hand | None = None

    def look(self, pixels: np.ndarray) -> Hand | None:
        """The hand in the next picture, `(height, width, 3) uint8` RGB."""
        followed = self.finder.follow(pixels, self._last) if self._last else None
        self._last = followed or self.finder.find(pixels)
        return self._last

    def forget(self) -> None:
        """Begin anew: the next picture belongs to another film, or has another size."""
        self._last = None


def _checked(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"a picture is (height, width, 3) uint8, not {pixels.shape} {pixels.dtype}")
    return pixels


def _close_to(box: tuple[float, float, float, float]) -> Square:
    side = max(box[2] - box[0], box[3] - box[1], _SMALLEST_PX)
    return Square.around(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), CLOSE_MARGIN * side)


def _believed(seen: _Seen | None, pixels: np.ndarray, threshold: float) -> Hand | None:
    """What a closer look has seen, if it is a hand in the picture."""
    if seen is None or seen.hand < threshold:
        return None
    x0, y0, x1, y1 = seen.box
    (x, y), (height, width) = ((x0 + x1) / 2, (y0 + y1) / 2), pixels.shape[:2]
    if not (0 <= x <= width and 0 <= y <= height):
        return None
    return Hand(seen.box, seen.joints, seen.right, seen.hand)


def _threshold(file: Path, session: "onnxruntime.InferenceSession") -> float:
    names = ([one.name for one in session.get_inputs()], {one.name for one in session.get_outputs()})
    try:
        if names[0] != [VIEWS] or not names[1] >= set(OUTPUTS):
            raise ValueError
        threshold = float(session.get_modelmeta().custom_metadata_map["threshold"])
        if not 0 < threshold < 1:
            raise ValueError
    except (KeyError, ValueError):
        raise UserError(f"{file} is no hand finder: python -m src.finder writes one.") from None
    return threshold
