"""A room as a webcam sees it behind somebody: walls, windows, shelves, posters, lamps, doors and curtains."""

from collections.abc import Callable

import cv2
import numpy as np

from src.synthetic.background import soft_noise

_Colour = tuple[float, float, float]


def _colour(rng: np.random.Generator, a: float = 1.2, b: float = 2.2, spread: float = 0.4) -> _Colour:
    rgb = np.clip(rng.beta(a, b) * (1 + rng.normal(0.0, spread, 3)), 0.005, 0.95)
    return float(rgb[0]), float(rgb[1]), float(rgb[2])


def _rectangle(canvas: np.ndarray, x0: float, y0: float, x1: float, y1: float, colour: _Colour) -> None:
    cv2.rectangle(canvas, (int(x0), int(y0)), (int(x1), int(y1)), colour, -1)


def _place(rng: np.random.Generator, canvas: np.ndarray, wide: float, high: float) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 of something about so wide and high, as shares of the picture's height."""
    height, width = canvas.shape[:2]
    w, h = height * wide * rng.lognormal(0.0, 0.35), height * high * rng.lognormal(0.0, 0.35)
    x, y = rng.uniform(-0.5 * w, width - 0.5 * w), rng.uniform(-0.4 * h, height * 0.75 - 0.5 * h)
    return x, y, x + w, y + h


def _window(canvas: np.ndarray, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = _place(rng, canvas, 0.45, 0.6)
    bright = rng.uniform(0.7, 3.0)
    sky = bright * (1 + rng.uniform(0.0, 0.25) * np.array([-0.6, 0.0, 1.0]))
    frame = _colour(rng, 2.0, 2.0, 0.1)
    bar = max(1.0, 0.03 * (x1 - x0))
    _rectangle(canvas, x0 - bar, y0 - bar, x1 + bar, y1 + bar, frame)
    _rectangle(canvas, x0, y0, x1, y1, (float(sky[0]), float(sky[1]), float(sky[2])))
    if rng.random() < 0.6:  # what is outside
        _rectangle(canvas, x0, y0 + (y1 - y0) * rng.uniform(0.4, 0.8), x1, y1, _colour(rng, 2.0, 2.0))
    for x in np.linspace(x0, x1, int(rng.integers(1, 4)) + 1)[1:-1]:
        _rectangle(canvas, x - bar / 2, y0, x + bar / 2, y1, frame)
    if rng.random() < 0.4:
        middle = (y0 + y1) / 2
        _rectangle(canvas, x0, middle - bar / 2, x1, middle + bar / 2, frame)


def _shelf(canvas: np.ndarray, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = _place(rng, canvas, 0.6, 0.8)
    wood = _colour(rng, 1.5, 3.0, 0.2)
    _rectangle(canvas, x0, y0, x1, y1, (0.4 * wood[0], 0.4 * wood[1], 0.4 * wood[2]))
    rows = int(rng.integers(2, 6))
    high, board = (y1 - y0) / rows, max(1.0, 0.012 * canvas.shape[0])
    for row in range(rows):
        floor, x = y0 + (row + 1) * high, x0 + board
        end = x0 + (x1 - x0) * rng.uniform(0.3, 1.0)
        while x < end:
            thick = high * rng.uniform(0.08, 0.3)
            _rectangle(canvas, x, floor - high * rng.uniform(0.5, 0.9), min(x + thick, x1), floor, _colour(rng))
            x += thick + 1 + (high * rng.uniform(0.0, 0.5) if rng.random() < 0.15 else 0.0)
        _rectangle(canvas, x0, floor - board, x1, floor, wood)
    for x in (x0, x1):
        _rectangle(canvas, x - board, y0, x, y1, wood)


def _poster(canvas: np.ndarray, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = _place(rng, canvas, 0.28, 0.35)
    edge = 0.04 * (y1 - y0)
    _rectangle(canvas, x0 - edge, y0 - edge, x1 + edge, y1 + edge, _colour(rng, 1.0, 1.0, 0.1))
    _rectangle(canvas, x0, y0, x1, y1, _colour(rng))
    for _ in range(int(rng.integers(1, 6))):
        centre = int(rng.uniform(x0, x1)), int(rng.uniform(y0, y1))
        axes = int((x1 - x0) * rng.uniform(0.03, 0.25)) + 1, int((y1 - y0) * rng.uniform(0.03, 0.25)) + 1
        cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, _colour(rng), -1)


def _lamp(canvas: np.ndarray, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    x, y, r = rng.uniform(0, width), rng.uniform(0, 0.6 * height), height * rng.uniform(0.02, 0.09)
    at_x, at_y = np.arange(width, dtype=np.float32) - x, np.arange(height, dtype=np.float32)[:, None] - y
    halo = 1.0 / (1.0 + (at_x * at_x + at_y * at_y) / np.float32((2.2 * r) ** 2))
    warm = np.array([1.0, 0.82, 0.55], np.float32) * np.float32(rng.uniform(0.3, 1.2))
    canvas += halo[..., None].astype(np.float32) ** 2 * warm
    if rng.random() < 0.6:
        cv2.line(canvas, (int(x), int(y)), (int(x), height if rng.random() < 0.6 else 0), (0.05, 0.05, 0.05), 2)
    cv2.ellipse(canvas, (int(x), int(y)), (int(r), int(r * rng.uniform(0.5, 1.2))), 0, 0, 360, (2.6, 2.3, 1.8), -1)


def _door(canvas: np.ndarray, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    x, wide, top = rng.uniform(-0.1, 1.0) * width, height * rng.uniform(0.35, 0.6), height * rng.uniform(-0.2, 0.2)
    wood = _colour(rng, 2.0, 2.5, 0.15)
    edge = 0.05 * wide
    _rectangle(canvas, x - edge, top - edge, x + wide + edge, height, (0.7 * wood[0], 0.7 * wood[1], 0.7 * wood[2]))
    _rectangle(canvas, x, top, x + wide, height, wood)
    if rng.random() < 0.3:  # an open one, and the dark behind it
        _rectangle(canvas, x, top, x + wide * rng.uniform(0.3, 1.0), height, _colour(rng, 1.0, 8.0))


def _curtain(canvas: np.ndarray, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    x0, wide = int(rng.uniform(-0.2, 0.9) * width), int(height * rng.uniform(0.2, 0.7))
    x0, x1 = max(0, x0), min(width, x0 + wide)
    if x1 <= x0:
        return
    x = np.arange(x1 - x0) / height
    folds = 1 + 0.35 * np.sin(x * rng.uniform(25, 90) + 2 * np.sin(x * rng.uniform(4, 15)))
    cloth = folds[:, None] * np.array(_colour(rng))
    canvas[:, x0:x1] = np.clip(cloth, 0, 1).astype(np.float32)[None]


def _furniture(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """The back of a chair, a sofa or a bed below."""
    height, width = canvas.shape[:2]
    x, wide = rng.uniform(-0.2, 0.9) * width, height * rng.uniform(0.3, 1.4)
    top, colour = height * rng.uniform(0.45, 0.9), _colour(rng)
    r = int(0.08 * height)
    _rectangle(canvas, x + r, top, x + wide - r, height, colour)
    _rectangle(canvas, x, top + r, x + wide, height, colour)
    for corner in (x + r, x + wide - r):
        cv2.circle(canvas, (int(corner), int(top + r)), r, colour, -1)


def _plant(canvas: np.ndarray, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    x, y = rng.uniform(0, width), height * rng.uniform(0.3, 0.9)
    for _ in range(int(rng.integers(8, 40))):
        angle, long = rng.uniform(-np.pi, 0), height * rng.uniform(0.03, 0.16)
        centre = int(x + long * np.cos(angle)), int(y + long * np.sin(angle))
        axes = max(1, int(long * 0.5)), max(1, int(long * rng.uniform(0.1, 0.3)))
        green = 0.25 * rng.random()
        leaf = (0.35 * green, 0.02 + green, 0.3 * green)
        cv2.ellipse(canvas, centre, axes, float(np.degrees(angle)), 0, 360, leaf, -1)


_THINGS: tuple[tuple[float, Callable[[np.ndarray, np.random.Generator], None]], ...] = (
    (0.25, _door),
    (0.4, _window),
    (0.3, _curtain),
    (0.35, _shelf),
    (0.6, _poster),
    (0.3, _poster),
    (0.35, _lamp),
    (0.4, _furniture),
    (0.25, _plant),
)


def draw_room(rng: np.random.Generator, height: int, width: int, window: bool = False) -> np.ndarray:
    """(height, width, 3) float32 linear RGB of an empty room; lamps and windows exceed 1.

    Args:
        rng: this room's random numbers.
        height, width: of the picture.
        window: there is a large window for certain, behind whoever is there.
    """
    wall = np.array(_colour(rng, 2.2, 1.8, 0.12), np.float32)
    x = np.arange(width, dtype=np.float32) / width - 0.5
    y = np.arange(height, dtype=np.float32)[:, None] / height - 0.5
    slope = rng.normal(0.0, 0.45, 2).astype(np.float32)
    light = np.clip(1 + slope[0] * x + slope[1] * y, 0.15, 2.0)
    canvas = np.ascontiguousarray(light[..., None] * wall)
    if rng.random() < 0.35:  # a corner: the other wall is lit differently
        edge = int(rng.uniform(0.1, 0.9) * width)
        canvas[:, edge:] *= np.float32(rng.uniform(0.5, 1.4))
    if rng.random() < 0.2:  # the ceiling
        canvas[: int(height * rng.uniform(0.03, 0.2))] = _colour(rng, 4.0, 1.5, 0.05)
    busy = rng.uniform(0.2, 1.2) if rng.random() < 0.85 else 0.0
    for share, thing in _THINGS:
        if rng.random() < share * busy:
            thing(canvas, rng)
    if window:
        _window(canvas, rng)
    if rng.random() < 0.5:
        texture = 1 + np.float32(rng.uniform(0.01, 0.08)) * soft_noise(rng, height, width, int(rng.integers(6, 40)))
        canvas *= np.clip(texture, 0.3, 2.0)[..., None]
    sigma = height * (rng.uniform(0.002, 0.02) if rng.random() < 0.8 else 0.0)
    if sigma > 0.3:
        canvas = cv2.GaussianBlur(canvas, (0, 0), float(sigma))
    return np.maximum(canvas, np.float32(0.0))
