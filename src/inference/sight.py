"""From a frame to the square that a network reads: the whole frame, or the part around the hand that is found in it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from src.data.hand_crop import find_in, hand_in
from src.hands.finder import Follower, HandFinder
from src.hands.hand import Hand, hand_square
from src.inference.recognizer import Recognizer
from src.sources.decoding import Decoded

NO_HAND = "no hand"
_BLANK_SIDE_PX = 16  # so small that a sensor's noise averages out
_BLANK_CONTRAST = 4.0  # grey levels
_SPEED_OVER_SECONDS = 0.06  # between single frames of 30 or 60 a second, the finder's own jitter would be the speed
_OTHERS_EVERY_SECONDS = 1.0
_OTHERS_PX = 640  # the longer side of the picture in which a second hand is looked for
_COVERED = 2.2  # side of what is covered of the first hand, in lengths of its box
# What else looks like a hand, an elbow or a lamp far away, is told by its size and by the finder's doubt.
_OTHER_SIZES = (0.6, 1.7)  # in sizes of the first
_OTHER_CERTAINTY = 0.9


@dataclass(frozen=True, eq=False)
class Seen:
    """What one frame shows.

    Attributes:
        square: `(size, size, 3) uint8` for the network, or None where there is no hand: then nothing is read.
        hand: in pixels of the frame; None where none is seen, and for a network that reads whole frames.
        speed: of a hand that is followed, in lengths of the hand a second; 0 where that is not known.
        others: whether another hand was seen beside this one; while one is followed, in most of the time so far.
    """

    square: np.ndarray | None
    hand: Hand | None = None
    speed: float = 0.0
    others: bool = False


def is_blank(square: np.ndarray) -> bool:
    """Whether an image shows nothing at all: a covered lens, an empty and even background.

    A network that reads whole frames answers with a sign for any image, so this is asked before it. An empty room is
    not blank: there the network's own doubt must serve.
    """
    small = cv2.resize(square, (_BLANK_SIDE_PX, _BLANK_SIDE_PX), interpolation=cv2.INTER_AREA)
    return float(small.mean(axis=2).std()) < _BLANK_CONTRAST


class Sight:
    """Looks at single pictures for a network. Several threads may share one.

    Args:
        recognizer: the network; `about.crop` says whether it reads whole frames or found hands.
        finder: finds hands for it; None is the finder in the box, on one thread.

    Attributes:
        recognizer: the network.
        finder: None for a network that reads whole frames.
    """

    def __init__(self, recognizer: Recognizer, finder: HandFinder | None = None) -> None:
        self.recognizer = recognizer
        self.finder = (finder or HandFinder(threads=1)) if recognizer.about.crop == "hand" else None

    def look(self, pixels: np.ndarray) -> Seen:
        """One still picture, `(height, width, 3) uint8` RGB of any size."""
        height, width = pixels.shape[:2]
        return self.look_into(lambda needed_px: Decoded(pixels, "", width, height))[1]

    def look_into(self, read: Callable[[int], Decoded]) -> tuple[Decoded, Seen]:
        """One still picture, read with as many pixels as it takes, by the same steps as in training.

        Args:
            read: reads it; told `needed_px` of `src.sources.images.decode`.

        Returns:
            What was read, and what it shows; the hand in pixels of what was read.
        """
        about, finder = self.recognizer.about, self.finder
        if finder is None:
            frame = read(about.image_size_px)
            return frame, Seen(self.recognizer.square(frame.pixels))
        frame, hand = hand_in(read, lambda pixels: find_in(pixels, finder), about.image_size_px, about.crop_margin)
        if hand is None:
            return frame, Seen(None)
        others = self.sees_another(frame.pixels, hand)
        return frame, Seen(self.square(frame.pixels, hand), hand, others=others)

    def following(self) -> "Following":
        """Looks at the frames of one film or camera, in their order."""
        return Following(self)

    def square(self, pixels: np.ndarray, hand: Hand) -> np.ndarray:
        """`(size, size, 3) uint8` around the hand, as the network was trained on."""
        about = self.recognizer.about
        return hand_square(pixels, hand, about.image_size_px, about.crop_margin)

    def sees_another(self, pixels: np.ndarray, hand: Hand) -> bool:
        """Whether the finder sees a hand in what is left of a picture when the one it found is covered."""
        if self.finder is None:
            return False
        scale = min(1.0, _OTHERS_PX / max(pixels.shape[:2]))
        size = [max(1, round(side * scale)) for side in pixels.shape[1::-1]]
        rest = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels.copy()
        half = _COVERED * hand.side_px / 2
        left, top, right, bottom = (
            max(0, round(scale * (middle + side)))
            for middle, side in zip((*hand.center, *hand.center), (-half, -half, half, half), strict=True)
        )
        rest[top:bottom, left:right] = rest.mean(axis=(0, 1)).astype(np.uint8)
        other = self.finder.find(rest)
        if other is None or other.certainty < _OTHER_CERTAINTY:
            return False
        return _OTHER_SIZES[0] <= other.side_px / max(scale * hand.side_px, 1.0) <= _OTHER_SIZES[1]


class Following:
    """Looks at the frames of one film or camera, in their order: follows the hand, and looks again when it is lost."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._follower = Follower(sight.finder) if sight.finder else None
        self._shape: tuple[int, ...] = ()
        self._past: deque[tuple[float, np.ndarray]] = deque()  # the hand's joints, a moment ago first
        self._others_at = -np.inf
        self._looks_for_others, self._others = 0, 0

    def look(self, pixels: np.ndarray, seconds: float) -> Seen:
        """The next frame.

        Args:
            pixels: `(height, width, 3) uint8` RGB.
            seconds: its time, not before that of the last one.
        """
        if self._follower is None:
            square = self._sight.recognizer.square(pixels)
            return Seen(None if is_blank(square) else square)
        if pixels.shape != self._shape:
            self._follower.forget()
            self._past.clear()
            self._shape = pixels.shape
        hand = self._follower.look(pixels)
        if hand is None:
            self._past.clear()
            return Seen(None, others=self._sees_others)
        if seconds - self._others_at >= _OTHERS_EVERY_SECONDS:
            self._others_at = seconds
            self._looks_for_others += 1
            self._others += self._sight.sees_another(pixels, hand)
        return Seen(self._sight.square(pixels, hand), hand, self._speed(hand, seconds), self._sees_others)

    @property
    def _sees_others(self) -> bool:
        """Whether most looks for another hand saw one: a single one may take an elbow for it."""
        return 2 * self._others > self._looks_for_others

    def _speed(self, hand: Hand, seconds: float) -> float:
        """Root mean square over the joints, in lengths of the hand a second."""
        self._past.append((seconds, hand.joints))
        while len(self._past) > 2 and seconds - self._past[1][0] >= _SPEED_OVER_SECONDS:
            self._past.popleft()
        then, joints = self._past[0]
        if seconds <= then:
            return 0.0
        distance = np.sqrt(np.mean(np.sum((hand.joints - joints) ** 2, axis=1)))
        return float(distance / max(hand.side_px, 1.0) / (seconds - then))


def placed(hand: Hand, scale: float, x: float, y: float) -> Hand:
    """The same hand in pixels of another picture: enlarged by `scale`, then moved by x and y."""
    left, top, right, bottom = (scale * value for value in hand.box)
    box = (left + x, top + y, right + x, bottom + y)
    return replace(hand, box=box, joints=(scale * hand.joints + (x, y)).astype(np.float32))
