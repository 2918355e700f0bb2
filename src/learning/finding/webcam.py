"""Light, lens, sensor and compression of a webcam, put on a view."""

import cv2
import numpy as np

_GREY = np.array([0.299, 0.587, 0.114])


def webcam(view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(size, size, 3) uint8 RGB in and out: the same view by another camera, in another light."""
    size = view.shape[0]
    view = cv2.LUT(view, _curves(rng))
    if rng.random() < 0.6:
        view = _saturated(view, rng.uniform(0.2, 1.6))
    if rng.random() < 0.2:
        view = _backlit(view, rng)
    if rng.random() < 0.3:
        view = cv2.GaussianBlur(view, (0, 0), float(rng.uniform(0.4, 1.6)))
    if rng.random() < 0.12:
        view = cv2.filter2D(view, -1, _motion(rng))
    if rng.random() < 0.35:
        noise = rng.standard_normal(view.shape, dtype=np.float32) * np.float32(255 * rng.uniform(0.005, 0.06))
        view = cv2.add(view, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.25:  # a poor stream, enlarged
        small = max(8, int(size * rng.uniform(0.35, 0.8)))
        view = cv2.resize(view, (small, small), interpolation=cv2.INTER_AREA)
        view = cv2.resize(view, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        view = cv2.cvtColor(view, cv2.COLOR_RGB2BGR)
        _, packed = cv2.imencode(".jpg", view, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 92))))
        view = cv2.cvtColor(cv2.imdecode(packed, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return view


def _curves(rng: np.random.Generator) -> np.ndarray:
    """(256, 1, 3) uint8: gamma, a cast of colour, contrast and exposure in one table."""
    level = np.arange(256, dtype=np.float64)[:, None] / 255
    if rng.random() < 0.9:
        level = level ** np.exp(rng.uniform(-0.55, 0.55))
    level = np.repeat(level, 3, axis=1)
    if rng.random() < 0.7:
        level = level * np.exp(rng.uniform(-0.22, 0.22, 3))
    if rng.random() < 0.7:
        level = (level - 0.5) * np.exp(rng.uniform(-0.5, 0.35)) + 0.5 + rng.uniform(-0.15, 0.15)
    if rng.random() < 0.15:
        level = level * rng.uniform(0.2, 0.6)
    return np.clip(level * 255, 0, 255).astype(np.uint8)[:, None]


def _saturated(view: np.ndarray, factor: float) -> np.ndarray:
    mixing = factor * np.eye(3) + (1 - factor) * np.tile(_GREY, (3, 1))
    return cv2.transform(view, mixing)


def _backlit(view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A window or a lamp whose light spreads over the picture."""
    small, center, spread = 20, rng.uniform(-0.2, 1.2, 2), rng.uniform(0.05, 0.6)
    at = (np.arange(small, dtype=np.float32) + 0.5) / small
    glow = np.exp(-((at[None, :] - center[0]) ** 2 + (at[:, None] - center[1]) ** 2) / spread)
    glow = cv2.resize(glow.astype(np.float32), view.shape[1::-1])[..., None] * np.float32(255 * rng.uniform(0.1, 0.7))
    return cv2.add(view, glow * np.array((1, 0.97, 0.9), np.float32), dtype=cv2.CV_8U)


def _motion(rng: np.random.Generator) -> np.ndarray:
    length = int(rng.integers(3, 9))
    kernel = np.zeros((length, length), np.float32)
    angle, middle = rng.uniform(0, np.pi), (length - 1) / 2
    across, down = middle * np.cos(angle), middle * np.sin(angle)
    ends = [(round(middle + sign * across), round(middle + sign * down)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1)
    return kernel / kernel.sum()
