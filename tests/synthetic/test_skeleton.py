"""Joints, limits and the bones' geometry."""

import numpy as np
import pytest

from src.errors import UserError
from src.signs.labels import SIGNS
from src.synthetic.contact import spot_position, thumb_overlap
from src.synthetic.handshapes import HANDSHAPES
from src.synthetic.posing import handshape, sign_pose
from src.synthetic.random_poses import random_angles
from src.synthetic.signer import draw_signer
from src.synthetic.skeleton import (
    ANGLE_LIMITS,
    FIRST_ANGLE,
    JOINT_ANGLES,
    KEYPOINTS,
    NUM_ANGLES,
    forward,
    mean_proportions,
    rotation,
)


def test_limits_hold_for_a_thousand_random_hands():
    rng = np.random.default_rng(0)
    people = [draw_signer(rng, f"p{number}").proportions for number in range(20)]
    angles = np.stack([random_angles(rng, people[i % 20]) for i in range(1000)])
    assert (angles >= ANGLE_LIMITS[:, 0] - 1e-9).all()
    assert (angles <= ANGLE_LIMITS[:, 1] + 1e-9).all()
    assert np.isfinite(forward(angles, people[0]).joints).all()


def test_limits_hold_for_every_sign_of_many_signers():
    rng = np.random.default_rng(1)
    for number in range(4):
        person = draw_signer(rng, f"p{number}")
        for sign in SIGNS:
            angles = sign_pose(sign, person, rng).angles
            assert (angles >= ANGLE_LIMITS[:, 0] - 1e-9).all(), sign
            assert (angles <= ANGLE_LIMITS[:, 1] + 1e-9).all(), sign


def test_bones_keep_their_lengths_in_any_pose():
    rng = np.random.default_rng(2)
    proportions = mean_proportions()
    joints = forward(rng.uniform(*ANGLE_LIMITS.T, (500, NUM_ANGLES)), proportions).joints
    chains = joints[:, 1:].reshape(500, 5, 4, 3)
    lengths = np.sqrt((np.diff(chains, axis=2) ** 2).sum(-1))
    np.testing.assert_allclose(lengths, np.broadcast_to(proportions.lengths_mm, lengths.shape), rtol=1e-9)


def test_bending_a_finger_brings_its_tip_out_of_the_palm():
    straight, bent = np.zeros(NUM_ANGLES), np.zeros(NUM_ANGLES)
    bent[JOINT_ANGLES.index("index_mcp_flexion")] = 1.0
    tip = KEYPOINTS.index("index_tip")
    proportions = mean_proportions()
    assert forward(bent, proportions).joints[tip, 2] > forward(straight, proportions).joints[tip, 2] + 40


def test_keypoints_and_angles_are_named_finger_by_finger():
    assert len(KEYPOINTS) == 21
    assert KEYPOINTS[8] == "index_tip"
    for finger, first in zip(("thumb", "index", "middle", "ring", "little"), FIRST_ANGLE, strict=True):
        assert JOINT_ANGLES[first].startswith(finger)


def test_a_rotation_keeps_lengths_and_handedness():
    turn = rotation(0.3, -0.4, 2.0)
    np.testing.assert_allclose((turn[:, None, :] * turn[None]).sum(-1), np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(turn), 1.0)


def test_tips_that_should_touch_do_so_for_every_signer():
    rng = np.random.default_rng(3)
    for number in range(8):
        person = draw_signer(rng, f"p{number}")
        for sign in "789DFO":
            first = handshape(sign, person.variant[SIGNS.index(sign)]).contacts[0]
            skeleton = forward(sign_pose(sign, person).angles, person.proportions)
            ends = [spot_position(spot, skeleton, person.proportions) for spot in (first.first, first.second)]
            assert np.sqrt(((ends[0] - ends[1]) ** 2).sum()) < 9.0, (sign, number)


def test_the_thumb_does_not_run_through_other_fingers():
    rng = np.random.default_rng(4)
    for number in range(4):
        person = draw_signer(rng, f"p{number}")
        for sign in SIGNS:
            # In M, N and T three fingers, two or one are squeezed over the thumb.
            if sign in "MNT":
                continue
            skeleton = forward(sign_pose(sign, person).angles, person.proportions)
            assert thumb_overlap(skeleton, person.proportions).max() < 7.0, sign


def test_every_sign_has_a_handshape_and_nothing_else_has_one():
    assert set(HANDSHAPES) == set(SIGNS)
    with pytest.raises(UserError, match="not one of the 36 signs"):
        handshape("?")
