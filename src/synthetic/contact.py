"""Making parts of a hand meet, and keeping them out of each other.

A handshape names which surfaces touch (the thumb's pad and the index's pad in an F). How far each joint must bend for
that depends on the person's bones, so it is solved: damped least squares (Levenberg-Marquardt) over a few joint angles,
with the contacts, the overlap of the thumb with everything else, and the distance from the handshape's own angles as
residuals.
"""

from dataclasses import dataclass

import numpy as np

from src.synthetic.skeleton import ANGLE_LIMITS, Proportions, Skeleton, forward

_STEP = 1e-4
_CONTACT_WEIGHT = 0.7
_OVERLAP_WEIGHT = 0.6
_REST_RAD = np.radians(14.0)
# A soft fingertip gives way by this much where it presses.
_GIVE_MM = 2.0
_SHARES = np.array([0.25, 0.6, 0.95])
_PALM_SHARES = np.array([0.3, 0.6, 0.9])


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


def spot_position(spot: Spot | PalmSpot, skeleton: Skeleton, proportions: Proportions) -> np.ndarray:
    """(..., 3) mm, in the hand's frame."""
    joints = skeleton.joints
    if isinstance(spot, PalmSpot):
        point = np.array([spot.x, spot.y, spot.z]) * proportions.size
        return np.broadcast_to(point, (*joints.shape[:-2], 3))
    first = 1 + 4 * spot.finger + spot.bone
    a, b = joints[..., first, :], joints[..., first + 1, :]
    axis = a + spot.share * (b - a)
    if spot.side == "axis":
        return axis
    radii = proportions.radii_mm[spot.finger]
    radius = radii[spot.bone] + spot.share * (radii[spot.bone + 1] - radii[spot.bone])
    back = skeleton.dorsals[..., spot.finger, spot.bone, :]
    if spot.side in ("radial", "ulnar"):
        radial = np.cross(back, skeleton.directions[..., spot.finger, spot.bone, :])
        return axis + radius * (radial if spot.side == "radial" else -radial)
    return axis + radius * (back if spot.side == "back" else -back)


def _balls(skeleton: Skeleton, proportions: Proportions) -> tuple[np.ndarray, np.ndarray]:
    """Centres (..., 45, 3) and radii (45,) of balls along the bones of the thumb and the fingers, three a bone."""
    chains = skeleton.joints[..., 1:, :].reshape(*skeleton.joints.shape[:-2], 5, 4, 3)
    a, b = chains[..., :3, None, :], chains[..., 1:, None, :]
    centres = a + _SHARES[:, None] * (b - a)
    radii = proportions.radii_mm
    between = radii[:, :3, None] + _SHARES * (radii[:, 1:, None] - radii[:, :3, None])
    return centres.reshape(*chains.shape[:-3], 45, 3), between.reshape(45)


def thumb_overlap(skeleton: Skeleton, proportions: Proportions, around: tuple[int, ...] = ()) -> np.ndarray:
    """(..., 288) mm by which balls of the thumb's two free bones reach into those of the fingers and the palm.

    Fingers in `around` are folded over the thumb: their flesh makes room, and little of their overlap counts.
    """
    centres, radii = _balls(skeleton, proportions)
    bases = proportions.bases_mm[1:, None, :]
    palm = (bases * (_PALM_SHARES[:, None] * np.array([0.6, 1.0, 1.0]) + np.array([0.4, 0.0, 0.0]))).reshape(12, 3)
    palm_radii = np.full(12, 11.5 * proportions.size * proportions.girth)
    others = np.concatenate([centres[..., 9:, :], np.broadcast_to(palm, (*centres.shape[:-2], 12, 3))], -2)
    other_radii = np.concatenate([radii[9:], palm_radii])
    thumb, thumb_radii = centres[..., 3:9, :], radii[3:9]
    gap = thumb[..., :, None, :] - others[..., None, :, :]
    distance = np.sqrt((gap**2).sum(-1))
    deep = thumb_radii[:, None] + other_radii - _GIVE_MM - distance
    firm = np.ones(48)
    for finger in around:
        firm[9 * (finger - 1) : 9 * finger] = 0.3
    return (np.maximum(deep, 0.0) * firm).reshape(*centres.shape[:-2], 288)


def _residuals(
    angles: np.ndarray,
    rest: np.ndarray,
    free: np.ndarray,
    contacts: tuple[Contact, ...],
    proportions: Proportions,
    around: tuple[int, ...],
) -> np.ndarray:
    skeleton = forward(angles, proportions)
    parts = [
        (angles[..., free] - rest[free]) / _REST_RAD,
        _OVERLAP_WEIGHT * thumb_overlap(skeleton, proportions, around),
    ]
    for contact in contacts:
        here, there = (spot_position(spot, skeleton, proportions) for spot in (contact.first, contact.second))
        apart = here - there
        if contact.gap_mm:
            distance = np.sqrt((apart**2).sum(-1, keepdims=True))
            apart = distance - contact.gap_mm * proportions.size
        parts.append(_CONTACT_WEIGHT * contact.weight * apart)
    return np.concatenate(parts, -1)


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
    rest = angles
    index = np.array(free)
    low, high = ANGLE_LIMITS[index].T
    now = angles.copy()
    now[index] = np.clip(now[index], low, high)
    damping = 1.0
    count = len(index)
    nudges = np.zeros((count + 1, len(angles)))
    nudges[np.arange(1, count + 1), index] = _STEP
    best = _residuals(now[None], rest, index, contacts, proportions, around)[0]
    for _ in range(rounds):
        batch = _residuals(now + nudges, rest, index, contacts, proportions, around)
        slopes = (batch[1:] - batch[0]) / _STEP
        hessian = (slopes[:, None, :] * slopes[None, :, :]).sum(-1)
        downhill = (slopes * batch[0]).sum(-1)
        hessian[np.arange(count), np.arange(count)] += damping + 0.05 * hessian[np.arange(count), np.arange(count)]
        trial = now.copy()
        trial[index] = np.clip(now[index] - np.linalg.solve(hessian, downhill), low, high)
        after = _residuals(trial[None], rest, index, contacts, proportions, around)[0]
        if (after**2).sum() < (best**2).sum():
            now, best, damping = trial, after, damping * 0.4
        else:
            damping *= 6.0
    return now
