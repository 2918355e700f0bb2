"""What each pixel's ray meets: the numbers of each cone made ready, and the compiled march along all rays."""

from dataclasses import dataclass

import numpy as np

from src.synthetic.camera import View
from src.synthetic.compiled.marching import TILE_PX, march, measured, tile_lists
from src.synthetic.flesh import BLEND_MM

# A surface nearer than this share of a pixel is met.
_CLOSE_PX = 0.3
_BLENDS = BLEND_MM.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Traced:
    """What every pixel shows: its nearest surface, and the solid one behind it.

    Attributes:
        layers: see `march`: mm along the ray to both, their groups, and how much of the pixel the first covers.
        lists: which cones each tile may show.
        table: (cones, 13) float32, see `measured`.
        pinhole: (3,) float32 focal length and principal point, pixels.
        depth: (height, width) float32 mm to the nearest solid surface, `FAR` where there is none.
        group: (height, width) int8, that surface's group or -1.
    """

    layers: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    lists: tuple[np.ndarray, np.ndarray]
    table: np.ndarray
    pinhole: np.ndarray
    depth: np.ndarray
    group: np.ndarray


def trace(view: View, height: int, width: int) -> Traced:
    """What the picture's rays meet, where groups hide each other."""
    tiles = -(-width // TILE_PX), -(-height // TILE_PX)
    flesh = view.flesh
    girths = np.stack([flesh.radius_start, flesh.radius_end, flesh.bulge], 1)
    blends = BLEND_MM[flesh.group]
    outlines, table = measured(view.start, view.end, girths, blends, view.focal_px, view.centre_px)
    first, cone, depths = tile_lists(outlines, *tiles)
    pinhole = np.array([view.focal_px, *view.centre_px], np.float32)
    close_mm = np.float32(_CLOSE_PX * view.distance_mm / view.focal_px)
    layers = march(first, cone, depths, table, flesh.group, _BLENDS, pinhole, close_mm, height, width)
    front, behind, groups, cover = layers
    thin = cover <= 0.5
    depth, group = np.where(thin, behind, front), np.where(thin, groups[1], groups[0])
    return Traced(layers, (first, cone), table, pinhole, depth, group)
