"""Squares of a picture, cut out at one size, and the way back from their pixels to the picture's."""

import math
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Square:
    """A square of a picture, which may reach beyond it.

    Attributes:
        x, y: its upper left corner, in pixels of the picture: whole ones, so that a cut needs no interpolation of its
            own and shrinking can average areas (OpenCV's `warpAffine` takes single pixels, whatever it is asked for).
        side: its side in pixels of the picture.
    """

    x: int
    y: int
    side: int

    @classmethod
    def around(cls, center: tuple[float, float], side_px: float) -> "Square":
        """The square of about this side whose middle is nearest to `center`."""
        side = max(1, math.ceil(side_px))
        return cls(round(center[0] - side / 2), round(center[1] - side / 2), side)

    @classmethod
    def whole(cls, pixels: np.ndarray) -> "Square":
        """The square that holds a whole picture `(height, width, …)`, in its middle."""
        height, width = pixels.shape[:2]
        side = max(height, width)
        return cls((width - side) // 2, (height - side) // 2, side)

    def cut(self, pixels: np.ndarray, size_px: int) -> np.ndarray:
        """`(size, size, 3) uint8` of `pixels (height, width, 3) uint8`, black beyond the picture.

        Shrinking averages areas, enlarging is linear.
        """
        height, width = pixels.shape[:2]
        square = np.zeros((size_px, size_px, pixels.shape[2]), dtype=np.uint8)
        left, right = max(0, self.x), min(width, self.x + self.side)
        top, bottom = max(0, self.y), min(height, self.y + self.side)
        if left >= right or top >= bottom:
            return square
        # Where the part inside the picture lies in the square; at least one pixel of it, however thin.
        scale = size_px / self.side
        across, down = (
            _span(left - self.x, right - self.x, scale, size_px),
            _span(top - self.y, bottom - self.y, scale, size_px),
        )
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        part = np.ascontiguousarray(pixels[top:bottom, left:right])
        shape = (across[1] - across[0], down[1] - down[0])
        square[down[0] : down[1], across[0] : across[1]] = cv2.resize(part, shape, interpolation=method)
        return square

    def shares(self, points: np.ndarray) -> np.ndarray:
        """Points `(…, 2)` in pixels of the picture as shares of the square, `(…, 2) float32`."""
        return ((points - (self.x, self.y)) / self.side).astype(np.float32)

    def points(self, shares: np.ndarray) -> np.ndarray:
        """Shares of the square `(…, 2)` as points in pixels of the picture, `(…, 2) float32`."""
        return (shares * self.side + np.array((self.x, self.y))).astype(np.float32)


def _span(first: int, last: int, scale: float, size_px: int) -> tuple[int, int]:
    start = min(round(first * scale), size_px - 1)
    return start, min(size_px, max(start + 1, round(last * scale)))
