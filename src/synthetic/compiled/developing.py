"""From light to a picture's bytes, pixel by pixel."""

import numpy as np

from src.synthetic.compiled import Number, compiled
from src.synthetic.compiled.floats import HALF, ONE, ZERO, clip01, exp, exp2, log

_F32 = np.float32
_LINEAR_BELOW, _LINEAR, _SCALE, _OFFSET = _F32(0.0031308), _F32(12.92), _F32(1.055), _F32(0.055)
_POWER = _F32(1 / 2.4 / 0.6931471805599453)
_KNEE, _ROOM = _F32(0.7), _F32(0.3)
_RED, _GREEN, _BLUE = _F32(0.2126), _F32(0.7152), _F32(0.0722)
_WHITE = _F32(255.0)


@compiled
def blend(front: np.ndarray, alpha: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """(height, width, 3) float32: `front` over `behind`, covering `alpha` (height, width) of each pixel."""
    out = np.empty_like(behind)
    for y in range(alpha.shape[0]):
        for x in range(alpha.shape[1]):
            share = alpha[y, x]
            for channel in range(3):
                out[y, x, channel] = front[y, x, channel] * share + behind[y, x, channel] * (ONE - share)
    return out


@compiled
def metered(light: np.ndarray, weight: np.ndarray) -> Number:
    """Mean luminance of a linear picture where `weight` (height, width) exceeds a half; 0.3 where it never does."""
    total, count = 0.0, 0
    for y in range(light.shape[0]):
        for x in range(light.shape[1]):
            if weight[y, x] > HALF:
                total += light[y, x, 0] * _RED + light[y, x, 1] * _GREEN + light[y, x, 2] * _BLUE
                count += 1
    return total / count if count else 0.3


@compiled
def exposed(light: np.ndarray, gain: np.ndarray, saturation: Number) -> np.ndarray:
    """(height, width, 3) float32 of what a sensor makes of linear light: balance, saturation, highlights rolled off."""
    out = np.empty_like(light)
    for y in range(light.shape[0]):
        for x in range(light.shape[1]):
            red, green, blue = light[y, x, 0] * gain[0], light[y, x, 1] * gain[1], light[y, x, 2] * gain[2]
            grey = red * _RED + green * _GREEN + blue * _BLUE
            out[y, x, 0] = grey + (red - grey) * saturation
            out[y, x, 1] = grey + (green - grey) * saturation
            out[y, x, 2] = grey + (blue - grey) * saturation
            for channel in range(3):
                value = max(out[y, x, channel], ZERO)
                if value > _KNEE:
                    value = _KNEE + _ROOM * (ONE - exp((_KNEE - value) / _ROOM))
                out[y, x, channel] = value
    return out


@compiled
def encoded(linear: np.ndarray) -> np.ndarray:
    """Linear light (n,) float32, clipped to [0, 1], as sRGB-encoded values in [0, 1] (IEC 61966-2-1)."""
    out = np.empty_like(linear)
    for i in range(len(linear)):
        value = clip01(linear[i])
        curved = _SCALE * exp2(log(max(value, _LINEAR_BELOW)) * _POWER) - _OFFSET
        out[i] = _LINEAR * value if value <= _LINEAR_BELOW else curved
    return out


@compiled
def quantised(
    picture: np.ndarray,
    soft: np.ndarray,
    amount: Number,
    contrast: Number,
    pivot: Number,
    cut: np.ndarray,
    noise: np.ndarray,
    shot: Number,
) -> np.ndarray:
    """(height, width, 3) uint8: sharpened against `soft`, contrast about `pivot`, cut out, with noise.

    Args:
        picture, soft: (height, width, 3) float32 encoded in [0, 1].
        amount: of sharpening.
        cut: (height, width) what is left of each pixel; empty for all of it.
        noise: (height, width, 3) float32.
        shot: 1 for noise that is less where a pixel is darker, 0 for the same everywhere.
    """
    height, width, _ = picture.shape
    out = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            left = cut[y, x] if len(cut) else ONE
            for channel in range(3):
                value = picture[y, x, channel]
                value = value + amount * (value - soft[y, x, channel])
                value = clip01((value - pivot) * contrast + pivot) * left
                if len(noise):
                    value = value + noise[y, x, channel] * (np.sqrt(value) * shot + (ONE - shot))
                out[y, x, channel] = np.uint8(clip01(value) * _WHITE + HALF)
    return out
