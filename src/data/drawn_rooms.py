"""Rooms that are drawn from random numbers alone: walls, windows, shelves, posters, lamps and people in the back."""

import cv2
import numpy as np

_SKIN = np.array([(224, 172, 140), (198, 134, 100), (141, 85, 60), (255, 219, 190), (90, 56, 40)], dtype=np.float64)
_Colour = tuple[float, float, float]


def draw_room(rng: np.random.Generator, size: int) -> np.ndarray:
    """`(size, size, 3) uint8` RGB: what a camera sees behind a person, more or less out of focus."""
    canvas = _wall(rng, size)
    if rng.random() < 0.15:
        _shapes(canvas, rng, size)
    else:
        share = rng.random(6)
        for draw, chance, roll in zip(
            (_floor, _window, _posters, _shelves, _lamp, _person), _CHANCES, share, strict=True
        ):
            if roll < chance:
                draw(canvas, rng, size)
    if rng.random() < 0.5:
        cells = int(rng.integers(6, size))
        grain = rng.standard_normal((cells, cells), dtype=np.float32) * np.float32(rng.uniform(2, 18))
        cv2.add(canvas, cv2.merge([cv2.resize(grain, (size, size))] * 3), dst=canvas)
    if rng.random() < 0.75:
        canvas = cv2.GaussianBlur(canvas, (0, 0), size / 128 * float(rng.uniform(0.5, 3.0)))
    return np.clip(canvas, 0, 255).astype(np.uint8)


_CHANCES = (0.25, 0.3, 0.4, 0.35, 0.25, 0.35)


def _wall(rng: np.random.Generator, size: int) -> np.ndarray:
    """A wall, mostly of a faint colour, with the light falling off to a side."""
    faint = rng.random() < 0.7
    colour = rng.uniform(30, 250) + rng.normal(0, 12 if faint else 45, 3)
    slope = rng.normal(0, 22, 2)[:, None] * np.array([1, 1, 1]) + rng.normal(0, 6, (2, 3))
    corners = [colour + y * slope[0] + x * slope[1] for y in (-1, 1) for x in (-1, 1)]
    grid = np.array(corners, dtype=np.float32).reshape(2, 2, 3)
    return cv2.resize(grid, (size, size), interpolation=cv2.INTER_LINEAR)


def _any_colour(rng: np.random.Generator, spread: float = 30.0) -> _Colour:
    r, g, b = np.clip(rng.uniform(0, 255) + rng.normal(0, spread, 3), 0, 255)
    return float(r), float(g), float(b)


def _box(canvas: np.ndarray, x: float, y: float, w: float, h: float, colour: _Colour, line: int = -1) -> None:
    cv2.rectangle(canvas, (int(x), int(y)), (int(x + w), int(y + h)), colour, line)


def _floor(canvas: np.ndarray, rng: np.random.Generator, size: int) -> None:
    """Where the wall ends: a floor, a sofa, a second wall at an angle."""
    a, b = rng.uniform(0.3, 1.0, 2) * size
    corners = [(0, a), (size, b), (size, size), (0, size)]
    if rng.random() < 0.4:
        corners = [(b, 0), (a, size), (size, size), (size, 0)]
    cv2.fillConvexPoly(canvas, np.array(corners, np.int32), _any_colour(rng))


def _window(canvas: np.ndarray, rng: np.random.Generator, size: int) -> None:
    """A window or a door with its frame; mostly brighter than the room."""
    x, y, w, h = rng.uniform(-0.2, 0.8) * size, rng.uniform(-0.3, 0.4) * size, *(rng.uniform(0.25, 0.8, 2) * size)
    bright = rng.random() < 0.7
    level = float(rng.uniform(190, 255) if bright else rng.uniform(5, 60))
    _box(canvas, x, y, w, h, (level, level, min(255.0, level * 1.04)))
    edge, thick = _any_colour(rng, 10), max(1, int(rng.uniform(0.01, 0.05) * size))
    _box(canvas, x, y, w, h, edge, thick)
    bars = int(rng.integers(0, 3))
    for bar in range(1, bars + 1):
        at = int(x + w * bar / (bars + 1))
        cv2.line(canvas, (at, int(y)), (at, int(y + h)), edge, thick)
    if rng.random() < 0.25:  # blinds
        for line in range(int(y), int(y + h), max(3, size // 18)):
            cv2.line(canvas, (int(x), line), (int(x + w), line), edge, 1)


def _posters(canvas: np.ndarray, rng: np.random.Generator, size: int) -> None:
    """Pictures, cupboards, screens: boxes with a rim, some with something on them."""
    for _ in range(int(rng.integers(1, 5))):
        x, y, w, h = *(rng.uniform(-0.1, 0.9, 2) * size), *(rng.uniform(0.08, 0.5, 2) * size)
        _box(canvas, x, y, w, h, _any_colour(rng, 50))
        if rng.random() < 0.5:
            _box(canvas, x, y, w, h, _any_colour(rng, 10), max(1, int(rng.uniform(0.005, 0.03) * size)))
        if rng.random() < 0.5:
            inner = (int(x + w * rng.uniform(0.2, 0.8)), int(y + h * rng.uniform(0.2, 0.8)))
            cv2.circle(canvas, inner, max(1, int(0.3 * min(w, h))), _any_colour(rng, 60), -1)


def _shelves(canvas: np.ndarray, rng: np.random.Generator, size: int) -> None:
    """Boards with books and things on them."""
    left, right = sorted(rng.uniform(-0.2, 1.2, 2) * size)
    board, step = _any_colour(rng, 25), rng.uniform(0.16, 0.4) * size
    y = rng.uniform(0, 0.5) * size
    while y < size * 1.1 and right - left > 0.1 * size:
        x = left
        while x < right:
            width, height = rng.uniform(0.02, 0.12) * size, rng.uniform(0.4, 0.95) * step
            if rng.random() < 0.8:
                _box(canvas, x, y - height, width, height, _any_colour(rng, 50))
            x += width + 1
        _box(canvas, left, y, right - left, 0.025 * size, board)
        y += step
        if rng.random() < 0.35:
            break


def _lamp(canvas: np.ndarray, rng: np.random.Generator, size: int) -> None:
    """A lamp, and the light around it."""
    small = 16  # the glow is smooth: it is made small
    y, x = np.mgrid[0:small, 0:small].astype(np.float32) / small
    at = rng.uniform(-0.1, 1.1, 2)
    glow = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / np.float32(rng.uniform(0.01, 0.25)))
    warm = rng.uniform(30, 160) * np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.6, 1.0)])
    cv2.add(canvas, cv2.resize((glow[..., None] * warm).astype(np.float32), (size, size)), dst=canvas)
    cv2.circle(canvas, (int(at[0] * size), int(at[1] * size)), int(rng.uniform(0.01, 0.07) * size), (255, 250, 240), -1)


def _person(canvas: np.ndarray, rng: np.random.Generator, size: int) -> None:
    """A face with hair above shoulders: skin that is no hand, as in every webcam frame."""
    x, y, r = rng.uniform(-0.1, 1.1) * size, rng.uniform(0.0, 0.7) * size, rng.uniform(0.12, 0.5) * size
    skin = _SKIN[rng.integers(len(_SKIN))] * rng.uniform(0.4, 1.1)
    tone: _Colour = (float(skin[0]), float(skin[1]), float(skin[2]))
    dark = _any_colour(rng, 12)
    hair: _Colour = (dark[0] * 0.4, dark[1] * 0.35, dark[2] * 0.3)
    centre = (int(x), int(y))
    cloth = _any_colour(rng, 50)
    cv2.ellipse(canvas, (int(x), int(y + 2.9 * r)), (int(2.1 * r), int(1.7 * r)), 0, 180, 360, cloth, -1)
    _box(canvas, x - 2.1 * r, y + 2.9 * r, 4.2 * r, size, cloth)
    cv2.ellipse(canvas, (int(x), int(y - 0.25 * r)), (int(0.95 * r), int(1.15 * r)), 0, 0, 360, hair, -1)
    _box(canvas, x - 0.35 * r, y + 0.6 * r, 0.7 * r, 0.8 * r, (tone[0] * 0.8, tone[1] * 0.78, tone[2] * 0.76))
    cv2.ellipse(canvas, centre, (int(0.75 * r), int(r)), float(rng.uniform(-12, 12)), 0, 360, tone, -1)
    for side in (-0.3, 0.3):
        cv2.circle(canvas, (int(x + side * r), int(y - 0.1 * r)), max(1, int(0.09 * r)), hair, -1)
    shade = (tone[0] * 0.6, tone[1] * 0.5, tone[2] * 0.5)
    cv2.ellipse(canvas, (int(x), int(y + 0.5 * r)), (int(0.25 * r), max(1, int(0.08 * r))), 0, 0, 360, shade, -1)


def _shapes(canvas: np.ndarray, rng: np.random.Generator, size: int) -> None:
    """Anything at all: so that nobody learns what rooms are made of."""
    for _ in range(int(rng.integers(3, 14))):
        skin = _SKIN[rng.integers(len(_SKIN))] * rng.uniform(0.4, 1.1)
        colour = _any_colour(rng, 70) if rng.random() < 0.6 else (float(skin[0]), float(skin[1]), float(skin[2]))
        first, second = (tuple(int(v) for v in rng.integers(-size // 6, size + size // 6, 2)) for _ in range(2))
        what = int(rng.integers(4))
        if what == 0:
            cv2.rectangle(canvas, first, second, colour, -1 if rng.random() < 0.6 else int(rng.integers(1, 8)))
        elif what == 1:
            cv2.line(canvas, first, second, colour, int(rng.integers(1, max(2, size // 6))))
        elif what == 2:
            axes = (int(rng.integers(4, size // 2)), int(rng.integers(4, size // 2)))
            cv2.ellipse(canvas, first, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
        else:
            cv2.circle(canvas, first, int(rng.integers(3, size // 3)), colour, -1 if rng.random() < 0.6 else 3)
