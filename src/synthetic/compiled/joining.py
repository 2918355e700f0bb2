"""Bones from joint angles, and the search for angles at which parts of a hand touch."""

import numpy as np

from src.synthetic.compiled import Number, compiled

_STEP = 1e-4
_CONTACT_WEIGHT = 0.7
_OVERLAP_WEIGHT = 0.6
_REST_RAD = 14.0 * np.pi / 180.0
# A soft fingertip gives way by this much where it presses.
_GIVE_MM = 2.0
_SHARES = (0.25, 0.6, 0.95)
_PALM_SHARES = (0.3, 0.6, 0.9)
_PALM_RADIUS_MM = 11.5
# Balls of the thumb's two free bones, of the fingers, of the palm.
_OF_THUMB, _OF_FINGERS, _OF_PALM = 6, 36, 12
OVERLAPS = _OF_THUMB * (_OF_FINGERS + _OF_PALM)
_ROLL = 10.0 * np.pi / 180.0
PAD, BACK, RADIAL, ULNAR, AXIS = range(5)


@compiled
def bones(
    angles: np.ndarray,
    bases: np.ndarray,
    lengths: np.ndarray,
    joints: np.ndarray,
    directions: np.ndarray,
    dorsals: np.ndarray,
) -> None:
    """Write the joints (21, 3) of one pose (22,), and the directions and backs of its bones (5, 3, 3)."""
    sin_r, cos_r = np.sin(angles[0]), np.cos(angles[0])
    sin_p, cos_p = np.sin(angles[1]), np.cos(angles[1])
    # Pronation: a thumb beside the hand bends half towards the palm, an opposed thumb bends towards the fingertips.
    roll = _ROLL - 0.25 * max(angles[1], 0.0)
    sin_b, cos_b = np.sin(roll), np.cos(roll)
    along = (sin_r * cos_p, cos_r * cos_p, sin_p)
    bend = (
        cos_b * -cos_r + sin_b * (-sin_r * sin_p),
        cos_b * sin_r + sin_b * (-cos_r * sin_p),
        sin_b * cos_p,
    )
    turn = 0.0
    for bone in range(3):
        if bone:
            turn += angles[1 + bone]
        sin_t, cos_t = np.sin(turn), np.cos(turn)
        for axis in range(3):
            directions[0, bone, axis] = cos_t * along[axis] + sin_t * bend[axis]
            dorsals[0, bone, axis] = sin_t * along[axis] - cos_t * bend[axis]
    for finger in range(1, 5):
        of = 4 * finger
        sin_a, cos_a = np.sin(angles[of + 1]), np.cos(angles[of + 1])
        flexion = angles[of]
        for bone in range(3):
            if bone:
                flexion += angles[of + 1 + bone]
            sin_f, cos_f = np.sin(flexion), np.cos(flexion)
            directions[finger, bone, 0] = cos_f * sin_a
            directions[finger, bone, 1] = cos_f * cos_a
            directions[finger, bone, 2] = sin_f
            dorsals[finger, bone, 0] = sin_f * sin_a
            dorsals[finger, bone, 1] = sin_f * cos_a
            dorsals[finger, bone, 2] = -cos_f
    for axis in range(3):
        joints[0, axis] = 0.0
        for finger in range(5):
            at = bases[finger, axis]
            joints[1 + 4 * finger, axis] = at
            for bone in range(3):
                at += directions[finger, bone, axis] * lengths[finger, bone]
                joints[2 + 4 * finger + bone, axis] = at


@compiled
def many_bones(angles: np.ndarray, bases: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for (poses, 22): (poses, 21, 3) and twice (poses, 5, 3, 3)."""
    joints = np.empty((len(angles), 21, 3))
    directions, dorsals = np.empty((len(angles), 5, 3, 3)), np.empty((len(angles), 5, 3, 3))
    for i in range(len(angles)):
        bones(angles[i], bases, lengths, joints[i], directions[i], dorsals[i])
    return joints, directions, dorsals


@compiled
def spot(
    which: np.ndarray, joints: np.ndarray, directions: np.ndarray, dorsals: np.ndarray, radii: np.ndarray, size: Number
) -> tuple[Number, Number, Number]:
    """A point in the hand's frame, mm.

    Args:
        which: (4,) finger, bone, share, side; or -1 and a point of a mean hand.
        joints, directions, dorsals: of one pose.
        radii: (5, 4) mm.
        size: the hand's over the mean hand's.
    """
    if which[0] < 0:
        return which[1] * size, which[2] * size, which[3] * size
    finger, bone, share, side = int(which[0]), int(which[1]), which[2], int(which[3])
    a, b = joints[1 + 4 * finger + bone], joints[2 + 4 * finger + bone]
    x, y, z = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])
    if side == AXIS:
        return x, y, z
    back, along = dorsals[finger, bone], directions[finger, bone]
    ox, oy, oz = back[0], back[1], back[2]
    if side in (RADIAL, ULNAR):
        ox = back[1] * along[2] - back[2] * along[1]
        oy = back[2] * along[0] - back[0] * along[2]
        oz = back[0] * along[1] - back[1] * along[0]
    radius = radii[finger, bone] + share * (radii[finger, bone + 1] - radii[finger, bone])
    if side in (PAD, ULNAR):
        radius = -radius
    return x + radius * ox, y + radius * oy, z + radius * oz


@compiled
def overlaps(
    joints: np.ndarray,
    bases: np.ndarray,
    radii: np.ndarray,
    size: Number,
    girth: Number,
    firm: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the (288,) mm by which balls of the thumb's two free bones reach into those of the fingers and the palm.

    Args:
        joints: of one pose.
        bases, radii, size, girth: the hand's, see `Proportions`.
        firm: (5,) how much of a finger's overlap counts.
        out: is written to.
    """
    for mine in range(_OF_THUMB):
        bone, share = 1 + mine // 3, _SHARES[mine % 3]
        a, b = joints[1 + bone], joints[2 + bone]
        x, y, z = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])
        own = radii[0, bone] + share * (radii[0, bone + 1] - radii[0, bone]) - _GIVE_MM
        for theirs in range(_OF_FINGERS + _OF_PALM):
            counts = 1.0
            if theirs < _OF_FINGERS:
                finger, bone_there, part = 1 + theirs // 9, theirs % 9 // 3, _SHARES[theirs % 3]
                c, d = joints[1 + 4 * finger + bone_there], joints[2 + 4 * finger + bone_there]
                dx = x - c[0] - part * (d[0] - c[0])
                dy = y - c[1] - part * (d[1] - c[1])
                dz = z - c[2] - part * (d[2] - c[2])
                there = radii[finger, bone_there]
                there += part * (radii[finger, bone_there + 1] - there)
                counts = firm[finger]
            else:
                place = theirs - _OF_FINGERS
                base, part = bases[1 + place // 3], _PALM_SHARES[place % 3]
                dx, dy, dz = x - base[0] * (0.6 * part + 0.4), y - base[1] * part, z - base[2] * part
                there = _PALM_RADIUS_MM * size * girth
            reach = own + there
            squared = dx * dx + dy * dy + dz * dz
            deep = reach - np.sqrt(squared) if squared < reach * reach else 0.0
            out[mine * (_OF_FINGERS + _OF_PALM) + theirs] = max(deep, 0.0) * counts


@compiled
def _residuals(
    angles: np.ndarray,
    rest: np.ndarray,
    free: np.ndarray,
    spots: np.ndarray,
    gaps: np.ndarray,
    hand: tuple[np.ndarray, np.ndarray, np.ndarray, Number, Number],
    firm: np.ndarray,
    pose: tuple[np.ndarray, np.ndarray, np.ndarray],
    out: np.ndarray,
) -> None:
    bases, lengths, radii, size, girth = hand
    joints, directions, dorsals = pose
    bones(angles, bases, lengths, joints, directions, dorsals)
    for i in range(len(free)):
        out[i] = (angles[free[i]] - rest[free[i]]) / _REST_RAD
    at = len(free)
    overlaps(joints, bases, radii, size, girth, firm, out[at : at + OVERLAPS])
    for i in range(at, at + OVERLAPS):
        out[i] *= _OVERLAP_WEIGHT
    at += OVERLAPS
    for i in range(len(spots)):
        ax, ay, az = spot(spots[i, 0], joints, directions, dorsals, radii, size)
        bx, by, bz = spot(spots[i, 1], joints, directions, dorsals, radii, size)
        dx, dy, dz, weight = ax - bx, ay - by, az - bz, _CONTACT_WEIGHT * gaps[i, 1]
        if gaps[i, 0] != 0.0:
            dx, dy, dz = np.sqrt(dx * dx + dy * dy + dz * dz) - gaps[i, 0] * size, 0.0, 0.0
        out[at], out[at + 1], out[at + 2] = weight * dx, weight * dy, weight * dz
        at += 3


@compiled
def _solved(matrix: np.ndarray, vector: np.ndarray) -> None:
    """`vector` becomes the solution of matrix @ x = vector, for a positive definite matrix (Cholesky)."""
    n = len(vector)
    for j in range(n):
        for k in range(j):
            for i in range(j, n):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
        root = np.sqrt(matrix[j, j])
        for i in range(j, n):
            matrix[i, j] /= root
    for i in range(n):
        for k in range(i):
            vector[i] -= matrix[i, k] * vector[k]
        vector[i] /= matrix[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            vector[i] -= matrix[k, i] * vector[k]
        vector[i] /= matrix[i, i]


@compiled
def settle(
    rest: np.ndarray,
    free: np.ndarray,
    limits: np.ndarray,
    spots: np.ndarray,
    gaps: np.ndarray,
    hand: tuple[np.ndarray, np.ndarray, np.ndarray, Number, Number],
    firm: np.ndarray,
    rounds: int,
) -> np.ndarray:
    """Damped least squares (Levenberg-Marquardt) over some joint angles.

    Args:
        rest: (22,) radians, where to begin and to stay near.
        free: indices of the angles that may change.
        limits: (22, 2) radians.
        spots: (contacts, 2, 4) what touches what, see `spot`; gaps: (contacts, 2) mm between and weight.
        hand: bases, lengths, radii, size, girth.
        firm: see `overlaps`.
        rounds: steps.

    Returns:
        (22,) radians.
    """
    count, size = len(free), len(free) + OVERLAPS + 3 * len(spots)
    pose = (np.empty((21, 3)), np.empty((5, 3, 3)), np.empty((5, 3, 3)))
    now = rest.copy()
    for i in range(count):
        now[free[i]] = min(max(now[free[i]], limits[free[i], 0]), limits[free[i], 1])
    here, there, slopes = np.empty(size), np.empty(size), np.empty((count, size))
    _residuals(now, rest, free, spots, gaps, hand, firm, pose, here)
    damping = 1.0
    for _ in range(rounds):
        best = 0.0
        for k in range(size):
            best += here[k] * here[k]
        for i in range(count):
            kept = now[free[i]]
            now[free[i]] = kept + _STEP
            _residuals(now, rest, free, spots, gaps, hand, firm, pose, slopes[i])
            now[free[i]] = kept
            for k in range(size):
                slopes[i, k] = (slopes[i, k] - here[k]) / _STEP
        hessian, downhill = np.zeros((count, count)), np.zeros(count)
        for i in range(count):
            for k in range(size):
                if slopes[i, k] != 0.0:  # most of the thumb's balls touch nothing
                    downhill[i] += slopes[i, k] * here[k]
                    for j in range(i + 1):
                        hessian[i, j] += slopes[i, k] * slopes[j, k]
        for i in range(count):
            hessian[i, i] += damping + 0.05 * hessian[i, i]
        _solved(hessian, downhill)
        trial = now.copy()
        for i in range(count):
            angle = free[i]
            trial[angle] = min(max(now[angle] - downhill[i], limits[angle, 0]), limits[angle, 1])
        _residuals(trial, rest, free, spots, gaps, hand, firm, pose, there)
        after = 0.0
        for k in range(size):
            after += there[k] * there[k]
        if after < best:
            now, damping = trial, damping * 0.4
            here, there = there, here
        else:
            damping *= 6.0
    return now
