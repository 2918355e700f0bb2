"""Shadows in a depth map, and noise that repeats."""

import numpy as np

from src.synthetic.compiled import Number, compiled
from src.synthetic.compiled.floats import ONE, ZERO
from src.synthetic.compiled.marching import FAR

_STEPS = 9
_BIAS_MM, _SOFT_MM, _THICK_MM = np.float32(1.0), np.float32(3.0), np.float32(55.0)
_FLATTEST = 0.35


@compiled
def cast_shadows(depth: np.ndarray, key: np.ndarray, px_per_mm: Number, reach_mm: Number) -> np.ndarray:
    """(height, width) float32 in [0, 1]: what stands between a surface and the lamp.

    Args:
        depth: (height, width) float32 mm, `FAR` where there is nothing.
        key: (3,) to the lamp: x right, y up, z to the viewer.
        px_per_mm: of the surface.
        reach_mm: how far in the picture a shadow falls.
    """
    height, width = depth.shape
    dark = np.zeros((height, width), np.float32)
    flat = np.sqrt(key[0] * key[0] + key[1] * key[1])
    for step in range(1, _STEPS + 1):
        share = step / _STEPS
        along = min(reach_mm * share * np.sqrt(share) / max(flat, _FLATTEST), reach_mm)
        sx, sy = int(np.rint(key[0] * along * px_per_mm)), int(np.rint(-key[1] * along * px_per_mm))
        if sx == 0 and sy == 0:
            continue
        up = np.float32(key[2] * along)
        for y in range(max(0, -sy), min(height, height - sy)):
            for x in range(max(0, -sx), min(width, width - sx)):
                ahead = depth[y, x] - up - depth[y + sy, x + sx]
                blocked = min(max((ahead - _BIAS_MM) / _SOFT_MM, ZERO), ONE)
                if ahead < _THICK_MM and blocked > dark[y, x]:
                    dark[y, x] = blocked
    for y in range(height):
        for x in range(width):
            if depth[y, x] >= FAR:
                dark[y, x] = ZERO
    return dark


@compiled
def smoothed(noise: np.ndarray, along: Number, across: Number) -> np.ndarray:
    """(cells, cells) float32 blurred by so many cells along y and x, as if it repeated, with unit spread about zero."""
    cells = len(noise)
    now = noise
    for axis in range(2):
        sigma = along if axis == 0 else across
        reach = min(int(3.5 * sigma) + 1, cells // 2)
        weights = np.empty(2 * reach + 1, np.float32)
        for i in range(2 * reach + 1):
            weights[i] = np.exp(-0.5 * ((i - reach) / sigma) ** 2)
        out = np.zeros((cells, cells), np.float32)
        for i in range(2 * reach + 1):
            for y in range(cells):
                if axis == 0:
                    from_y = (y + i - reach + cells) % cells
                    for x in range(cells):
                        out[y, x] += weights[i] * now[from_y, x]
                else:
                    shift = (i - reach + cells) % cells
                    for x in range(cells - shift):
                        out[y, x] += weights[i] * now[y, x + shift]
                    for x in range(cells - shift, cells):
                        out[y, x] += weights[i] * now[y, x + shift - cells]
        now = out
    mean, squares = 0.0, 0.0
    for y in range(cells):
        for x in range(cells):
            mean += now[y, x]
            squares += now[y, x] * now[y, x]
    mean /= cells * cells
    spread = np.sqrt(squares / (cells * cells) - mean * mean)
    for y in range(cells):
        for x in range(cells):
            now[y, x] = (now[y, x] - mean) / spread
    return now


@compiled
def slopes(relief: np.ndarray, depth: Number) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of a repeating relief (cells, cells) along x and y, of `depth` in the mean."""
    cells = len(relief)
    along_x, along_y = np.empty((cells, cells), np.float32), np.empty((cells, cells), np.float32)
    total = 0.0
    for y in range(cells):
        for x in range(cells):
            along_x[y, x] = relief[y, x] - relief[y, x - 1]
            along_y[y, x] = relief[y, x] - relief[y - 1, x]
            total += along_x[y, x] ** 2 + along_y[y, x] ** 2
    scale = np.float32(depth / np.sqrt(total / (cells * cells)))
    for y in range(cells):
        for x in range(cells):
            along_x[y, x] *= scale
            along_y[y, x] *= scale
    return along_x, along_y


@compiled
def grains(bytes_: np.ndarray, strength: Number) -> np.ndarray:
    """(n,) float32 noise of this standard deviation, from (2, n) uint8: triangular, which the eye cannot tell."""
    out = np.empty(bytes_.shape[1], np.float32)
    scale = np.float32(strength / (255.0 * np.sqrt(1.0 / 6.0)))
    for i in range(bytes_.shape[1]):
        out[i] = np.float32(np.int32(bytes_[0, i]) + np.int32(bytes_[1, i]) - np.int32(255)) * scale
    return out


@compiled
def wall(light: np.ndarray, unevenness: Number, slope: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """(height, width, 3) float32 linear RGB of a wall of this colour (3,) with a gradient of light across it.

    Args:
        light: (height, width) float32 noise, of which `unevenness` is added.
        slope: (2,) float32 by which light changes over the picture's width and height.
    """
    height, width = light.shape
    out = np.empty((height, width, 3), np.float32)
    for y in range(height):
        down = ONE + slope[1] * (np.float32(y) / np.float32(height) - np.float32(0.5))
        for x in range(width):
            across = slope[0] * (np.float32(x) / np.float32(width) - np.float32(0.5))
            there = min(max(down + across + unevenness * light[y, x], np.float32(0.2)), np.float32(2.0))
            for channel in range(3):
                out[y, x, channel] = min(there * colour[channel], ONE)
    return out
