"""Flesh over the bones: rounded cones in groups, each group one smooth surface.

A group is blended into one skin (a finger bends without a seam, the palm is fleshy and webs the fingers together),
while two groups only touch: a fingertip on the palm or two fingers side by side keep the line between them.
"""

from dataclasses import dataclass

import numpy as np

from src.synthetic.skeleton import MEAN_HAND_LENGTH_MM, WRIST_ABDUCTION, WRIST_FLEXION, Proportions, Skeleton

PALM_GROUP, SLEEVE_GROUP = 5, 6
NUM_GROUPS = 7
# Distance over which two cones of one group flow into each other.
BLEND_MM = np.array([1.5, 1.1, 1.1, 1.1, 1.0, 3.6, 4.0])

# What a cone is, for colour: palm and forearm, then the three bones of a finger, then cloth.
PALM, PROXIMAL, MIDDLE_BONE, DISTAL, FOREARM, CLOTH = range(6)

_STUB = 0.37
_FOREARM_MM = 330.0


@dataclass(frozen=True, eq=False)
class Flesh:
    """Rounded cones in the hand's frame, ordered by group.

    Attributes:
        start, end: (cones, 3) ends of the axes, mm.
        radius_start, radius_end, bulge: (cones,) mm; the radius at share h of the axis is
            `radius_start + h * (radius_end - radius_start) + 4 * h * (1 - h) * bulge`.
        dorsal: (cones, 3) unit vectors to the back of the hand.
        group: (cones,) int; 0-4 the fingers, then palm and sleeve.
        kind: (cones,) int; palm, one of a finger's bones, forearm or cloth.
    """

    start: np.ndarray
    end: np.ndarray
    radius_start: np.ndarray
    radius_end: np.ndarray
    bulge: np.ndarray
    dorsal: np.ndarray
    group: np.ndarray
    kind: np.ndarray


def forearm_axes(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (3,) from the wrist to the elbow and across the forearm to the thumb's side.

    The hand's frame is fixed, so a bent wrist shows as a forearm that leaves at an angle.
    """
    flexion, abduction = angles[WRIST_FLEXION], angles[WRIST_ABDUCTION]
    cos_f, sin_f, cos_a, sin_a = np.cos(flexion), np.sin(flexion), np.cos(abduction), np.sin(abduction)
    to_elbow = np.array([-sin_a, -cos_a * cos_f, cos_a * sin_f])
    across = np.array([cos_a, -sin_a * cos_f, sin_a * sin_f])
    return to_elbow, across


def flesh_of(
    skeleton: Skeleton,
    angles: np.ndarray,
    proportions: Proportions,
    forearm_mm: float = _FOREARM_MM,
    sleeve_mm: float | None = None,
) -> Flesh:
    """The cones of one hand.

    Args:
        skeleton: one pose, no batch shape.
        angles: (22,) the same pose's joint angles; the wrist's bend the forearm.
        proportions: whose hand.
        forearm_mm: where the forearm ends, measured from the wrist.
        sleeve_mm: where a sleeve begins, measured from the wrist; None for a bare arm.
    """
    scale = proportions.size
    thick = proportions.size * proportions.girth
    chains = skeleton.joints[1:].reshape(5, 4, 3)
    radii = proportions.radii_mm
    directions, dorsals = skeleton.directions, skeleton.dorsals

    cones: list[tuple] = []

    def add(
        a: np.ndarray,
        b: np.ndarray,
        radii_ab: tuple[float, float],
        fat: float,
        back: np.ndarray,
        group: int = PALM_GROUP,
        kind: int = PALM,
    ) -> None:
        cones.append((a, b, *radii_ab, fat, back, group, kind))

    for finger in range(5):
        first = 1 if finger == 0 else 0
        for bone in range(first, 3):
            a, b = chains[finger, bone], chains[finger, bone + 1]
            ra, rb = radii[finger, bone], radii[finger, bone + 1]
            if bone == 2:
                b = b + directions[finger, 2] * (proportions.pulp_mm[finger] - rb)
                # The pulp sits on the palmar side of the last bone.
                b = b - dorsals[finger, 2] * (0.06 * rb)
            what = PROXIMAL + bone if finger else (PROXIMAL, PROXIMAL, DISTAL)[bone]
            fat = (0.0, 0.25, 0.5)[bone] * thick
            add(a, b, ra, rb, fat, dorsals[finger, bone], finger, what)

    back = np.array([0.0, 0.0, -1.0])
    hand = np.array([proportions.bases_mm[1, 0] / 24.0, scale, scale])
    carpals = np.array([[12.0, 21.0, -1.0], [2.5, 23.0, -2.0], [-8.0, 22.0, -1.5], [-17.0, 19.0, 0.0]]) * hand
    for finger in range(1, 5):
        knuckle = chains[finger, 0]
        add(carpals[finger - 1], knuckle, 10.5 * thick, 0.9 * radii[finger, 0], 0.0, back, PALM_GROUP, PALM)
        tip = knuckle + _STUB * (chains[finger, 1] - knuckle)
        at_tip = radii[finger, 0] + _STUB * (radii[finger, 1] - radii[finger, 0])
        add(knuckle, tip, radii[finger, 0], at_tip - 0.8, 0.0, dorsals[finger, 0], PALM_GROUP, PROXIMAL)
    saddle, thumb_knuckle, thumb_ip = chains[0, 0], chains[0, 1], chains[0, 2]
    thumb_back = dorsals[0, 0]
    add(saddle, thumb_knuckle, 14.5 * thick, 0.93 * radii[0, 1], 0.0, thumb_back, PALM_GROUP, PALM)
    # The ball of the thumb lies on the palmar side of its metacarpal and follows it.
    ball = saddle + 0.72 * (thumb_knuckle - saddle) - thumb_back * 3.0 * scale
    add(np.array([7.0, 15.0, 9.0]) * hand, ball, 11.0 * thick, 12.0 * thick, 2.5 * thick, thumb_back, PALM_GROUP, PALM)
    stub = thumb_knuckle + _STUB * (thumb_ip - thumb_knuckle)
    at_stub = radii[0, 1] + _STUB * (radii[0, 2] - radii[0, 1])
    add(thumb_knuckle, stub, radii[0, 1], at_stub - 0.6, 0.0, dorsals[0, 1], PALM_GROUP, PROXIMAL)
    web_thumb = saddle + 0.72 * (thumb_knuckle - saddle)
    web_index = carpals[0] + 0.62 * (chains[1, 0] - carpals[0]) + np.array([0.0, 0.0, 2.0])
    add(web_thumb, web_index, 7.5 * thick, 7.5 * thick, -1.0 * thick, thumb_back, PALM_GROUP, PALM)
    add(
        np.array([-20.5, 14.0, 6.0]) * hand,
        chains[4, 0] + np.array([-0.5, -15.0, 2.0]) * scale,
        12.5 * thick,
        9.5 * thick,
        1.5,
        back,
        PALM_GROUP,
        PALM,
    )

    to_elbow, across = forearm_axes(angles)
    forearm_back = np.cross(to_elbow, across)
    for side in (-1.0, 1.0):
        at_wrist = across * side * 13.5 * hand[0]
        add(
            np.array([side * 14.0, 17.0, 0.0]) * hand,
            at_wrist - to_elbow * 4,
            12.0 * thick,
            13.2 * thick,
            0.0,
            back,
            PALM_GROUP,
            PALM,
        )
        reach = forearm_mm / _FOREARM_MM
        elbow = to_elbow * forearm_mm + across * side * (13.5 + 8.0 * reach) * hand[0]
        radius_far = (13.2 + 15.0 * reach) * thick
        add(at_wrist, elbow, 13.2 * thick, radius_far, 1.5 * reach * thick, forearm_back, PALM_GROUP, FOREARM)
    # Between radius and ulna, so that the forearm is one round limb.
    reach = forearm_mm / _FOREARM_MM
    add(
        np.array([0.0, 14.0, 0.5]) * hand,
        to_elbow * forearm_mm,
        14.0 * thick,
        (14.0 + 19.0 * reach) * thick,
        2.5 * reach * thick,
        forearm_back,
        PALM_GROUP,
        FOREARM,
    )
    if sleeve_mm is not None:
        for side in (-1.0, 1.0):
            cuff = to_elbow * (sleeve_mm + 14.0) + across * side * 15.0 * hand[0]
            far = to_elbow * (sleeve_mm + _FOREARM_MM) + across * side * 27.0 * hand[0]
            add(cuff, far, 23.0 * thick, 42.0 * thick, 0.0, forearm_back, SLEEVE_GROUP, CLOTH)
    return Flesh(
        np.array(start),
        np.array(end),
        np.array(radius_start),
        np.array(radius_end),
        np.array(bulge),
        np.array(dorsal),
        np.array(group),
        np.array(kind),
    )


__all__ = [
    "BLEND_MM",
    "CLOTH",
    "DISTAL",
    "FOREARM",
    "MEAN_HAND_LENGTH_MM",
    "MIDDLE_BONE",
    "NUM_GROUPS",
    "PALM",
    "PALM_GROUP",
    "PROXIMAL",
    "SLEEVE_GROUP",
    "Flesh",
    "flesh_of",
    "forearm_axes",
]
