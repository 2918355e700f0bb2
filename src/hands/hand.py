"""A hand in a picture, and the square around it that is read."""

from dataclasses import dataclass

import numpy as np

from src.hands.squares import Square

CROP_MARGIN = 1.5
# Raise it whenever a square would come out differently: caches of squares carry it.
SQUARE_VERSION = 1


@dataclass(frozen=True, eq=False)
class Hand:
    """Where a hand is.

    Attributes:
        box: x0, y0, x1, y1 of the 21 joints, in pixels of the picture; the left edge of its first pixel is 0.
        joints: (21, 2) float32 x, y in pixels of the picture, in MediaPipe's order.
        right: probability that it is the person's right hand.
        certainty: probability that it is a hand.
    """

    box: tuple[float, float, float, float]
    joints: np.ndarray
    right: float
    certainty: float

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the box, x and y in pixels."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def side_px(self) -> float:
        """The longer side of the box."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    def square(self, margin: float = CROP_MARGIN) -> Square:
        """The square of `margin` times the box's longer side around its middle."""
        return Square.around(self.center, margin * self.side_px)


def hand_square(pixels: np.ndarray, hand: Hand, size_px: int, margin: float = CROP_MARGIN) -> np.ndarray:
    """The square around a hand, by the one function that cuts it for training, measuring and reading.

    Args:
        pixels: (height, width, 3) uint8 RGB, of any size.
        hand: in it.
        size_px: side of what comes out.
        margin: side of the square in lengths of the box's longer side.

    Returns:
        (size, size, 3) uint8, black beyond the picture.
    """
    return hand.square(margin).cut(pixels, size_px)


def joints_in_square(hand: Hand, size_px: int, margin: float = CROP_MARGIN) -> np.ndarray:
    """(21, 2) float32: the hand's joints in pixels of what `hand_square` cuts."""
    return hand.square(margin).shares(hand.joints) * size_px
