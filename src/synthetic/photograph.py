"""Taking the picture: where camera and lamps stand, and what lens, sensor and file format do to the light."""

import cv2
import numpy as np

from src.synthetic.background import noise
from src.synthetic.camera import Camera
from src.synthetic.compiled.developing import blend, encoded, exposed, metered, quantised
from src.synthetic.flesh import Arm
from src.synthetic.render import Rendering
from src.synthetic.shading import Lighting

NOTHING_CUT, NO_NOISE = np.zeros((0, 0), np.float32), np.zeros((0, 0, 0), np.float32)


def draw_camera(rng: np.random.Generator, segmented: bool) -> tuple[Camera, Arm]:
    """Distance, crop and how much of the arm is there. A segmented picture is cut at the wrist and cropped tightly.

    Others frame the hand as somebody does who holds it in a guide box at an arm's length from a webcam.
    """
    distance = float(rng.uniform(440.0, 1100.0))
    fill = float(rng.uniform(0.84, 1.0) if segmented else rng.uniform(0.6, 0.97))
    room = 0.5 * (1 - fill)
    shift = (float(rng.uniform(-room, room)), float(rng.uniform(-room, room)))
    if segmented:
        return Camera(distance, fill, shift), Arm(forearm_mm=float(rng.uniform(4.0, 40.0)))
    sleeve = float(rng.uniform(-2.0, 120.0)) if rng.random() < 0.5 else None
    return Camera(distance, fill, shift), Arm(sleeve_mm=sleeve)


def draw_lighting(rng: np.random.Generator) -> Lighting:
    """A lamp or window anywhere before the hand, with light bounced by the room."""
    azimuth, height = rng.uniform(-np.pi, np.pi), rng.uniform(0.12, 1.25)
    key = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
    # More lamps hang above than stand below.
    if key[1] < 0 and rng.random() < 0.45:
        key[1] = -key[1]
    warmth = rng.normal(0.0, 0.10)
    key_rgb = np.array([1 + warmth, 1.0, 1 - 1.2 * warmth]) * rng.uniform(0.45, 1.25)
    sky = np.array([1 - 0.5 * warmth, 1.0, 1 + 0.6 * warmth]) * rng.uniform(0.06, 0.42)
    ground = sky * rng.uniform(0.35, 0.95) * (1.05, 1.0, 0.9)
    fill = np.ones(3) * rng.uniform(0.0, 0.2)
    return Lighting(key, key_rgb, fill, sky, ground, float(rng.uniform(0.3, 0.95)), float(rng.uniform(0.65, 1.0)))


def compose(rendering: Rendering, background: np.ndarray) -> np.ndarray:
    """(height, width, 3) float32 linear RGB: the hand over the background, a picture or one colour (3,)."""
    if background.ndim == 1:
        background = np.full_like(rendering.rgb, background)
    return blend(rendering.rgb, rendering.alpha, background)


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] as sRGB-encoded float32 values in [0, 1], of any shape."""
    return encoded(np.ascontiguousarray(linear, dtype=np.float32).ravel()).reshape(linear.shape)


def expose(light: np.ndarray, rendering: Rendering, segmented: bool, rng: np.random.Generator) -> np.ndarray:
    """A camera's picture of this light.

    Args:
        light: (size, size, 3) float32 linear RGB.
        rendering: the hand in it, for exposure metering and for the ragged edge of a segmented picture.
        segmented: whether everything but the hand is black.
        rng: this image's noise.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    size = light.shape[0]
    scale = size / 128.0
    brightness = metered(light, rendering.alpha)
    # The meter evens out part of the difference between light and dark scenes and skins.
    target = rng.uniform(0.07, 0.42)
    gain = (target / max(brightness, 0.02)) ** rng.uniform(0.5, 0.95)
    balance = np.exp(rng.normal(0.0, (0.07, 0.03, 0.09)))
    picture = exposed(light, (gain * balance).astype(np.float32), np.float32(rng.uniform(0.7, 1.35)))
    blur = scale * rng.gamma(1.3, 0.26)
    if blur > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), float(blur))
    if rng.random() < 0.08:
        picture = cv2.filter2D(picture, -1, streak(rng, rng.uniform(2, 6) * scale))
    picture = to_srgb(picture)
    soft, amount = picture, 0.0
    if rng.random() < 0.6:
        # Cameras sharpen, some far beyond what the lens lost.
        amount, radius = rng.uniform(0.2, 0.9), scale * rng.uniform(0.8, 3.0)
        soft = cv2.GaussianBlur(picture, (0, 0), float(radius))
    contrast, pivot = rng.uniform(0.85, 1.45), rng.uniform(0.4, 0.6)
    # Black stays black, whatever the exposure is.
    cut = _cut_out(rendering.alpha, scale, rng) if segmented else NOTHING_CUT
    grain = NO_NOISE
    if rng.random() < 0.6:
        grain = noise(rng, light.shape, rng.uniform(0.0, 0.03))
    numbers = (np.float32(amount), np.float32(contrast), np.float32(pivot))
    image = quantised(picture, soft, *numbers, cut, grain, np.float32(segmented))
    if rng.random() < 0.85:
        image = compressed(image, int(rng.integers(38, 96)))
    return np.ascontiguousarray(image)


def streak(rng: np.random.Generator, length_px: float) -> np.ndarray:
    """(n, n) float32 kernel of a movement over about so many pixels."""
    length = max(3, int(length_px)) | 1
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1.0
    middle = length / 2 - 0.5
    turn = cv2.getRotationMatrix2D((middle, middle), float(rng.uniform(0, 180)), 1.0)
    kernel: np.ndarray = np.asarray(cv2.warpAffine(line, turn, (length, length)), np.float32)
    return kernel / max(float(kernel.sum()), 1e-3)


def _cut_out(alpha: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """(size, size) float32: a segmentation mask, which follows the outline only roughly."""
    ragged = cv2.GaussianBlur(noise(rng, alpha.shape, rng.uniform(0.0, 0.5)), (0, 0), 1.1 * scale)
    cut = cv2.GaussianBlur(alpha + ragged, (0, 0), 0.6 * scale) > rng.uniform(0.5, 0.8)
    inside = cv2.erode(alpha, np.ones((int(4 * scale) | 1,) * 2, np.uint8)) > 0.99
    return cv2.GaussianBlur((cut | inside).astype(np.float32), (0, 0), 0.5 * scale)


def compressed(image: np.ndarray, quality: int) -> np.ndarray:
    """After a JPEG of this quality, 0 to 100."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    read = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert read is not None  # it was written a line ago
    return read[..., ::-1]
