"""What is behind a hand: nothing (a segmented picture), a wall, or a room, drawn from random numbers alone."""

import cv2
import numpy as np

from src.synthetic.compiled.patterns import grains, slopes, smoothed, wall

BLACK_SHARE = 0.36
PLAIN_SHARE = 0.28


def soft_noise(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """(height, width) float32, smooth random patches with zero mean and about unit spread."""
    grid = rng.standard_normal((cells + 3, cells + 3), np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def noise(rng: np.random.Generator, shape: tuple[int, ...], strength: float) -> np.ndarray:
    """Independent float32 noise of this standard deviation."""
    count = int(np.prod(shape))
    return grains(rng.integers(0, 256, (2, count), np.uint8), strength).reshape(shape)


def skin_grain(rng: np.random.Generator, cells: int = 64) -> np.ndarray:
    """(3, cells, cells) float32 pattern of skin, a millimetre a cell, repeating without a seam.

    Patches of redder and paler skin in about [-0.5, 0.5], then the slopes of fine wrinkles along the hand's x and y.
    """
    patches, speckle, relief = noise(rng, (3, cells, cells), 1.0)
    tone = np.float32(0.20) * smoothed(patches, 6.0, 6.0) + np.float32(0.09) * smoothed(speckle, 1.3, 1.3)
    across, along = rng.uniform(0.7, 2.2, 2)
    return np.stack([tone, *slopes(smoothed(relief, along, across), rng.uniform(0.01, 0.11))])


def plain(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, size, 3) linear RGB of a wall with a gradient of light across it."""
    value = rng.beta(1.6, 1.3)
    colour = value**2.2 * (1 + rng.uniform(0.0, 0.3) * rng.uniform(-1, 1, 3))
    slope = rng.normal(0.0, 0.35, 2).astype(np.float32)
    uneven = np.float32(0.05 * rng.random())
    return wall(soft_noise(rng, size, size, 4), uneven, slope, colour.astype(np.float32))


def room(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, size, 3) linear RGB of overlapping shapes, stripes and patches, more or less out of focus."""
    canvas = plain(rng, size)
    for _ in range(int(rng.integers(4, 22))):
        tint = 1 + rng.uniform(0.0, 0.5) * rng.uniform(-1, 1, 3)
        colour = tuple(float(c) for c in np.clip(rng.beta(0.9, 2.2) * tint, 0, 1))
        centre = rng.uniform(-0.1, 1.1, 2) * size
        extent = size * rng.lognormal(-1.7, 0.7, 2)
        what = rng.random()
        if what < 0.5:
            angle = rng.uniform(0, 180) if rng.random() < 1 / 3 else 0.0
            corners = cv2.boxPoints((tuple(map(float, centre)), tuple(map(float, 2 * extent)), float(angle)))
            cv2.fillConvexPoly(canvas, np.rint(corners).astype(np.int32), colour)
        elif what < 0.75:
            axes = (int(extent[0]) + 1, int(extent[1]) + 1)
            cv2.ellipse(canvas, (int(centre[0]), int(centre[1])), axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
        else:
            other = rng.uniform(-0.1, 1.1, 2) * size
            width = int(rng.integers(1, max(2, size // 14)))
            cv2.line(canvas, (int(centre[0]), int(centre[1])), (int(other[0]), int(other[1])), colour, width)
    if rng.random() < 0.35:
        texture = 1 + rng.uniform(0.05, 0.4) * soft_noise(rng, size, size, int(rng.integers(8, 48)))
        canvas *= np.clip(texture, 0.2, 2.0)[..., None]
    sigma = size * rng.uniform(0.004, 0.05) if rng.random() < 0.75 else 0.0
    if sigma > 0.3:
        canvas = cv2.GaussianBlur(canvas, (0, 0), float(sigma))
    return np.clip(canvas, 0.0, 1.0)


def draw_background(rng: np.random.Generator, size: int) -> tuple[np.ndarray, bool]:
    """A background, (size, size, 3) float32 linear RGB, and whether the picture is segmented: then it ends up black."""
    what = rng.random()
    if what < BLACK_SHARE:
        # Traces of what was there stay along the outline.
        return plain(rng, size) * np.float32(rng.uniform(0.0, 0.5)), True
    return (plain if what < BLACK_SHARE + PLAIN_SHARE else room)(rng, size), False
