"""Where the hand is in a picture: which pixels go along when it is set before another room."""

import cv2
import numpy as np

# Raise it whenever the same picture and joints would give another mask.
VERSION = 1

# Pairs of joints that a bone or the edge of the palm connects, in MediaPipe's order.
_BONES = (
    (0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8), (5, 9), (9, 10), (10, 11), (11, 12), (9, 13),
    (13, 14), (14, 15), (15, 16), (13, 17), (17, 18), (18, 19), (19, 20), (0, 17),
)  # fmt: skip
_PALM = [0, 1, 5, 9, 13, 17]
_WRIST, _FIRST_KNUCKLE, _MIDDLE_KNUCKLE, _LAST_KNUCKLE = 0, 5, 9, 17
_BLACK = 12  # grey levels that compression leaves in black
_SMALLEST, _LARGEST = 0.04, 0.8  # share of the picture; what is beyond is a mask that went wrong
_ROUNDS = 2


def is_believable(mask: np.ndarray) -> bool:
    """Whether a mask `(size, size) bool` can be a hand's: neither nearly nothing nor nearly everything."""
    return _SMALLEST <= float(mask.mean()) <= _LARGEST


def mask_on_black(picture: np.ndarray) -> np.ndarray:
    """`(size, size) bool` where `(size, size, 3) uint8`, a hand that was cut out before, is not black."""
    seen = (picture.max(axis=2) > _BLACK).astype(np.uint8)
    return cv2.morphologyEx(seen, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0


def mask_around_joints(picture: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """The hand and its arm, by GrabCut (Rother et al., 2004, doi:10.1145/1015706.1015720) begun at the joints.

    Args:
        picture: `(size, size, 3) uint8` RGB.
        joints: `(21, 2)` x, y as shares of its side, MediaPipe's order; none is NaN.

    Returns:
        `(size, size) bool`, all False where OpenCV finds nothing to tell apart.
    """
    size = picture.shape[0]
    points = (joints * size).astype(np.float32)
    extent = float((points.max(0) - points.min(0)).max())
    state = np.full((size, size), cv2.GC_BGD, np.uint8)
    state[_reach(points, extent, size) > 0] = cv2.GC_PR_BGD
    state[_bones(points, 0.14 * extent, size, palm=True) > 0] = cv2.GC_PR_FGD
    sure = _bones(points, 0.035 * extent, size)
    state[sure > 0] = cv2.GC_FGD
    if not (sure > 0).any():
        return np.zeros((size, size), dtype=bool)
    try:
        cv2.grabCut(picture, state, None, np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    except cv2.error:  # one colour, for example
        return np.zeros((size, size), dtype=bool)
    found = ((state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, pieces = cv2.connectedComponents(found)
    on_bones = np.unique(pieces[(sure > 0) & (found > 0)])
    return np.isin(pieces, on_bones) & (found > 0)


def _bones(points: np.ndarray, width: float, size: int, palm: bool = False) -> np.ndarray:
    drawn = np.zeros((size, size), np.uint8)
    corners = np.clip(np.rint(points), -size, 2 * size).astype(int).tolist()
    for first, second in _BONES:
        cv2.line(drawn, corners[first], corners[second], 1, max(1, int(width)))
    if palm:
        cv2.fillConvexPoly(drawn, cv2.convexHull(points[_PALM]).astype(np.int32), 1)
    return drawn


def _reach(points: np.ndarray, extent: float, size: int) -> np.ndarray:
    """Where hand or arm may be: around the hull of the joints, and from the wrist on."""
    reach = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(reach, cv2.convexHull(points).astype(np.int32), 1)
    around = max(3, int(0.22 * extent) | 1)
    cv2.dilate(reach, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (around, around)), dst=reach)
    wrist, along = points[_WRIST], points[_WRIST] - points[_MIDDLE_KNUCKLE]
    along = along / (float(np.linalg.norm(along)) + 1e-6)
    width = max(0.8 * float(np.linalg.norm(points[_FIRST_KNUCKLE] - points[_LAST_KNUCKLE])), 0.25 * extent)
    ends = np.clip(np.rint(np.stack([wrist, wrist + along * 2 * size])), -4 * size, 5 * size).astype(int).tolist()
    cv2.line(reach, ends[0], ends[1], 1, max(1, int(width)))
    return reach
