"""Signs as somebody holds them: a handshape, bent to a person's bones and habits, until what should touch does."""

from functools import lru_cache

import numpy as np

from src.signs.labels import SIGNS, sign_index
from src.synthetic.contact import meet
from src.synthetic.handshapes import HANDSHAPES, Handshape
from src.synthetic.signer import Signer
from src.synthetic.skeleton import (
    JOINT_ANGLES,
    NUM_ANGLES,
    WRIST_ABDUCTION,
    WRIST_FLEXION,
    Pose,
    rotation,
    within_limits,
)

_THUMB_FREE = (0, 1, 2, 3)
_SAMPLE_WOBBLE_DEG = 3.0
# Sideways a knuckle moves through less than half the range of its bending, and habits are smaller in proportion:
# fingers that are held together touch.
_SIDEWAYS = [name.endswith("mcp_abduction") for name in JOINT_ANGLES]
_HABIT_SHARE = np.where(_SIDEWAYS, 0.5, 1.0)
_SAMPLE_TURN_DEG = (10.0, 8.0, 8.0)


def handshape(sign: str, variant: float = 0.0) -> Handshape:
    """One of a sign's common ways.

    Args:
        sign: one of `SIGNS`.
        variant: in [0, 1); 0 is the chart's way.

    Raises:
        UserError: `sign` is none of the 36.
    """
    ways = HANDSHAPES[SIGNS[sign_index(sign)]]
    return ways[int(variant * len(ways))]


@lru_cache(maxsize=8192)
def _settled(sign: str, signer: Signer) -> np.ndarray:
    """(22,) radians: the signer's own way to hold the sign, contacts met."""
    index = sign_index(sign)
    shape = handshape(sign, float(signer.variant[index]))
    angles = within_limits(shape.angles + signer.habits[index] * _HABIT_SHARE)
    settled = meet(angles, (*_THUMB_FREE, *shape.free), shape.contacts, signer.proportions, 12, shape.around)
    settled.setflags(write=False)
    return settled


def sign_pose(sign: str, signer: Signer, rng: np.random.Generator | None = None) -> Pose:
    """How `signer` holds `sign`.

    Args:
        sign: one of `SIGNS`.
        signer: whose bones and habits.
        rng: this image's wobble; None for the settled pose without any.

    Raises:
        UserError: `sign` is none of the 36.
    """
    index = sign_index(sign)
    shape = handshape(sign, float(signer.variant[index]))
    angles = _settled(sign, signer)
    turn = np.radians([shape.yaw, shape.pitch, shape.roll]) + signer.stance[index]
    if rng is not None:
        wobble = rng.normal(0.0, np.radians(_SAMPLE_WOBBLE_DEG), NUM_ANGLES) * _HABIT_SHARE
        wobble[[WRIST_FLEXION, WRIST_ABDUCTION]] *= 4.0
        angles = within_limits(angles + wobble)
        angles = meet(angles, (*_THUMB_FREE, *shape.free), shape.contacts, signer.proportions, 2, shape.around)
        turn = turn + rng.normal(0.0, np.radians(_SAMPLE_TURN_DEG))
    return Pose(angles, rotation(*turn), signer.left_handed)
