"""Where a hand is put in a view: one affine map, for its pixels, its mask and its joints alike.

Places are measured from edges: the left edge of a picture's first pixel is 0. OpenCV measures from that pixel's middle.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

_SHRUNK_ENOUGH = 0.75  # a picture that becomes smaller than this is averaged first: cv2.warpAffine takes single pixels


class Looks(NamedTuple):
    """How a hand lies in a view.

    Attributes:
        share: its longer side as a share of the view's.
        at: (2,) its middle, x and y as shares of the view.
        turn_deg: how far it is turned.
        mirror: whether left and right are swapped.
        aspect, shear: how it is stretched.
    """

    share: float
    at: np.ndarray
    turn_deg: float = 0.0
    mirror: bool = False
    aspect: float = 1.0
    shear: float = 0.0


@dataclass(frozen=True)
class Placing:
    """An affine map from places in a picture to places in a view.

    Attributes:
        matrix: (2, 3) float64.
        size_px: side of the view.
    """

    matrix: np.ndarray
    size_px: int

    @classmethod
    def of(cls, center: np.ndarray, side_px: float, looks: Looks, size_px: int) -> "Placing":
        """The map that makes a hand, its middle at `center` and its longer side `side_px`, look so."""
        scale, turn = looks.share * size_px / side_px, np.deg2rad(looks.turn_deg)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        linear = scale * rotation @ np.array([[looks.aspect, looks.shear], [0, 1 / looks.aspect]])
        if looks.mirror:
            linear[0] *= -1
        return cls(np.column_stack([linear, looks.at * size_px - linear @ center]), size_px)

    @property
    def scale(self) -> float:
        """Pixels of the view for one of the picture."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    def points(self, points: np.ndarray) -> np.ndarray:
        """(count, 2) places in the picture → shares of the view, float32."""
        return ((points @ self.matrix[:, :2].T + self.matrix[:, 2]) / self.size_px).astype(np.float32)

    def after(self, side: float, x: float, y: float, size_px: int) -> "Placing":
        """The map of a square of the picture (corner x, y) that was cut at `size_px`."""
        scale = side / size_px
        return Placing(np.column_stack([self.matrix[:, :2] * scale, self.matrix @ np.array([x, y, 1.0])]), self.size_px)

    def warped(self, pixels: np.ndarray, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
        """(size, size, …) of `pixels` (height, width, …) uint8 or float32, beyond them what `border` says: black."""
        matrix, scale = self.matrix, self.scale
        if scale < _SHRUNK_ENOUGH:
            height, width = pixels.shape[:2]
            across, down = max(1, round(width * scale)), max(1, round(height * scale))
            pixels = cv2.resize(pixels, (across, down), interpolation=cv2.INTER_AREA)
            matrix = matrix.copy()
            matrix[:, 0] *= width / across
            matrix[:, 1] *= height / down
        middles = matrix.copy()
        middles[:, 2] += 0.5 * matrix[:, :2].sum(axis=1) - 0.5
        side = (self.size_px, self.size_px)
        return cv2.warpAffine(pixels, middles, side, flags=cv2.INTER_LINEAR, borderMode=border)
