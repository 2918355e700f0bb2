"""The bones of a hand: joints, their limits, and forward kinematics.

Frame of the hand (a right hand; left hands are rendered as mirror images): the origin is the wrist, +x points to the
thumb's side (radial), +y to the fingertips (distal), +z out of the palm (palmar). Lengths are millimetres, angles
radians.

Sources. Bone lengths and the soft tissue beyond the last bone: Buryanov & Kotiuk, "Proportions of hand segments", Int.
J. Morphology 28(3), 2010. Ranges of motion: Norkin & White, "Measurement of Joint Motion", 5th ed., 2016 (passive ends,
since a fingertip pressed on the thumb is moved passively). The distal joint follows the middle joint at about two
thirds of its angle: Lin, Wu & Huang, "Modeling the constraints of human hand motion", Workshop on Human Motion, 2000.
The thumb's saddle joint has two degrees of freedom and turns the thumb about its own axis (pronates) as it swings out
of the palm: Cooney et al., "The kinesiology of the thumb trapeziometacarpal joint", J. Bone Joint Surg. 63-A, 1981.
"""

from dataclasses import dataclass

import numpy as np

FINGERS: tuple[str, ...] = ("thumb", "index", "middle", "ring", "little")
THUMB, INDEX, MIDDLE, RING, LITTLE = range(5)

# MediaPipe's order: the wrist, then four points a finger from its base to its tip.
KEYPOINTS: tuple[str, ...] = (
    "wrist",
    *(f"thumb_{joint}" for joint in ("cmc", "mcp", "ip", "tip")),
    *(f"{finger}_{joint}" for finger in FINGERS[1:] for joint in ("mcp", "pip", "dip", "tip")),
)
NUM_KEYPOINTS = len(KEYPOINTS)

# (joint angle, least and greatest value in degrees). Flexion is positive towards the palm, abduction of
# fingers towards the thumb.
_LIMITS_DEG: tuple[tuple[str, float, float], ...] = (
    ("thumb_cmc_radial", -25.0, 75.0),
    ("thumb_cmc_palmar", -10.0, 70.0),
    ("thumb_mcp_flexion", -15.0, 75.0),
    ("thumb_ip_flexion", -20.0, 90.0),
    ("index_mcp_flexion", -30.0, 95.0),
    ("index_mcp_abduction", -20.0, 28.0),
    ("index_pip_flexion", -5.0, 115.0),
    ("index_dip_flexion", -10.0, 85.0),
    ("middle_mcp_flexion", -30.0, 95.0),
    ("middle_mcp_abduction", -20.0, 22.0),
    ("middle_pip_flexion", -5.0, 115.0),
    ("middle_dip_flexion", -10.0, 85.0),
    ("ring_mcp_flexion", -30.0, 95.0),
    ("ring_mcp_abduction", -25.0, 20.0),
    ("ring_pip_flexion", -5.0, 118.0),
    ("ring_dip_flexion", -10.0, 85.0),
    ("little_mcp_flexion", -30.0, 98.0),
    ("little_mcp_abduction", -38.0, 20.0),
    ("little_pip_flexion", -5.0, 118.0),
    ("little_dip_flexion", -10.0, 85.0),
    ("wrist_flexion", -60.0, 70.0),
    ("wrist_abduction", -22.0, 35.0),  # to the little finger's side, of which a wrist can do more
)
JOINT_ANGLES: tuple[str, ...] = tuple(name for name, _, _ in _LIMITS_DEG)
NUM_ANGLES = len(JOINT_ANGLES)
ANGLE_LIMITS: np.ndarray = np.radians([(low, high) for _, low, high in _LIMITS_DEG])

# Where each finger's first four angles begin in the vector of joint angles.
FIRST_ANGLE: tuple[int, ...] = (0, 4, 8, 12, 16)
WRIST_FLEXION, WRIST_ABDUCTION = 20, 21

# Rows: thumb (metacarpal, proximal, distal), then proximal, middle, distal of index to little.
MEAN_BONE_LENGTHS_MM = np.array(
    [[46.2, 31.6, 21.7], [39.8, 22.4, 15.8], [44.6, 26.3, 17.4], [41.4, 25.7, 17.3], [32.7, 18.1, 16.0]]
)
MEAN_PULP_MM = np.array([3.7, 3.8, 4.0, 4.0, 3.7])
# Thumb's saddle joint and the four knuckles. Along y: the carpus and the metacarpals' lengths; across: half of the
# hand's breadth on either side of the middle finger; z: the transverse arch.
MEAN_BASES_MM = np.array(
    [[21.0, 20.0, 5.0], [24.0, 88.0, 0.0], [3.5, 91.0, -3.0], [-16.0, 84.5, -1.0], [-33.5, 73.5, 4.0]]
)
# Half the breadth of the flesh at each joint and at the tip's ball.
MEAN_RADII_MM = np.array(
    [
        [14.5, 12.4, 11.0, 9.0],
        [11.6, 10.0, 8.7, 7.5],
        [11.7, 10.2, 8.9, 7.7],
        [11.2, 9.7, 8.4, 7.2],
        [10.2, 8.6, 7.4, 6.4],
    ]
)


@dataclass(frozen=True, eq=False)
class Proportions:
    """One person's hand.

    Attributes:
        bases_mm: (5, 3) thumb's saddle joint and the four knuckles, in the hand's frame.
        lengths_mm: (5, 3) bone lengths, from base to tip.
        radii_mm: (5, 4) half the breadth of the flesh at each joint and at the tip.
        pulp_mm: (5,) soft tissue beyond the last bone.
        size: the hand's length over the mean hand's.
        girth: the flesh's thickness over that of a mean hand of this size.
    """

    bases_mm: np.ndarray
    lengths_mm: np.ndarray
    radii_mm: np.ndarray
    pulp_mm: np.ndarray
    size: float = 1.0
    girth: float = 1.0


def mean_proportions() -> Proportions:
    """The mean adult hand of the tables above."""
    return Proportions(MEAN_BASES_MM, MEAN_BONE_LENGTHS_MM, MEAN_RADII_MM, MEAN_PULP_MM)


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Bones in the hand's frame, with any leading batch shape.

    Attributes:
        joints: (..., 21, 3) keypoints in MediaPipe's order, mm.
        directions: (..., 5, 3, 3) unit vectors along the three bones of each finger.
        dorsals: (..., 5, 3, 3) unit vectors out of the nail's side of each of those bones.
    """

    joints: np.ndarray
    directions: np.ndarray
    dorsals: np.ndarray


def within_limits(angles: np.ndarray) -> np.ndarray:
    """`angles` (..., 22) clipped to the joints' limits."""
    return np.clip(angles, ANGLE_LIMITS[:, 0], ANGLE_LIMITS[:, 1])


def forward(angles: np.ndarray, proportions: Proportions) -> Skeleton:
    """Where the bones are when the joints have these angles.

    Args:
        angles: (..., 22) radians, in the order of `JOINT_ANGLES`.
        proportions: whose hand.
    """
    # numba is loaded by who poses a hand, not by who asks how many joints one has.
    from src.synthetic.compiled.joining import many_bones

    batch = angles.shape[:-1]
    flat = np.ascontiguousarray(angles, dtype=float).reshape(-1, NUM_ANGLES)
    joints, directions, dorsals = many_bones(flat, proportions.bases_mm, proportions.lengths_mm)
    bones = (*batch, 5, 3, 3)
    return Skeleton(joints.reshape(*batch, NUM_KEYPOINTS, 3), directions.reshape(bones), dorsals.reshape(bones))


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(3, 3) rotation of the hand towards the viewer.

    First `yaw` about the forearm (+ turns the palm to the viewer's right), then `pitch` (+ tips the fingertips towards
    the viewer), then `roll` in the picture's plane (+ anticlockwise). All in radians.
    """
    cos_y, sin_y, cos_p, sin_p, cos_r, sin_r = (
        np.cos(yaw),
        np.sin(yaw),
        np.cos(pitch),
        np.sin(pitch),
        np.cos(roll),
        np.sin(roll),
    )
    about_y = np.array([[cos_y, 0, sin_y], [0, 1, 0], [-sin_y, 0, cos_y]])
    about_x = np.array([[1, 0, 0], [0, cos_p, -sin_p], [0, sin_p, cos_p]])
    about_z = np.array([[cos_r, -sin_r, 0], [sin_r, cos_r, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


@dataclass(frozen=True, eq=False)
class Pose:
    """What a hand does, whoever's hand it is.

    Attributes:
        angles: (22,) joint angles, radians, in the order of `JOINT_ANGLES`.
        rotation: (3, 3) the hand's frame seen by the viewer (x right, y up, z towards the viewer).
        mirrored: True for a left hand.
    """

    angles: np.ndarray
    rotation: np.ndarray
    mirrored: bool = False
