"""What is behind a hand, and where none is: the hand-free sides of photographs, and rooms that are only drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from src.data.drawn_rooms import draw_room
from src.learning.finding.pictures import Pictures
from src.learning.finding.recipe import PictureSet

_DRAWN_SHARE, _RENDERED_SHARE = 0.12, 0.33
_AROUND_HAND = 0.3  # lengths of the hand's box that are kept clear of
_SMALLEST_PX = 50
_PATCHED_SHARE = 0.25

Rectangle = tuple[int, int, int, int]


def free_sides(shape: np.ndarray, joints: np.ndarray) -> list[Rectangle]:
    """The parts of a picture left of, right of and above a hand, as x0, y0, x1, y1; below it is its arm.

    Args:
        shape: (2,) height and width of the picture.
        joints: (21, 2) of the hand in it.
    """
    height, width = int(shape[0]), int(shape[1])
    low, high = joints.min(0), joints.max(0)
    around = _AROUND_HAND * float((high - low).max())
    x0, x1, y0 = int(low[0] - around), int(np.ceil(high[0] + around)), int(low[1] - around)
    sides = ((0, 0, x0, height), (x1, 0, width, height), (0, 0, width, y0))
    return [side for side in sides if side[2] - side[0] >= _SMALLEST_PX and side[3] - side[1] >= _SMALLEST_PX]


@dataclass
class Rooms:
    """Draws backgrounds without a hand.

    Args:
        pictures: their hand-free sides serve.
        sets: how often those of each set do.
        among: (count,) bool, the pictures that may be used.
        rendered: (frames, height, width, 3) uint8, rendered rooms without a hand.
    """

    pictures: Pictures
    sets: Mapping[str, PictureSet]
    among: np.ndarray
    rendered: np.ndarray

    def __post_init__(self) -> None:
        sides: dict[str, list[tuple[int, Rectangle]]] = {}
        often: dict[str, int] = {}
        for index in np.flatnonzero(self.among):
            rooms = self.sets[str(self.pictures.sets[index])].rooms
            person = str(self.pictures.persons[index])
            for side in free_sides(self.pictures.shapes[index], self.pictures.joints[index]) if rooms else ():
                sides.setdefault(person, []).append((int(index), side))
                often[person] = rooms
        self._sides = [sides[person] for person in sides]
        chances = np.array([often[person] for person in sides], dtype=np.float64)
        self._up_to = np.cumsum(chances / chances.sum()) if len(chances) else np.zeros(0)

    def draw(self, rng: np.random.Generator, size_px: int) -> np.ndarray:
        """(size, size, 3) uint8 RGB."""
        room = self._one(rng, size_px)
        if rng.random() < _PATCHED_SHARE:  # two of them side by side: edges that mean nothing
            other, at = self._one(rng, size_px), int(rng.uniform(0.2, 0.8) * size_px)
            if rng.random() < 0.7:
                room[:, at:] = other[:, at:]
            else:
                room[at:] = other[at:]
        return room

    def _one(self, rng: np.random.Generator, size_px: int) -> np.ndarray:
        roll = rng.random()
        if roll < _DRAWN_SHARE or (not self._sides and not len(self.rendered)):
            return draw_room(rng, size_px)
        if not self._sides or (len(self.rendered) and roll < _DRAWN_SHARE + _RENDERED_SHARE):
            return _window(self.rendered[rng.integers(len(self.rendered))], rng, size_px)
        sides = self._sides[min(int(np.searchsorted(self._up_to, rng.random(), "right")), len(self._sides) - 1)]
        index, (x0, y0, x1, y1) = sides[rng.integers(len(sides))]
        return _window(self.pictures[index][y0:y1, x0:x1], rng, size_px)


def _window(part: np.ndarray, rng: np.random.Generator, size_px: int) -> np.ndarray:
    """(size, size, 3) uint8 RGB: a part of a picture, or all of it, stretched."""
    height, width = part.shape[:2]
    if rng.random() < 0.8:  # a window in it, small where a closer look would be at something small
        share = np.exp(rng.uniform(np.log(0.12), 0.0))
        side, aspect = max(12.0, share * min(height, width)), np.exp(rng.uniform(-0.35, 0.35))
        across, down = max(8, min(width, int(side * aspect))), max(8, min(height, int(side / aspect)))
        left, top = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
        part = part[top : top + down, left : left + across]
    method = cv2.INTER_AREA if part.shape[1] > size_px else cv2.INTER_LINEAR
    room = cv2.resize(np.ascontiguousarray(part), (size_px, size_px), interpolation=method)
    return np.ascontiguousarray(room[:, ::-1]) if rng.random() < 0.5 else room
