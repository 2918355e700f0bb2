"""What a webcam makes of a room: exposure that somebody did not choose, low light, motion, sharpening, compression."""

import cv2
import numpy as np

from src.synthetic.background import noise
from src.synthetic.compiled.developing import exposed, metered, quantised
from src.synthetic.photograph import NO_NOISE, NOTHING_CUT, compressed, streak, to_srgb


def moved(rgb: np.ndarray, alpha: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A layer's colour and coverage after it moved while the shutter was open."""
    smeared = cv2.filter2D(np.dstack([rgb * alpha[..., None], alpha]), -1, kernel)
    alpha = np.ascontiguousarray(smeared[..., 3])
    return np.ascontiguousarray(smeared[..., :3] / np.maximum(alpha, 1e-4)[..., None]), alpha


def filmed(light: np.ndarray, hand: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A webcam's frame of this light.

    Args:
        light: (height, width, 3) float32 linear RGB.
        hand: (height, width) float32 coverage of what the camera may expose for.
        rng: this frame's noise.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    height, width, _ = light.shape
    scale = height / 480.0
    everything = np.ones((height, width), np.float32)
    brightness = metered(light, hand if rng.random() < 0.15 else everything)
    target = rng.uniform(0.13, 0.38)
    mood = rng.random()
    if mood < 0.12:
        target *= rng.uniform(1.6, 3.2)  # overexposed
    elif mood < 0.3:
        target *= rng.uniform(0.2, 0.6)  # too dark a room for the lens
    gain = (target / max(brightness, 0.01)) ** rng.uniform(0.75, 1.0)
    cast = np.exp(rng.normal(0.0, (0.10, 0.04, 0.13)))
    picture = exposed(light, (gain * cast).astype(np.float32), np.float32(rng.uniform(0.55, 1.35)))
    blur = scale * rng.gamma(1.6, 0.45)
    if blur > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), float(blur))
    if rng.random() < 0.06:
        picture = cv2.filter2D(picture, -1, streak(rng, scale * rng.uniform(4, 16)))
    picture = to_srgb(picture)
    soft, amount = picture, 0.0
    if rng.random() < 0.6:
        amount, radius = rng.uniform(0.2, 1.0), scale * rng.uniform(1.0, 4.0)
        soft = cv2.GaussianBlur(picture, (0, 0), float(radius))
    contrast, pivot = rng.uniform(0.75, 1.35), rng.uniform(0.4, 0.6)
    strength = rng.uniform(0.0, 0.07 if 0.12 <= mood < 0.3 else 0.025)
    # Cameras smooth their noise, so its grains are larger than pixels, and it has colour.
    grain: np.ndarray = NO_NOISE
    if strength > 0.004:
        share = rng.uniform(0.4, 1.0)
        size = int(height * share), int(width * share), 3
        grain = noise(rng, size, strength)
        grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
    numbers = (np.float32(amount), np.float32(contrast), np.float32(pivot))
    image = quantised(picture, soft, *numbers, NOTHING_CUT, grain, np.float32(0.0))
    if rng.random() < 0.2:  # sent at half of its size and shown larger
        half = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        image = cv2.resize(compressed(half, int(rng.integers(35, 95))), (width, height))
    return np.ascontiguousarray(compressed(image, int(rng.integers(25, 96))))
