"""What the finder is shown: a square view with a hand in it, as a first or a closer look sees it, or with none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from src.learning.finding.pictures import MASK_PX, Pictures
from src.learning.finding.placing import Looks, Placing
from src.learning.finding.recipe import KINDS, FinderTraining, PictureSet
from src.learning.finding.rendered import RenderedHands
from src.learning.finding.rooms import Rooms
from src.learning.finding.scenes import Scenes
from src.learning.finding.webcam import webcam
from src.nets.finder import NUM_JOINTS

HAND, NO_HAND, UNCLEAR = 1, 0, -1
_FAR_SHARE = 0.42  # of views with a hand: as a first look sees it; the others as a closer one
_FRAME_SHARE = 0.35  # of those of whole frames: as they are, only moved and zoomed a little
_SECOND_SHARE = 0.12  # of far views: with a smaller hand beside, which does not count
_DECOY_SHARE = 0.55  # of views without a hand: with a patch set into them as hands are
_COVERS = 0.5  # of the view: a picture that covers more needs no other room as often
_OWN_ROOM, _OWN_ROOM_WHERE_LARGE = 0.15, 0.65  # how often a hand with a mask keeps its own room
_BORDERS = ((cv2.BORDER_CONSTANT, 0.6), (cv2.BORDER_REPLICATE, 0.85), (cv2.BORDER_REFLECT_101, 1.0))
_SKIN = np.array([(224, 172, 140), (198, 134, 100), (141, 85, 60), (255, 219, 190), (90, 56, 40)])


class View(NamedTuple):
    """One view and what is in it.

    Attributes:
        image: (size, size, 3) uint8 RGB.
        kind: HAND, NO_HAND, or UNCLEAR where most of a hand lies outside: nothing is asked of such a view.
        joints: (21, 2) float32 as shares of the view.
        right: 1 for a right hand, 0 for a left one.
        person: whose photograph it is; "" for a rendered hand or none.
    """

    image: np.ndarray
    kind: int
    joints: np.ndarray
    right: float
    person: str = ""


@dataclass
class Views:
    """Draws views.

    Args:
        recipe: how often what.
        pictures: photographs with joints.
        hands: rendered ones.
        scenes: rendered rooms.
        among: (count,) bool, the photographs that are used.
    """

    recipe: FinderTraining
    pictures: Pictures
    hands: RenderedHands
    scenes: Scenes
    among: np.ndarray

    def __post_init__(self) -> None:
        sets = {one.name: one for one in self.recipe.sets}
        self._kinds = {name: _by_person(self.pictures, self._of_kind(sets, name)) for name in KINDS}
        self._kinds = {name: people for name, people in self._kinds.items() if people}
        chances = np.array([KINDS[name] for name in self._kinds])
        self._up_to = np.cumsum(chances / chances.sum())
        self._frames: np.ndarray = np.array([sets[str(name)].rooms > 1 for name in self.pictures.sets])
        self.rooms = Rooms(self.pictures, sets, self.among, self.scenes.empty)

    def draw(self, seed: Sequence[int]) -> View:
        """The view that belongs to a seed, such as (seed, epoch, index)."""
        rng = np.random.default_rng(tuple(seed))
        if rng.random() < self.recipe.empty_share:
            return self._empty(rng)
        roll, cut_out = rng.random(), self.recipe.rendered_share
        if roll < cut_out:
            view = self._rendered(rng)
        elif roll < cut_out + self.recipe.scene_share:
            view = self._scene(rng)
        else:
            view = self._photographed(rng)
        middle = (view.joints.min(0) + view.joints.max(0)) / 2
        clear = middle.min() >= 0.02 and middle.max() <= 0.98
        return view._replace(image=webcam(view.image, rng), kind=HAND if clear else UNCLEAR)

    def _of_kind(self, sets: dict[str, PictureSet], kind: str) -> np.ndarray:
        return self.among & np.array([sets[str(name)].kind == kind for name in self.pictures.sets])

    def _empty(self, rng: np.random.Generator) -> View:
        size = self.recipe.size_px
        image = self.rooms.draw(rng, size)
        if rng.random() < _DECOY_SHARE:
            image = _set_in(image, _decoy(rng, self.rooms, size), _blob(rng, size))
        return View(webcam(image, rng), NO_HAND, np.zeros((NUM_JOINTS, 2), np.float32), 0.5)

    def _rendered(self, rng: np.random.Generator) -> View:
        index, size = int(rng.integers(len(self.hands))), self.recipe.size_px
        looks = self._looks(rng)
        placing = Placing.of(self.hands.centers[index], float(self.hands.sides[index]), looks, size)
        mask = _softened(placing.warped(self.hands.masks[index].astype(np.float32)), rng)
        room = self._second(rng, looks, self.rooms.draw(rng, size))
        image = _set_in(room, placing.warped(self.hands.images[index], cv2.BORDER_REPLICATE), mask)
        right = float(self.hands.right[index])
        return View(image, HAND, placing.points(self.hands.joints[index]), abs(right - looks.mirror))

    def _scene(self, rng: np.random.Generator) -> View:
        index, size = int(rng.integers(len(self.scenes))), self.recipe.size_px
        looks = self._looks(rng)
        if rng.random() < _FAR_SHARE:
            frame = np.array(self.scenes.images.shape[1:3])
            looks = _whole_frame(frame, self.scenes.centers[index], float(self.scenes.sides[index]), rng)
        placing = Placing.of(self.scenes.centers[index], float(self.scenes.sides[index]), looks, size)
        image = placing.warped(self.scenes.images[index], _border(rng))
        right = abs(float(self.scenes.right[index]) - looks.mirror)
        return View(image, HAND, placing.points(self.scenes.joints[index]), right)

    def _photographed(self, rng: np.random.Generator) -> View:
        index, size = self._any_picture(rng), self.recipe.size_px
        pixels = self.pictures[index]
        looks = self._looks(rng)
        if self._frames[index] and rng.random() < _FAR_SHARE * _FRAME_SHARE:
            looks = _whole_frame(
                self.pictures.shapes[index], self.pictures.centers[index], float(self.pictures.sides[index]), rng
            )
        placing = Placing.of(self.pictures.centers[index], float(self.pictures.sides[index]), looks, size)
        own_room = _OWN_ROOM_WHERE_LARGE if _covered(placing, pixels) > _COVERS else _OWN_ROOM
        if self.pictures.has_mask[index] and rng.random() >= own_room:
            mask = _softened(self._mask(index, placing), rng)
            room = self._second(rng, looks, self.rooms.draw(rng, size))
            image = _set_in(room, placing.warped(pixels, cv2.BORDER_REPLICATE), mask)
        else:
            image = placing.warped(pixels, _border(rng))
        right = abs(float(self.pictures.right[index]) - looks.mirror)
        return View(image, HAND, placing.points(self.pictures.joints[index]), right, str(self.pictures.persons[index]))

    def _any_picture(self, rng: np.random.Generator) -> int:
        kind = list(self._kinds.values())[
            min(int(np.searchsorted(self._up_to, rng.random(), "right")), len(self._kinds) - 1)
        ]
        person = kind[rng.integers(len(kind))]
        return int(person[rng.integers(len(person))])

    def _looks(self, rng: np.random.Generator) -> Looks:
        """A hand anywhere, as a first look sees it, or about half as large as the view, as a closer one does."""
        far = rng.random() < _FAR_SHARE
        share = float(np.exp(rng.uniform(np.log(0.12), np.log(0.8))) if far else rng.uniform(0.34, 0.74))
        at = rng.uniform(0.45 * share, 1 - 0.45 * share, 2) if far else rng.normal(0.5, 0.08, 2)
        turn = rng.normal(0, 12) if rng.random() < 0.9 else rng.uniform(-50, 50)
        return Looks(
            share, at, float(turn), bool(rng.random() < 0.5),
            float(np.exp(rng.uniform(-0.12, 0.12))), float(rng.uniform(-0.1, 0.1)),
        )  # fmt: skip

    def _mask(self, index: int, placing: Placing) -> np.ndarray:
        square = self.pictures.mask_square(index)
        within = placing.after(square.side, square.x, square.y, MASK_PX)
        return within.warped(self.pictures.mask(index).astype(np.float32))

    def _second(self, rng: np.random.Generator, looks: Looks, room: np.ndarray) -> np.ndarray:
        """The room, in some with a hand far smaller than the one that counts, which will lie before it."""
        if rng.random() >= _SECOND_SHARE:
            return room
        share = looks.share * float(rng.uniform(0.3, 0.6))
        second = Looks(share, rng.uniform(0, 1, 2), float(rng.normal(0, 20)), bool(rng.random() < 0.5))
        if np.abs(second.at - looks.at).max() < (second.share + looks.share) / 2:
            return room
        index = int(rng.integers(len(self.hands)))
        placing = Placing.of(self.hands.centers[index], float(self.hands.sides[index]), second, self.recipe.size_px)
        mask = _softened(placing.warped(self.hands.masks[index].astype(np.float32)), rng)
        return _set_in(room, placing.warped(self.hands.images[index], cv2.BORDER_REPLICATE), mask)


def _whole_frame(shape: np.ndarray, center: np.ndarray, side_px: float, rng: np.random.Generator) -> Looks:
    """The whole frame in the middle of the view, as the finder's first look has it, zoomed and moved a little."""
    height, width = shape
    whole, zoom = max(height, width), float(np.exp(rng.uniform(-0.15, 0.15)))
    off = (center - (width / 2, height / 2)) / whole
    mirror = bool(rng.random() < 0.5)
    at = 0.5 + zoom * off * (-1 if mirror else 1, 1) + rng.uniform(-0.03, 0.03, 2)
    return Looks(zoom * side_px / whole, at, float(rng.normal(0, 4)), mirror)


def _border(rng: np.random.Generator) -> int:
    roll = rng.random()
    return next(border for border, up_to in _BORDERS if roll < up_to)


def _by_person(pictures: Pictures, among: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(among & (pictures.persons == person)) for person in np.unique(pictures.persons[among])]


def _covered(placing: Placing, pixels: np.ndarray) -> float:
    """About how much of the view a picture would cover."""
    height, width = pixels.shape[:2]
    corners = placing.points(np.array([(0, 0), (width, 0), (0, height), (width, height)], np.float64))
    return float(np.prod(corners.max(0) - corners.min(0)))


def _softened(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.4, 1.3)))


def _set_in(room: np.ndarray, hand: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(size, size, 3) uint8: `hand` where the mask (size, size) in [0, 1] is 1, `room` where it is 0."""
    return cv2.blendLinear(hand, room, mask, 1 - mask)


def _decoy(rng: np.random.Generator, rooms: Rooms, size: int) -> np.ndarray:
    roll = rng.random()
    if roll < 0.4:
        return rooms.draw(rng, size)
    if roll < 0.6:  # a lamp, a print on a shirt, a hole in a wall
        colour = rng.integers(0, 256, 3) if rng.random() < 0.5 else np.full(3, rng.choice((8, 250)))
    else:
        colour = _SKIN[rng.integers(len(_SKIN))] * rng.uniform(0.4, 1.1)
    cells = int(rng.integers(3, 24))
    shades = np.clip(colour + rng.normal(0, rng.uniform(5, 30), (cells, cells, 1)), 0, 255).astype(np.uint8)
    return cv2.resize(shades, (size, size), interpolation=cv2.INTER_CUBIC)


def _blob(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, size) float32 in [0, 1]: a patch, a bar as an arm is one, or a star; so that cut edges say nothing."""
    mask = np.zeros((size, size), np.float32)
    middle, extent = rng.uniform(0.15, 0.85, 2) * size, np.exp(rng.uniform(np.log(0.04), np.log(0.4))) * size
    roll = rng.random()
    if roll < 0.35:
        corners = middle + rng.normal(0, extent, (int(rng.integers(5, 12)), 2))
        cv2.fillConvexPoly(mask, cv2.convexHull(corners.astype(np.float32)).astype(np.int32), 1.0)
    elif roll < 0.65:  # rays of any length from a middle, as logos and lamps have
        rays = int(rng.integers(3, 12))
        angles = np.repeat((np.arange(rays) + rng.uniform(-0.3, 0.3, rays)) * 2 * np.pi / rays, 2)
        angles[1::2] += np.pi / rays
        lengths = extent * rng.uniform(0.3, 1.3, 2 * rays)
        lengths[1::2] *= rng.uniform(0.2, 0.9)
        corners = middle + lengths[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
    else:
        end = middle + rng.normal(0, size, 2)
        ends = [tuple(int(v) for v in point) for point in (middle, end)]
        cv2.line(mask, ends[0], ends[1], 1.0, max(2, int(extent)))
    return _softened(mask, rng)
