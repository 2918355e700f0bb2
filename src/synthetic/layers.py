"""What the depths of the surfaces that rays met say about shadows and folds."""

import cv2
import numpy as np

from src.synthetic.compiled.marching import FAR as _FAR

def shadow(depth: np.ndarray, key: np.ndarray, px_per_mm: float) -> np.ndarray:
    """(height, width) in [0, 1]: the key light that other parts of the hand take away, found in the depth map."""
    height, width = depth.shape
    light = np.zeros_like(depth)
    flat = np.hypot(key[0], key[1])
    reach_mm = 46.0
    steps = 9
    pad = int(reach_mm * px_per_mm) + 3
    padded = np.full((height + 2 * pad, width + 2 * pad), _FAR, np.float32)
    padded[pad : pad + height, pad : pad + width] = depth
    for step in range(1, steps + 1):
        along = reach_mm * (step / steps) ** 1.5 / max(flat, 0.35)
        along = min(along, reach_mm)
        sx = round(key[0] * along * px_per_mm)
        sy = round(-key[1] * along * px_per_mm)
        if sx == 0 and sy == 0:
            continue
        other = padded[pad + sy : pad + sy + height, pad + sx : pad + sx + width]
        ahead = depth - np.float32(key[2] * along) - other
        blocked = np.clip((ahead - 1.0) / 3.0, 0.0, 1.0) * (ahead < 55.0)
        np.maximum(light, blocked, out=light)
    return cv2.GaussianBlur(light, (0, 0), max(0.6, 1.6 * px_per_mm))


def occlusion(depth: np.ndarray, px_per_mm: float) -> np.ndarray:
    """(height, width) in [0, 1]: how deep a pixel lies in a fold.

    The depth map against its own blur, as in Luft, Colditz & Deussen, "Image enhancement by unsharp masking the depth
    buffer", SIGGRAPH 2006, at two sizes.
    """
    known = depth < _FAR
    if not known.any():
        return np.zeros_like(depth)
    # Open space behind an outline is far away, so an outline does not count as a fold.
    level = np.where(known, depth, depth[known].max() + np.float32(15.0))
    total = np.zeros_like(depth)
    for sigma_mm, share in ((1.8, 0.2), (4.0, 0.11), (11.0, 0.055)):
        mean = cv2.GaussianBlur(level, (0, 0), max(0.8, sigma_mm * px_per_mm))
        total += np.clip((depth - mean) * np.float32(share), 0.0, 0.75) * known
    return np.clip(total, 0.0, 0.95)
