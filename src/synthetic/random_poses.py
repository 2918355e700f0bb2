"""Valid poses that are no sign in particular: what weights are learned from that have never seen one."""

from dataclasses import dataclass

import numpy as np

from src.synthetic.contact import Contact, PalmSpot, Spot, meet
from src.synthetic.signer import Signer
from src.synthetic.skeleton import (
    ANGLE_LIMITS,
    FIRST_ANGLE,
    INDEX,
    LITTLE,
    MIDDLE,
    RING,
    THUMB,
    WRIST_ABDUCTION,
    WRIST_FLEXION,
    Pose,
    Proportions,
    rotation,
    within_limits,
)

_THUMB_FREE = (0, 1, 2, 3)
_FINGERS = (INDEX, MIDDLE, RING, LITTLE)
# How many close all fingers together, face anywhere at all, or are turned far in the picture's plane.
_TOGETHER_SHARE = 0.3
_ANY_WAY_SHARE = 0.3
_TURNED_SHARE = 0.25
# What the thumb does: it meets a fingertip, lies on a finger, lies across the palm, is held under fingers, or is free.
_THUMB_SHARES = (0.2, 0.22, 0.1, 0.1, 0.38)
_CROSSED_SHARE = 0.05


@dataclass
class _Touch:
    """What the thumb touches, and where the solver that makes it touch may begin and what it may move."""

    contacts: tuple[Contact, ...] = ()
    free: tuple[int, ...] = _THUMB_FREE
    around: tuple[int, ...] = ()


def _degrees(rng: np.random.Generator, middle: tuple[float, ...], spread: float) -> np.ndarray:
    return np.radians(np.array(middle) + rng.normal(0.0, spread, len(middle)))


def _bend(angles: np.ndarray, finger: int, flexions: np.ndarray) -> None:
    """Set a finger's three flexions and leave its abduction."""
    first = FIRST_ANGLE[finger]
    angles[[first, first + 2, first + 3]] = flexions


def _meets_tip(angles: np.ndarray, rng: np.random.Generator) -> _Touch:
    finger = int(rng.integers(INDEX, LITTLE + 1))
    touched = [finger] + [other for other in _FINGERS if abs(other - finger) == 1 and rng.random() < 0.3]
    angles[:4] = _degrees(rng, (28, 46, 16, 24), 8.0)
    flexions = _degrees(rng, (54, 62, 32), 12.0)
    for other in touched:
        _bend(angles, other, flexions)
    here = Spot(THUMB, 2, float(rng.uniform(0.6, 0.95)))
    share, side = float(rng.uniform(0.45, 0.95)), "back" if rng.random() < 0.15 else "pad"
    contacts = tuple(
        Contact(here, Spot(other, 2, share, side), weight=1.0 if other == finger else 0.4) for other in touched
    )
    moved = tuple(FIRST_ANGLE[other] + joint for other in touched for joint in (0, 2))
    return _Touch(contacts, (*_THUMB_FREE, *moved))


def _lies_on_finger(angles: np.ndarray, rng: np.random.Generator) -> _Touch:
    finger, bone = int(rng.integers(INDEX, LITTLE + 1)), int(rng.integers(0, 3))
    angles[:4] = _degrees(rng, (18, 42, 32, 40), 9.0)
    side = str(rng.choice(("back", "radial"), p=(0.65, 0.35)))
    if side == "back":  # which the thumb can reach on a curled finger alone
        bone = max(bone, 1)
        for other in _FINGERS[: _FINGERS.index(finger) + 1]:
            if other == finger or rng.random() < 0.6:
                _bend(angles, other, _degrees(rng, (80, 104, 54), 7.0))
    return _Touch((Contact(Spot(THUMB, 2, 0.7), Spot(finger, bone, float(rng.uniform(0.1, 0.9)), side)),))


def _lies_across_palm(angles: np.ndarray, rng: np.random.Generator) -> _Touch:
    angles[:4] = _degrees(rng, (11, 20, 46, 30), 7.0)
    spot = PalmSpot(*(float(rng.uniform(*ends)) for ends in ((-26, 14), (56, 84), (12, 24))))
    return _Touch((Contact(Spot(THUMB, 2, 0.7), spot),))


def _is_held_under(angles: np.ndarray, rng: np.random.Generator) -> _Touch:
    count = int(rng.integers(1, 4))
    flexions = _degrees(rng, (69, 93, 28), 6.0)
    for finger in _FINGERS[:count]:
        _bend(angles, finger, flexions + rng.normal(0.0, np.radians(3.0), 3))
    angles[:4] = _degrees(rng, (0, 30, 18, 14), 6.0)
    # Its tip looks out behind the last of the fingers over it.
    x = (12.0, -6.0, -25.0)[count - 1] + float(rng.normal(0.0, 4.0))
    spot = PalmSpot(x, float(rng.uniform(76, 110)), float(rng.uniform(28, 46)))
    return _Touch((Contact(Spot(THUMB, 2, 0.9, "axis"), spot),), around=_FINGERS[: max(count, 2)])


def _is_free(angles: np.ndarray, rng: np.random.Generator) -> _Touch:
    return _Touch()


_THUMBS = (_meets_tip, _lies_on_finger, _lies_across_palm, _is_held_under, _is_free)


def random_angles(rng: np.random.Generator, proportions: Proportions) -> np.ndarray:
    """(22,) radians of a valid pose that is no sign in particular.

    Each finger is straight, curled or anything between; in some poses they close together, the way that most of what a
    hand does is done (the first synergy of Santello et al., "Postural hand synergies for tool use", J. Neuroscience 18,
    1998). The last joint follows the middle one; the thumb often touches something, and is kept out of the fingers.
    """
    low, high = ANGLE_LIMITS.T
    angles = rng.uniform(low, high)
    curl = rng.beta(0.6, 0.6, 5)
    if rng.random() < _TOGETHER_SHARE:
        curl[:] = curl[0]
    for finger in _FINGERS:
        first = FIRST_ANGLE[finger]
        angles[first] = (-10 + 95 * np.clip(curl[finger] + rng.normal(0, 0.18), 0, 1)) * np.pi / 180
        angles[first + 2] = 108 * np.pi / 180 * np.clip(curl[finger] + rng.normal(0, 0.18), 0, 1)
        angles[first + 3] = angles[first + 2] * rng.uniform(0.35, 0.75)
        # A bent knuckle leaves little room sideways (tight collateral ligaments).
        angles[first + 1] = angles[first + 1] * (1 - 0.8 * np.clip(angles[first] / 1.4, 0, 1)) * rng.uniform(0, 1)
    if rng.random() < _CROSSED_SHARE:
        angles[FIRST_ANGLE[INDEX] : FIRST_ANGLE[INDEX] + 4] = _degrees(rng, (15, -16, 6, 4), 3.0)
        angles[FIRST_ANGLE[MIDDLE] : FIRST_ANGLE[MIDDLE] + 4] = _degrees(rng, (-4, 16, 10, 6), 3.0)
    angles[[WRIST_FLEXION, WRIST_ABDUCTION]] *= 0.5
    touch = _THUMBS[int(rng.choice(len(_THUMBS), p=_THUMB_SHARES))](angles, rng)
    angles = within_limits(angles)
    return meet(angles, touch.free, touch.contacts, proportions, 8 if touch.contacts else 4, touch.around)


def random_pose(rng: np.random.Generator, signer: Signer) -> Pose:
    """A valid pose of this hand, turned any way that a hand is held before a camera, its inside forward most often."""
    angles = random_angles(rng, signer.proportions)
    any_way, turned = rng.random() < _ANY_WAY_SHARE, rng.random() < _TURNED_SHARE
    yaw = rng.uniform(-np.pi, np.pi) if any_way else rng.normal(0.0, 0.7)
    roll = rng.uniform(-2.5, 2.5) if turned else rng.normal(0.0, 0.5)
    return Pose(angles, rotation(yaw, rng.normal(0.0, 0.45), roll), signer.left_handed)
