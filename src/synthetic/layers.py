"""What the depths of the surfaces that rays met say about shadows and folds."""

import cv2
import numpy as np

from src.synthetic.compiled.marching import FAR
from src.synthetic.compiled.patterns import cast_shadows

_REACH_MM = 46.0


def shadow(depth: np.ndarray, key: np.ndarray, px_per_mm: float) -> np.ndarray:
    """(height, width) in [0, 1]: the key light that other parts of the hand take away, found in the depth map."""
    light = cast_shadows(depth, key, px_per_mm, _REACH_MM)
    return cv2.GaussianBlur(light, (0, 0), max(0.6, 1.6 * px_per_mm))


def occlusion(depth: np.ndarray, px_per_mm: float) -> np.ndarray:
    """(height, width) in [0, 1]: how deep a pixel lies in a fold.

    The depth map against its own blur, as in Luft, Colditz & Deussen, "Image enhancement by unsharp masking the depth
    buffer", SIGGRAPH 2006, at two sizes.
    """
    known = depth < FAR
    if not known.any():
        return np.zeros_like(depth)
    # Open space behind an outline is far away, so an outline does not count as a fold.
    level = np.where(known, depth, depth[known].max() + np.float32(15.0))
    total = np.zeros_like(depth)
    for sigma_mm, share in ((1.8, 0.2), (4.0, 0.11), (11.0, 0.055)):
        mean = _blurred(level, max(0.8, sigma_mm * px_per_mm))
        total += np.clip((depth - mean) * np.float32(share), 0.0, 0.75) * known
    return np.clip(total, 0.0, 0.95)


def _blurred(level: np.ndarray, sigma: float) -> np.ndarray:
    """`level` blurred by so many pixels; a wide blur is found on a smaller copy."""
    height, width = level.shape
    shrink = 1
    while sigma / shrink > 4.0 and min(height, width) // (2 * shrink) >= 8:
        shrink *= 2
    if shrink == 1:
        return cv2.GaussianBlur(level, (0, 0), sigma)
    small = cv2.resize(level, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
