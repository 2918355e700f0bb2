"""How light the skin of a person's hand looks in their pictures, coarsely, and how well each group of people is read.

Individual typology angle, ITA = atan2(L* - 50, b*) in degrees: A. Chardon, I. Cretois and C. Hourseau, Skin colour
typology and suntanning pathways, International Journal of Cosmetic Science 13 (1991), 191-208. Its six classes reach to
dark skin since S. Del Bino and F. Bernerd, British Journal of Dermatology 169, s3 (2013), 33-40.

It was made for a calibrated instrument on the skin. In a picture light, white balance and exposure move it by a class
or more, and palms, which most pictures show, differ less than the backs of hands. So it tells a coarse order of how
light hands look, and neither who somebody is nor where they come from. Where the palm has no colour that skin has in
white light, nothing is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console

from experiments.unseen_rooms.handless import read_joints, read_pixels
from experiments.unseen_rooms.protocol import Figures, Pictures
from src.errors import UserError
from src.terminal import progress, table

# Each class and the angle, in degrees, above which it begins.
CLASSES = (
    ("very light", 55.0),
    ("light", 41.0),
    ("intermediate", 28.0),
    ("tan", 10.0),
    ("brown", -30.0),
    ("dark", -float("inf")),
)
PALM = (0, 5, 9, 13, 17)  # MediaPipe's wrist and the knuckles of index, middle, ring and little finger
LEAST_PIXELS = 40  # a palm seen from its edge shows too little
# Colours that skin has in white light, generously; outside, exposure or a cast of the light hides it. Near b* = 0 the
# angle is one of the light: 90 degrees above middle grey, -90 below.
LIGHTNESS, LEAST_YELLOW = (25.0, 85.0), 5.0
TOLD_FROM = 0.5  # share of a person's pictures that must tell it
HIDDEN = "hidden by light or camera"
CAVEAT = (
    "Light and camera move the angle by a class or more, and palms differ less than backs of hands: only a coarse "
    "order of how light hands look is told, and a group of one or two people says nothing of others."
)


def class_of(angle: float) -> str:
    """The class of an individual typology angle in degrees."""
    return next(name for name, above in CLASSES if angle > above)


def typology_angle(pixels: np.ndarray, joints: np.ndarray) -> float:
    """The individual typology angle of the palm, by the medians of L* and b* of its pixels.

    Args:
        pixels: `(height, width, 3) uint8` sRGB.
        joints: `(21, 2)` px, in MediaPipe's order.

    Returns:
        Degrees, more for lighter skin; NaN where fewer than `LEAST_PIXELS` of the palm are seen, or in no colour of
        skin.
    """
    corners = cv2.convexHull(np.round(joints[list(PALM)]).astype(np.int32))[:, 0]
    left, top = np.maximum(corners.min(axis=0), 0)
    right, bottom = corners.max(axis=0) + 1
    part = pixels[top:bottom, left:right]
    if not part.size:
        return np.nan
    palm = np.zeros(part.shape[:2], np.uint8)
    cv2.fillConvexPoly(palm, corners - (left, top), 1)
    inside = part[palm > 0]
    if len(inside) < LEAST_PIXELS:
        return np.nan
    lab = cv2.cvtColor(inside[None].astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0]
    lightness, _, yellow = np.median(lab, axis=0)
    if not LIGHTNESS[0] <= lightness <= LIGHTNESS[1] or yellow < LEAST_YELLOW:
        return np.nan
    return float(np.degrees(np.arctan2(lightness - 50, yellow)))


def angles_of_people(data: Path, name: str, pictures: Pictures) -> dict[str, np.ndarray]:
    """Person → the angle of each of their pictures; NaN where it tells none, or no hand was found in it.

    Raises:
        UserError: the data root has no joints of this set.
    """
    joints = read_joints(data, name)
    angles: dict[str, list[float]] = {str(person): [] for person in np.unique(pictures.people)}
    with progress("looking at skin", len(pictures)) as advance:
        for file, person in zip(pictures.files, pictures.people, strict=True):
            points = joints[file].points if file in joints else None
            angles[str(person)].append(np.nan if points is None else _angle_of_file(data / file, points))
            advance(1)
    return {person: np.array(each) for person, each in angles.items()}


def _angle_of_file(file: Path, points: np.ndarray) -> float:
    try:
        return typology_angle(read_pixels(file), points)
    except UserError:  # one that cannot be read has counted as wrong already
        return np.nan


@dataclass(frozen=True)
class SkinGroup:
    """How people of one class are read.

    Attributes:
        name: of the class, or `HIDDEN`.
        people: how many.
        strict: share of their pictures that is read right, mean over them.
        worst: of the one read worst.
    """

    name: str
    people: int
    strict: float
    worst: float


@dataclass(frozen=True)
class BySkin:
    """Figures by skin. It holds nobody's own angle: what a camera saw is no fact about a person.

    Attributes:
        groups: from light to dark, those that hold anybody; last those of whom it is hidden.
        spread: degrees between the quartiles of a person's own pictures, median over people: how far light moves it.
    """

    groups: tuple[SkinGroup, ...]
    spread: float

    def plain(self) -> dict[str, Any]:
        """As values that JSON can hold."""
        return {
            "measure": "individual typology angle of the palm, median over a person's pictures (Chardon et al. 1991)",
            "caveat": CAVEAT,
            "classes_above_degrees": {name: above for name, above in CLASSES if np.isfinite(above)},
            "groups": [vars(group) for group in self.groups],
            "spread_degrees": round(self.spread, 1),
        }


def by_skin(scored: Figures, angles: Mapping[str, np.ndarray]) -> BySkin:
    """Group the people of a reader's figures by the median of their pictures' angles."""
    strict: dict[str, list[float]] = {name: [] for name in (*(name for name, _ in CLASSES), HIDDEN)}
    spans = []
    for person, each in angles.items():
        told = each[np.isfinite(each)]
        is_told = len(told) > 0 and len(told) >= TOLD_FROM * len(each)
        strict[class_of(float(np.median(told))) if is_told else HIDDEN].append(scored.people[person]["strict"])
        if is_told:
            spans.append(float(np.subtract(*np.quantile(told, (0.75, 0.25)))))
    return BySkin(
        tuple(SkinGroup(name, len(own), float(np.mean(own)), min(own)) for name, own in strict.items() if own),
        spread=float(np.median(spans)) if spans else 0.0,
    )


def print_by_skin(found: BySkin, console: Console) -> None:
    """A line a class, and what it is worth."""
    lines = table()
    for title in ("skin of the hand, as seen", "people", "strict", "worst"):
        lines.add_column(title, justify="left" if title.startswith("skin") else "right")
    for group in found.groups:
        lines.add_row(group.name, str(group.people), f"{100 * group.strict:.1f}", f"{100 * group.worst:.1f}")
    console.print(lines)
    console.print(
        f"  Half of a person's own pictures span {found.spread:.0f} degrees; a class is 13 to 40 wide. {CAVEAT}",
        highlight=False,
    )
