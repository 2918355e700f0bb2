"""What each pixel's ray meets: the numbers of each cone made ready, and the compiled march along all rays."""

from dataclasses import dataclass

import numpy as np

from src.synthetic.camera import View
from src.synthetic.compiled.marching import TILE_PX, march, tile_lists
from src.synthetic.flesh import BLEND_MM

# A surface nearer than this share of a pixel is met.
_CLOSE_PX = 0.3
# What begins this near to the lens is left out.
_NEAR_MM = 40.0


@dataclass(frozen=True, eq=False)
class Traced:
    """What every pixel shows: its nearest surface, and the solid one behind it.

    Attributes:
        layers: see `march`: mm along the ray to both, their groups, and how much of the pixel the first covers.
        lists: which cones each tile may show.
        table: (cones, 13) float32: axis over its squared length, where it begins along that, start, its squared
            distance, squared length; radius, what it grows by, bulge; and -1 / blend, base 2.
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


def _outlines(view: View) -> np.ndarray:
    """(cones, 13): see `tile_lists`."""
    flesh = view.flesh
    z0, z1 = view.start[:, 2], view.end[:, 2]
    drawn = np.minimum(z0, z1) >= _NEAR_MM
    z0, z1 = np.maximum(z0, _NEAR_MM), np.maximum(z1, _NEAR_MM)
    a = view.start[:, :2] / z0[:, None] * view.focal_px + view.centre_px
    b = view.end[:, :2] / z1[:, None] * view.focal_px + view.centre_px
    # A smooth surface lies outside its cones by less than the blend times the logarithm of how many meet.
    more = 2.4 * BLEND_MM[flesh.group] + np.maximum(flesh.bulge, 0.0)
    r0 = (flesh.radius_start + more) * view.focal_px / z0 * 1.05
    r1 = (flesh.radius_end + more) * view.focal_px / z1 * 1.05
    grows = flesh.radius_end - flesh.radius_start
    rest = (r0, r1, z0, z1, flesh.radius_start, grows, more, np.zeros(len(z0)), drawn.astype(float))
    return np.column_stack([a, b, *rest])


def _cone_table(view: View) -> np.ndarray:
    flesh = view.flesh
    axis = view.end - view.start
    length2 = np.maximum((axis**2).sum(1), 1e-6)
    columns = (
        *(axis / length2[:, None]).T,
        -(view.start * axis).sum(1) / length2,
        *view.start.T,
        (view.start**2).sum(1),
        length2,
        flesh.radius_start,
        flesh.radius_end - flesh.radius_start,
        4 * flesh.bulge,
        -1.4426950408889634 / BLEND_MM[flesh.group],
    )
    return np.stack(columns, 1).astype(np.float32)


def trace(view: View, height: int, width: int) -> Traced:
    """What the picture's rays meet, where groups hide each other."""
    tiles = -(-width // TILE_PX), -(-height // TILE_PX)
    first, cone, depths = tile_lists(_outlines(view), *tiles)
    table = _cone_table(view)
    pinhole = np.array([view.focal_px, *view.centre_px], np.float32)
    close_mm = np.float32(_CLOSE_PX * view.distance_mm / view.focal_px)
    blends = BLEND_MM.astype(np.float32)
    layers = march(first, cone, depths, table, view.flesh.group, blends, pinhole, close_mm, height, width)
    front, behind, groups, cover = layers
    thin = cover <= 0.5
    depth, group = np.where(thin, behind, front), np.where(thin, groups[1], groups[0])
    return Traced(layers, (first, cone), table, pinhole, depth, group)
