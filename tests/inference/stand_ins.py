"""A network and a finder that need no training: a hand is a bright rectangle, and its grey value says its sign."""

from dataclasses import replace

import cv2
import numpy as np

from src.hands.hand import Hand
from src.inference.recognizer import About, Recognizer
from src.signs.labels import INDEX_OF, NUM_SIGNS

_DARKEST = 200  # of a hand
BEHIND = 60  # grey value of everything else
SIZE_PX = 64


def about(crop: str = "hand", abstain_below: float | None = 0.5) -> About:
    """What is known about a stand-in."""
    return About("stand_in", SIZE_PX, "pad", 50, 1.0, abstain_below, None, crop=crop)


def picture(*hands: tuple[str, int, int, int], height: int = 240, width: int = 320) -> np.ndarray:
    """`(height, width, 3) uint8` with hands: a sign, x and y of the middle, and the side."""
    pixels = np.full((height, width, 3), BEHIND, np.uint8)
    for sign, x, y, side in hands:
        top, left = max(0, y - side // 2), max(0, x - side // 2)
        pixels[top : y + side // 2, left : x + side // 2] = _DARKEST + INDEX_OF[sign]
    return pixels


class StandIn(Recognizer):
    """Reads the grey value in the middle of a square.

    Attributes:
        sure: the probability that it gives the sign.
        asked: how many squares it was shown.
    """

    def __init__(self, crop: str = "hand", sure: float = 0.9, abstain_below: float | None = 0.5) -> None:
        super().__init__(replace(about(crop, abstain_below)))
        self.sure, self.asked = sure, 0

    def _network(self, squares: np.ndarray) -> np.ndarray:
        self.asked += len(squares)
        rows = np.full((len(squares), NUM_SIGNS), (1 - self.sure) / (NUM_SIGNS - 1), np.float32)
        for row, square in zip(rows, squares, strict=True):
            row[np.clip(int(square[SIZE_PX // 2, SIZE_PX // 2, 0]) - _DARKEST, 0, NUM_SIGNS - 1)] = self.sure
        return rows


class BrightFinder:
    """Finds the largest bright rectangle, as `src.hands.finder.HandFinder` finds hands.

    Attributes:
        finds, follows: how often it was asked to.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.finds = self.follows = 0

    def find(self, pixels: np.ndarray) -> Hand | None:
        """The largest one."""
        self.finds += 1
        return _largest(pixels)

    def follow(self, pixels: np.ndarray, last: Hand) -> Hand | None:
        """The largest one that is not far away."""
        self.follows += 1
        hand = _largest(pixels)
        near = hand is not None and np.hypot(*np.subtract(hand.center, last.center)) < last.side_px
        return hand if near else None


def _largest(pixels: np.ndarray) -> Hand | None:
    bright = (pixels.min(axis=2) >= _DARKEST - 8).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(bright)
    if count < 2:
        return None
    x, y, w, h, _ = stats[1 + stats[1:, cv2.CC_STAT_AREA].argmax()].tolist()
    steps = np.linspace(0, 1, 21)
    joints = np.stack([x + w * steps, y + h * steps**2], axis=1).astype(np.float32)
    return Hand((float(x), float(y), float(x + w), float(y + h)), joints, 0.9, 0.95)
