"""What light makes of skin: reflectance, lines, nails, lamps and gloss."""

from dataclasses import dataclass

import numpy as np

from src.synthetic.camera import View
from src.synthetic.compiled.marching import FAR
from src.synthetic.compiled.painting import paint
from src.synthetic.flesh import SLEEVE_GROUP
from src.synthetic.layers import occlusion, shadow
from src.synthetic.signer import Skin
from src.synthetic.tracing import Traced


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
_LINES = np.concatenate([_LINE_STARTS, _LINE_STEPS], 1)
_SMOOTH = np.zeros((3, 1, 1), np.float32)
_NO_SKIN = np.zeros((4, 3), np.float32)
_NO_SPOTS = np.zeros((0, 9), np.float32)
# How bright the lamp's reflection on the glossiest skin is.
_SHINE = 0.09


def _packed(lighting: Lighting) -> np.ndarray:
    """(7, 3) float32: see `painting`."""
    half = lighting.key + np.array([0.0, 0.0, 1.0])
    half = half / (np.sqrt((half**2).sum()) + 1e-6)
    rest = (lighting.shadow, lighting.occlusion, 0.0)
    rows = (lighting.key, lighting.key_rgb, lighting.fill_rgb, lighting.sky_rgb, lighting.ground_rgb, half, rest)
    return np.stack([np.asarray(row) for row in rows]).astype(np.float32)


def _shadows(depth: np.ndarray, key: np.ndarray, px_per_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Shadows and folds, (height, width) each, looked for where there is something."""
    known = depth < FAR
    rows, columns = np.flatnonzero(known.any(1)), np.flatnonzero(known.any(0))
    dark, folds = np.zeros_like(depth), np.zeros_like(depth)
    if len(rows):
        margin = int(12 * px_per_mm) + 4
        part = tuple(slice(max(0, each[0] - margin), each[-1] + margin + 1) for each in (rows, columns))
        there = np.ascontiguousarray(depth[part])
        dark[part], folds[part] = shadow(there, key, px_per_mm), occlusion(there, px_per_mm)
    return dark, folds


def shade(
    view: View,
    traced: Traced,
    lighting: Lighting,
    skin: Skin | None = None,
    size: float = 1.0,
    grain: np.ndarray | None = None,
    spots: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The picture of what was traced.

    Args:
        view, traced: the cones and where the rays met them.
        lighting: lamps.
        skin: of the groups below the sleeve's; None where all cones are plain.
        size: the hand's length over the mean hand's.
        grain: (3, cells, cells) float32, one cell a millimetre, repeating: patches of redder skin in about [-0.5, 0.5],
            then the slopes of its fine relief along the hand's x and y.
        spots: (spots, 9) what is painted on plain surfaces: centre and reach in the hand's frame, mm, and linear RGB.

    Returns:
        (height, width, 3) float32 linear RGB, not premultiplied, and (height, width) float32 coverage.
    """
    flesh = view.flesh
    px_per_mm = view.focal_px / view.distance_mm
    dark, folds = _shadows(traced.depth, lighting.key, px_per_mm)
    lines_mm = 0.8 + 0.35 / px_per_mm
    rows = (*view.to_camera, view.middle, (view.distance_mm, size, lines_mm**2))
    colours = _NO_SKIN
    if skin is not None:
        rest = (skin.blush, skin.creases, _SHINE * skin.gloss)
        colours = np.stack([skin.dorsum, skin.palm, skin.nail, np.asarray(rest)]).astype(np.float32)
    rgb, alpha = paint(
        traced.layers,
        traced.lists,
        traced.table,
        flesh.group,
        flesh.kind,
        np.column_stack([view.dorsal, flesh.plain * (1.0, 1.0, 1.0, _SHINE)]).astype(np.float32),
        traced.pinhole,
        np.stack([np.asarray(row) for row in rows]).astype(np.float32),
        colours,
        0 if skin is None else SLEEVE_GROUP,
        _SMOOTH if grain is None else grain,
        _LINES,
        _NO_SPOTS if spots is None else spots,
        _packed(lighting),
        dark,
        folds,
    )
    return rgb, alpha
