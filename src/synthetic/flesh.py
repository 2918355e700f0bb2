"""Flesh over the bones: rounded cones in groups, each group one smooth surface.

A group is blended into one skin (a finger bends without a seam, the palm is fleshy and webs the fingers together),
while two groups only touch: a fingertip on the palm or two fingers side by side keep the line between them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from src.synthetic.compiled.painting import DISTAL, FOREARM, MIDDLE_BONE, PALM, PLAIN, PROXIMAL
from src.synthetic.skeleton import MEAN_BASES_MM, WRIST_ABDUCTION, WRIST_FLEXION, Proportions, Skeleton

# Skin is what belongs to the groups below the sleeve's; what is worn are rings and watches.
PALM_GROUP, SLEEVE_GROUP, WORN_GROUP = 5, 6, 7
# Of the person behind it.
FACE_GROUP, HAIR_GROUP, TORSO_GROUP = 8, 9, 10
# Distance over which two cones of one group flow into each other.
BLEND_MM = np.array([1.5, 1.1, 1.1, 1.1, 1.0, 3.6, 4.0, 0.6, 7.0, 7.0, 14.0])

# A whole forearm, longer than most pictures show.
FOREARM_MM = 330.0
# Share of a finger's first bone that belongs to the palm's surface.
_ROOT = 0.37
# Where the four metacarpals begin, in a mean hand.
_CARPALS_MM = np.array([[12.0, 21.0, -1.0], [2.5, 23.0, -2.0], [-8.0, 22.0, -1.5], [-17.0, 19.0, 0.0]])
_BACK = np.array([0.0, 0.0, -1.0])


@dataclass(frozen=True, eq=False)
class Flesh:
    """Rounded cones in the hand's frame, ordered by group.

    Attributes:
        start, end: (cones, 3) ends of the axes, mm.
        radius_start, radius_end, bulge: (cones,) mm; the radius at share h of the axis is
            `radius_start + h * (radius_end - radius_start) + 4 * h * (1 - h) * bulge`.
        dorsal: (cones, 3) unit vectors to the back of the hand.
        group: (cones,) int; 0-4 the fingers, then palm and sleeve.
        kind: (cones,) int; palm, one of a finger's bones, forearm, or plain, which is no skin.
        plain: (cones, 4) linear RGB and gloss of what is no skin.
    """

    start: np.ndarray
    end: np.ndarray
    radius_start: np.ndarray
    radius_end: np.ndarray
    bulge: np.ndarray
    dorsal: np.ndarray
    group: np.ndarray
    kind: np.ndarray
    plain: np.ndarray


@dataclass(frozen=True)
class Arm:
    """What carries the hand, and what is worn.

    Attributes:
        forearm_mm: where the forearm ends, measured from the wrist.
        sleeve_mm: where a sleeve begins, measured from the wrist; None for a bare arm.
        sleeve_rgb: linear RGB of its cloth.
        shoulder_mm: where the upper arm ends, in the hand's frame; None for a forearm that leaves the picture.
        rings: finger, share of its first bone, linear RGB and gloss of each.
        watch: millimetres from the wrist, linear RGB of strap and of face; None without one.
    """

    forearm_mm: float = FOREARM_MM
    sleeve_mm: float | None = None
    sleeve_rgb: tuple[float, float, float] = (0.1, 0.1, 0.12)
    shoulder_mm: tuple[float, float, float] | None = None
    rings: tuple[tuple[int, float, tuple[float, float, float, float]], ...] = ()
    watch: tuple[float, tuple[float, float, float], tuple[float, float, float]] | None = None


def forearm_axes(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (3,) from the wrist to the elbow and across the forearm to the thumb's side.

    The hand's frame is fixed, so a bent wrist shows as a forearm that leaves at an angle.
    """
    flexion, abduction = angles[WRIST_FLEXION], angles[WRIST_ABDUCTION]
    cos_f, sin_f, cos_a, sin_a = np.cos(flexion), np.sin(flexion), np.cos(abduction), np.sin(abduction)
    to_elbow = np.array([-sin_a, -cos_a * cos_f, cos_a * sin_f])
    across = np.array([cos_a, -sin_a * cos_f, sin_a * sin_f])
    return to_elbow, across


class Cone(NamedTuple):
    """One rounded cone, see `Flesh`."""

    start: np.ndarray
    end: np.ndarray
    radius_start: float
    radius_end: float
    dorsal: np.ndarray
    group: int = PALM_GROUP
    kind: int = PALM
    bulge: float = 0.0
    plain: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


def _fingers(chains: np.ndarray, skeleton: Skeleton, proportions: Proportions) -> list[Cone]:
    cones = []
    thick = proportions.size * proportions.girth
    for finger in range(5):
        # The thumb's metacarpal belongs to the palm.
        for bone in range(1 if finger == 0 else 0, 3):
            start, end = chains[finger, bone], chains[finger, bone + 1]
            radius_start, radius_end = proportions.radii_mm[finger, bone : bone + 2]
            back = skeleton.dorsals[finger, bone]
            if bone == 2:
                # The pulp reaches beyond the bone and sits on its palmar side.
                beyond = proportions.pulp_mm[finger] - radius_end
                end = end + skeleton.directions[finger, 2] * beyond - back * (0.06 * radius_end)
            kind = DISTAL if bone == 2 else PROXIMAL if bone == 0 or finger == 0 else MIDDLE_BONE
            bulge = (0.0, 0.25, 0.5)[bone] * thick
            cones.append(Cone(start, end, radius_start, radius_end, back, finger, kind, bulge))
    return cones


def _palm(chains: np.ndarray, skeleton: Skeleton, proportions: Proportions) -> list[Cone]:
    size, thick = proportions.size, proportions.size * proportions.girth
    radii, dorsals = proportions.radii_mm, skeleton.dorsals
    hand = _hand_scale(proportions)
    carpals = _CARPALS_MM * hand
    cones = []
    for finger in range(1, 5):
        cones.append(Cone(carpals[finger - 1], chains[finger, 0], 10.5 * thick, 0.9 * radii[finger, 0], _BACK))
    for finger in range(5):
        # The root of each finger is part of the palm's surface too: it flows into the palm and webs the fingers
        # together.
        bone = 1 if finger == 0 else 0
        root, joint = chains[finger, bone], chains[finger, bone + 1]
        radius, next_radius = radii[finger, bone], radii[finger, bone + 1]
        end_radius = radius + _ROOT * (next_radius - radius) - 0.7
        end = root + _ROOT * (joint - root)
        cones.append(Cone(root, end, radius, end_radius, dorsals[finger, bone], kind=PROXIMAL))
    saddle, knuckle, back = chains[0, 0], chains[0, 1], dorsals[0, 0]
    cones.append(Cone(saddle, knuckle, 14.5 * thick, 0.93 * radii[0, 1], back))
    # The ball of the thumb lies on the palmar side of its metacarpal and follows it.
    ball = saddle + 0.72 * (knuckle - saddle) - back * 3.0 * size
    cones.append(Cone(np.array([7.0, 15.0, 9.0]) * hand, ball, 11.0 * thick, 12.0 * thick, back, bulge=2.5 * thick))
    # The first web, between thumb and index.
    web = saddle + 0.72 * (knuckle - saddle)
    web_end = carpals[0] + 0.62 * (chains[1, 0] - carpals[0]) + np.array([0.0, 0.0, 2.0])
    cones.append(Cone(web, web_end, 7.5 * thick, 7.5 * thick, back, bulge=-1.0 * thick))
    # The ball of the little finger.
    heel, heel_end = np.array([-20.5, 14.0, 6.0]) * hand, chains[4, 0] + np.array([-0.5, -15.0, 2.0]) * size
    cones.append(Cone(heel, heel_end, 12.5 * thick, 9.5 * thick, _BACK, bulge=1.5))
    return cones


def _arm(angles: np.ndarray, proportions: Proportions, arm: Arm) -> list[Cone]:
    thick = proportions.size * proportions.girth
    hand = _hand_scale(proportions)
    to_elbow, across = forearm_axes(angles)
    back = np.cross(across, to_elbow)
    reach = arm.forearm_mm / FOREARM_MM
    cones = []
    for side in (-1.0, 1.0):
        wrist = across * side * 13.5 * hand[0]
        carpus = np.array([side * 14.0, 17.0, 0.0]) * hand
        cones.append(Cone(carpus, wrist - to_elbow * 4.0, 12.0 * thick, 13.2 * thick, _BACK))
        end = to_elbow * arm.forearm_mm + across * side * (13.5 + 8.0 * reach) * hand[0]
        radius_end = (13.2 + 15.0 * reach) * thick
        cones.append(Cone(wrist, end, 13.2 * thick, radius_end, back, kind=FOREARM, bulge=1.5 * reach * thick))
    # Between radius and ulna, so that the forearm is one round limb.
    middle, radius_end = np.array([0.0, 14.0, 0.5]) * hand, (14.0 + 19.0 * reach) * thick
    end, bulge = to_elbow * arm.forearm_mm, 2.5 * reach * thick
    cones.append(Cone(middle, end, 14.0 * thick, radius_end, back, kind=FOREARM, bulge=bulge))
    if arm.shoulder_mm is not None:
        shoulder = np.array(arm.shoulder_mm)
        cones.append(Cone(end, shoulder, 34.0 * thick, 46.0 * thick, back, kind=FOREARM))
    cloth = (*arm.sleeve_rgb, 0.0)
    if arm.sleeve_mm is not None:
        # Wider than the arm in it all the way, to the elbow or out of the picture.
        near = arm.sleeve_mm + 14.0
        far = near + FOREARM_MM if arm.shoulder_mm is None else max(arm.forearm_mm, near + 20.0)
        for side in (-1.0, 0.0, 1.0):
            ends = [to_elbow * at + across * side * (14.0 + 10.0 * at / FOREARM_MM) * hand[0] for at in (near, far)]
            radii = [(21.0 + 20.0 * at / FOREARM_MM) * thick for at in (near, far)]
            cones.append(Cone(ends[0], ends[1], radii[0], radii[1], back, SLEEVE_GROUP, PLAIN, plain=cloth))
    if arm.shoulder_mm is not None:
        # A short sleeve covers the upper half of the upper arm.
        start = end if arm.sleeve_mm is not None else end + 0.4 * (shoulder - end)
        cones.append(Cone(start, shoulder, 43.0 * thick, 58.0 * thick, back, SLEEVE_GROUP, PLAIN, plain=cloth))
    return cones


def _worn(chains: np.ndarray, skeleton: Skeleton, angles: np.ndarray, proportions: Proportions, arm: Arm) -> list[Cone]:
    """Balls and short cones a little wider than what they are worn on look out of it as bands."""
    thick, hand = proportions.size * proportions.girth, _hand_scale(proportions)
    cones = []
    for finger, share, metal in arm.rings:
        start, end = chains[finger, 0], chains[finger, 1]
        radius = proportions.radii_mm[finger, 0] + share * np.diff(proportions.radii_mm[finger, :2])[0] + 0.7
        at, along = start + share * (end - start), skeleton.directions[finger, 0]
        back = skeleton.dorsals[finger, 0]
        cones.append(Cone(at - along, at + along, radius, radius, back, WORN_GROUP, PLAIN, plain=metal))
    if arm.watch is not None:
        where_mm, strap, face = arm.watch
        to_elbow, across = forearm_axes(angles)
        back = np.cross(across, to_elbow)
        # The forearm's cones flow into one limb that is thicker than each of them.
        radius = (16.6 + 17.0 * where_mm / FOREARM_MM) * thick
        at, side = to_elbow * where_mm, across * (13.0 + 8.0 * where_mm / FOREARM_MM) * hand[0]
        cones.append(Cone(at - side, at + side, radius, radius, back, WORN_GROUP, PLAIN, 2.5 * thick, (*strap, 0.2)))
        at = at + back * (radius - 10.0)
        cones.append(Cone(at - across * 3, at + across * 3, 14.0, 14.0, back, WORN_GROUP, PLAIN, plain=(*face, 1.5)))
    return cones


def _hand_scale(proportions: Proportions) -> np.ndarray:
    """(3,) this hand's breadth, length and depth over the mean hand's."""
    return np.array([proportions.bases_mm[1, 0] / MEAN_BASES_MM[1, 0], proportions.size, proportions.size])


def of_cones(cones: list[Cone]) -> Flesh:
    """Cones as arrays, ordered by group."""
    start, end, radius_start, radius_end, dorsal, group, kind, bulge, plain = map(np.array, zip(*cones, strict=True))
    return Flesh(start, end, radius_start, radius_end, bulge, dorsal, group, kind, plain)


def flesh_of(skeleton: Skeleton, angles: np.ndarray, proportions: Proportions, arm: Arm) -> Flesh:
    """The cones of one hand.

    Args:
        skeleton: one pose, no batch shape.
        angles: (22,) the same pose's joint angles; the wrist's bend the forearm.
        proportions: whose hand.
        arm: what carries it.
    """
    chains = skeleton.joints[1:].reshape(5, 4, 3)
    cones = _fingers(chains, skeleton, proportions)
    cones += _palm(chains, skeleton, proportions)
    cones += _arm(angles, proportions, arm)
    cones += _worn(chains, skeleton, angles, proportions, arm)
    return of_cones(cones)
