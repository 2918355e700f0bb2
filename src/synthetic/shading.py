"""What light makes of skin: reflectance, lines, nails, lamps and gloss."""

from dataclasses import dataclass

import numpy as np

from src.synthetic.flesh import SLEEVE_GROUP
from src.synthetic.signer import Skin
from src.synthetic.tracing import Hits


@dataclass(frozen=True, eq=False)
class Lighting:
    """One key light, a fill from the opposite side and a sky above.

    Attributes:
        key: (3,) unit vector to the light in the viewer's frame (x right, y up, z to the viewer).
        key_rgb, fill_rgb, sky_rgb, ground_rgb: (3,) linear RGB intensities.
        shadow: how dark a cast shadow is, 0 to 1.
        occlusion: how dark folds are, 0 to 1.
    """

    key: np.ndarray
    key_rgb: np.ndarray
    fill_rgb: np.ndarray
    sky_rgb: np.ndarray
    ground_rgb: np.ndarray
    shadow: float = 0.7
    occlusion: float = 0.8


def _smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    s = np.clip((x - low) / (high - low), 0.0, 1.0)
    return s * s * (3 - 2 * s)


# The palm's main lines and those of the wrist, (x, y) mm in a mean hand.
_PALM_LINES = (
    ((31, 67), (19, 60), (9, 46), (5, 28), (7, 10)),
    ((31, 67), (10, 58), (-12, 49), (-30, 38)),
    ((-42, 60), (-22, 63), (-2, 70), (9, 82)),
    ((-24, 1), (0, -2), (24, 2)),
    ((-23, -6), (0, -8), (23, -6)),
)
_LINE_STARTS = np.array([a for line in _PALM_LINES for a in line[:-1]], np.float32)
_LINE_STEPS = np.array([b for line in _PALM_LINES for b in line[1:]], np.float32) - _LINE_STARTS


def palm_lines(hits: Hits, scale: float, width_mm: float) -> np.ndarray:
    """(tiles, pixels) in [0, 1], 1 on a line of the palm."""
    lines = np.zeros(hits.depth.shape, np.float32)
    inner = (hits.features[5] > 0.3) & (hits.features[0] < -0.1) & (hits.coverage > 0)
    x, y = hits.position[0][inner] / np.float32(scale), hits.position[1][inner] / np.float32(scale)
    if not len(x):
        return lines
    dx, dy = x - _LINE_STARTS[:, :1], y - _LINE_STARTS[:, 1:]
    step_x, step_y = _LINE_STEPS[:, :1], _LINE_STEPS[:, 1:]
    share = np.clip((dx * step_x + dy * step_y) / (step_x**2 + step_y**2), 0.0, 1.0)
    squared = ((dx - share * step_x) ** 2 + (dy - share * step_y) ** 2).min(0)
    lines[inner] = np.exp(-squared / np.float32(width_mm**2)) * np.clip(-1.6 * hits.features[0][inner], 0, 1)
    return lines


def skin_pattern(hits: Hits, grain: np.ndarray) -> np.ndarray:
    """(3, tiles, pixels) of the skin's pattern where each ray met it; it lies on the hand, not on the picture."""
    cells = grain.shape[1]
    u = (hits.position[0] + 0.6 * hits.position[2]).astype(np.int64) % cells
    v = (hits.position[1] - 0.5 * hits.position[2]).astype(np.int64) % cells
    return grain[:, v, u]


def albedo(hits: Hits, skin: Skin, sleeve_rgb: np.ndarray, pattern: np.ndarray, palm_lines: np.ndarray) -> np.ndarray:
    """(3, tiles, pixels) reflectance of what each ray met."""
    back, lines, distal, distal_share, finger, _ = hits.features
    dorsal_side = _smoothstep(-0.45, 0.35, back)
    palm = skin.palm.astype(np.float32)[:, None, None]
    dorsum = skin.dorsum.astype(np.float32)[:, None, None]
    colour = palm + (dorsum - palm) * dorsal_side
    # Blood shows at fingertips and joints and in patches: less green and blue comes back.
    red = np.float32(skin.blush) * (0.5 * distal * distal_share + 0.25 * lines * finger + pattern[0])
    colour = colour * np.stack([1 - 0.15 * red, 1 - 0.55 * red, 1 - 0.5 * red])
    inside = np.clip(-1.4 * back, 0, 1)
    crease = np.clip(lines, 0, 1) * (0.6 * inside + 0.3 * dorsal_side) + 0.55 * palm_lines
    crease = np.float32(skin.creases) * np.clip(crease, 0, 0.8)
    colour = colour * (1 - crease * np.array([0.65, 1.0, 1.0], np.float32)[:, None, None])
    share = distal_share / np.maximum(distal, np.float32(1e-3))
    nail = _smoothstep(0.60, 0.72, back) * _smoothstep(0.30, 0.42, share) * _smoothstep(0.6, 0.9, distal)
    colour = colour + (skin.nail.astype(np.float32)[:, None, None] - colour) * nail
    cloth = hits.group == SLEEVE_GROUP
    colour[:, cloth] = sleeve_rgb.astype(np.float32)[:, None, None]
    return np.clip(colour, 0.0, 1.0)


def shade(
    hits: Hits,
    reflectance: np.ndarray,
    lighting: Lighting,
    gloss: float,
    dark: np.ndarray,
    fold: np.ndarray,
    bumps: np.ndarray,
) -> np.ndarray:
    """(3, tiles, pixels) linear RGB of what each ray met.

    Args:
        reflectance: (3, tiles, pixels), see `albedo`.
        gloss: how much the skin shines, 0 to 1.
        dark, fold: (size, size) in [0, 1], see `src.synthetic.layers`.
        bumps: (3, tiles, pixels) added to the normals.
    """
    f32 = np.float32
    normal = hits.normal * np.array([1, -1, -1], f32)[:, None, None] + bumps
    normal /= np.sqrt((normal**2).sum(0)) + f32(1e-6)
    key = lighting.key.astype(f32)
    size = dark.shape[0]
    column, row = np.minimum(hits.column, size - 1), np.minimum(hits.row, size - 1)
    lit = 1 - f32(lighting.shadow) * dark[row, column]
    fold = f32(lighting.occlusion) * fold[row, column]
    facing = normal[0] * key[0] + normal[1] * key[1] + normal[2] * key[2]
    fill = np.clip(0.5 - 0.5 * facing, 0.0, 1.0)
    up = 0.5 + 0.5 * normal[1]
    cloth = (hits.group == SLEEVE_GROUP)[:, None]
    out = np.empty_like(reflectance)
    for channel, wrap in enumerate((0.38, 0.2, 0.14)):
        # Light that entered skin comes out a little further on, red most: the terminator is soft and warm.
        diffuse = np.clip((facing + wrap) / (1 + wrap), 0.0, 1.0)
        open_sky = 1 - fold * (0.85, 1.0, 1.05)[channel]
        ambient = lighting.sky_rgb[channel] * up + lighting.ground_rgb[channel] * (1 - up)
        ambient = ambient + lighting.fill_rgb[channel] * fill
        out[channel] = reflectance[channel] * (
            f32(lighting.key_rgb[channel]) * diffuse * lit * (1 - 0.35 * fold) + ambient.astype(f32) * open_sky
        )
    half = key + np.array([0, 0, 1], f32)
    half /= np.sqrt((half**2).sum()) + f32(1e-6)
    shine = np.clip(normal[0] * half[0] + normal[1] * half[1] + normal[2] * half[2], 0.0, 1.0)
    shine = shine**2
    shine = shine**2
    shine = (shine**2) ** 2
    out += (f32(0.09 * gloss) * shine * lit * (1 - fold) * ~cloth) * lighting.key_rgb.astype(f32)[:, None, None]
    return out
