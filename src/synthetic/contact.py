"""Making parts of a hand meet, and keeping them out of each other.

A handshape names which surfaces touch (the thumb's pad and the index's pad in an F). How far each joint must bend for
that depends on the person's bones, so it is solved over a few joint angles, with the contacts, the overlap of the thumb
with everything else, and the distance from the handshape's own angles as residuals.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from src.synthetic.compiled.joining import OVERLAPS, overlaps, settle, spot
from src.synthetic.skeleton import ANGLE_LIMITS, Proportions, Skeleton

_SIDES = ("pad", "back", "radial", "ulnar", "axis")
# What counts of the overlap with fingers that are folded over the thumb: their flesh makes room.
_SOFT = 0.3


@dataclass(frozen=True)
class Spot:
    """A point on a finger's skin: bone 0-2 from the base, share of its length, and the side of it.

    `side` is one of "pad", "back", "radial", "ulnar" or "axis" (inside, on the bone).
    """

    finger: int
    bone: int
    share: float
    side: str = "pad"


@dataclass(frozen=True)
class PalmSpot:
    """A point of the hand's frame, mm in a mean hand."""

    x: float
    y: float
    z: float


@dataclass(frozen=True)
class Contact:
    """Two points that should lie `gap_mm` apart (0: touch) and how much that counts."""

    first: Spot
    second: Spot | PalmSpot
    gap_mm: float = 0.0
    weight: float = 1.0


def _numbers(spot: Spot | PalmSpot) -> tuple[float, float, float, float]:
    if isinstance(spot, PalmSpot):
        return -1.0, spot.x, spot.y, spot.z
    return spot.finger, spot.bone, spot.share, _SIDES.index(spot.side)


def spot_position(place: Spot | PalmSpot, skeleton: Skeleton, proportions: Proportions) -> np.ndarray:
    """(3,) mm, in the hand's frame, of one pose."""
    bones = (skeleton.joints, skeleton.directions, skeleton.dorsals)
    return np.array(spot(np.array(_numbers(place), float), *bones, proportions.radii_mm, proportions.size))


def _firmness(around: tuple[int, ...]) -> np.ndarray:
    firm = np.ones(5)
    firm[list(around)] = _SOFT
    return firm


def thumb_overlap(skeleton: Skeleton, proportions: Proportions, around: tuple[int, ...] = ()) -> np.ndarray:
    """(288,) mm by which balls of the thumb's two free bones reach into those of the fingers and the palm, in one pose.

    Fingers in `around` are folded over the thumb: little of their overlap counts.
    """
    out = np.empty(OVERLAPS)
    size, girth = proportions.size, proportions.girth
    overlaps(skeleton.joints, proportions.bases_mm, proportions.radii_mm, size, girth, _firmness(around), out)
    return out


@lru_cache(maxsize=512)
def _tables(contacts: tuple[Contact, ...]) -> tuple[np.ndarray, np.ndarray]:
    """`spots` and `gaps` of `settle`."""
    spots = np.array([(_numbers(each.first), _numbers(each.second)) for each in contacts], float).reshape(-1, 2, 4)
    return spots, np.array([(each.gap_mm, each.weight) for each in contacts], float).reshape(-1, 2)


def meet(
    angles: np.ndarray,
    free: tuple[int, ...],
    contacts: tuple[Contact, ...],
    proportions: Proportions,
    rounds: int = 12,
    around: tuple[int, ...] = (),
) -> np.ndarray:
    """Joint angles near the given ones at which the contacts touch and the thumb lies in no other part.

    Args:
        angles: (22,) radians, where to begin.
        free: indices of the angles that may change.
        contacts: what touches what.
        proportions: whose hand.
        rounds: steps of the solver.
        around: fingers that are folded over the thumb.

    Returns:
        (22,) radians within the joints' limits.
    """
    bones = (proportions.bases_mm, proportions.lengths_mm, proportions.radii_mm)
    hand = (*bones, float(proportions.size), float(proportions.girth))
    return settle(angles, np.array(free, np.int64), ANGLE_LIMITS, *_tables(contacts), hand, _firmness(around), rounds)
