"""What each pixel's ray meets.

Each group of rounded cones is one implicit surface, the smooth minimum of its cones' distances (the exponential form of
Quilez, "Smooth minimum", 2013), found along each pixel's ray by sphere tracing (Hart, "Sphere tracing", The Visual
Computer 12, 1996). Only pixels near a cone are traced: the picture is cut into small tiles and a tile keeps the cones
whose outline comes near it, so the work is a few flat numpy arrays of (tile-and-cone) pairs and no Python loop over
pixels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from src.synthetic.camera import View
from src.synthetic.flesh import BLEND_MM, DISTAL, PALM, PROXIMAL

TILE_PX = 4
# Rounds of sphere tracing: after each, only the rays still on their way are kept.
_STEPS = (4, 3, 6, 10, 24)
_CLOSE_PX = 0.2
_LONG_STRIDE = np.float32(1.5)


def _tile_pairs(view: View, size: int) -> tuple[np.ndarray, ...]:
    """Which tiles each cone may be seen in.

    Returns:
        cone: (pairs,) index of the cone; first: (rays,) first pair of each (group, tile), a ray-tile.
        tile: (rays, 3) column and row of each tile's first pixel, and the group.
        near, far: (pairs,) depths before and behind the cone.
    """
    flesh = view.flesh
    tiles = -(-size // TILE_PX)
    corner = np.arange(tiles) * TILE_PX
    middle = corner + (TILE_PX - 1) / 2
    z0, z1 = view.start[:, 2], view.end[:, 2]
    a = view.start[:, :2] / z0[:, None] * view.focal_px + view.centre_px
    b = view.end[:, :2] / z1[:, None] * view.focal_px + view.centre_px
    # A smooth surface lies outside its cones by less than the blend times the logarithm of how many meet.
    swell = 2.4 * BLEND_MM[flesh.group]
    nearest = np.minimum(z0, z1)
    fat = np.maximum(flesh.bulge, 0.0)
    r0 = (flesh.radius_start + swell + fat) * view.focal_px / z0 * 1.05
    r1 = (flesh.radius_end + swell + fat) * view.focal_px / z1 * 1.05
    axis = b - a
    length2 = np.maximum((axis**2).sum(1), 1e-6)
    dx = middle[None, None, :] - a[:, 0, None, None]
    dy = middle[None, :, None] - a[:, 1, None, None]
    share = np.clip((dx * axis[:, 0, None, None] + dy * axis[:, 1, None, None]) / length2[:, None, None], 0.0, 1.0)
    px = dx - share * axis[:, 0, None, None]
    py = dy - share * axis[:, 1, None, None]
    reach = r0[:, None, None] + share * (r1 - r0)[:, None, None] + (TILE_PX * 0.75 + 1.0)
    touched = px * px + py * py < reach * reach
    touched[nearest < 40.0] = False
    cone, row, column = np.nonzero(touched)
    h = share[cone, row, column]
    depth = 1.0 / ((1 - h) / z0[cone] + h / z1[cone])
    radius = flesh.radius_start[cone] + h * (flesh.radius_end - flesh.radius_start)[cone] + swell[cone] + fat[cone]
    # Within a tile an axis that runs towards the viewer is nearer than at the tile's middle.
    slope = np.abs(z1 - z0)[cone] / np.sqrt(length2[cone] + 1.0) * (TILE_PX * 0.75)
    deep = radius + np.minimum(slope, 20.0)
    near, far = np.maximum(depth - deep, 20.0), depth + deep
    key = (flesh.group[cone] * tiles + row) * tiles + column
    order = np.argsort(key, kind="stable")
    key, cone, near, far = key[order], cone[order], near[order], far[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    tile = np.stack([corner[key[first] % tiles], corner[key[first] // tiles % tiles], key[first] // (tiles * tiles)], 1)
    return cone, first, tile, near, far


@dataclass(frozen=True, eq=False)
class Hits:
    """What each ray of each (group, tile) met; rays are (tiles, pixels of a tile).

    `features` are, each (tiles, pixels): how much the skin faces the back of the hand (1) or the palm (-1), nearness to
    a finger's joint, share of a last bone, that times the position along it, share of any finger bone, of the palm.
    `position` is (3, tiles, pixels) mm in the hand's frame.
    """

    column: np.ndarray
    row: np.ndarray
    group: np.ndarray
    depth: np.ndarray
    coverage: np.ndarray
    normal: np.ndarray
    features: np.ndarray
    position: np.ndarray


class _Pairs:
    """(tile, cone) pairs ready to be measured along their rays.

    Attributes:
        table: (13, pairs, 1) float32, a row a number of the cone, see `_cone_table`.
        ray: (3, rays, pixels) unit directions; ray_of: (pairs,) which; first: (rays,) each ray's first pair.
    """

    def __init__(self, table: np.ndarray, ray: np.ndarray, ray_of: np.ndarray, first: np.ndarray) -> None:
        self.table, self.ray, self.ray_of, self.first = table, ray, ray_of, first
        ax, ay, az, _, sx, sy, sz = table[:7]
        rx, ry, rz = ray[:, ray_of]
        self._along = rx * ax + ry * ay + rz * az
        self._towards = 2 * (rx * sx + ry * sy + rz * sz)

    def gap(self, total: np.ndarray, blend: np.ndarray) -> np.ndarray:
        """(rays, pixels) mm from the blended surface, given the sum of `weights`."""
        return -blend * np.log(np.maximum(total, np.float32(1e-30)))

    def weights(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """At (rays, pixels) `t`: each pair's exp(-distance / blend), their sum a ray, distance to the axis, share."""
        _, _, _, offset, _, _, _, start2, len2, radius, slope, bulge, sharp = self.table
        tp = t[self.ray_of]
        free = self._along * tp
        free += offset
        h = np.maximum(free, np.float32(0.0))
        np.minimum(h, np.float32(1.0), out=h)
        squared = tp - self._towards
        squared *= tp
        squared += start2
        free *= -2
        free += h
        free *= h
        free *= len2
        squared += free
        np.maximum(squared, np.float32(1e-3), out=squared)
        root = np.sqrt(squared, out=squared)
        fat = bulge * (1 - h)
        fat += slope
        fat *= h
        fat += radius
        weight = np.subtract(root, fat, out=fat)
        weight *= sharp
        np.minimum(weight, np.float32(60.0), out=weight)
        np.exp(weight, out=weight)
        return weight, np.add.reduceat(weight, self.first, axis=0), root, h


def _march(
    pairs: _Pairs, start: np.ndarray, last: np.ndarray, blend: np.ndarray, per_px: np.ndarray, close_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Walk along every ray until it meets its group's surface or has passed it.

    Args:
        pairs: every tile with every cone near it.
        start, last: (rays, pixels) mm along the ray, before and behind all of the tile's cones.
        blend: (rays, 1) mm.
        per_px: (rays, pixels) what a millimetre at a distance of one millimetre measures in pixels.
        close_mm: a surface as near as this is met.

    Returns:
        (rays, pixels) mm to the surface, or to where the ray came nearest to it; and how near that was, in pixels.
    """
    t, nearest_at = start, start.copy()
    closest = np.full(t.shape, 1e3, np.float32)
    met = np.zeros(t.shape, bool)
    counts = np.diff(pairs.first, append=len(pairs.ray_of))
    chosen, soft = pairs, blend
    busy: tuple[Any, Any] = (slice(None), slice(None))
    stride = np.float32(1.0)
    for steps in _STEPS:
        now, nearest, at, scale = t[busy], closest[busy], nearest_at[busy], per_px[busy]
        for _ in range(steps):
            gap = chosen.gap(chosen.weights(now)[1], soft)
            off = gap / now * scale
            nearer = off < nearest
            nearest[nearer], at[nearer] = off[nearer], now[nearer]
            now = now + stride * gap
        # The rays left over graze a surface; longer strides pass it sooner, and a negative gap leads back.
        stride = _LONG_STRIDE
        t[busy], closest[busy], nearest_at[busy] = now, nearest, at
        # Most rays have met the surface or left the tile's cones; go on with the single rays that have not.
        arrived = np.abs(gap) <= close_mm
        met[busy] = arrived
        going = ~arrived & (now < last[busy])
        if not going.any():
            break
        if chosen is pairs:
            tile_of, pixel = np.nonzero(going)
        else:
            tile_of, pixel = tile_of[going[:, 0]], pixel[going[:, 0]]
        count = counts[tile_of]
        ends = np.cumsum(count)
        single = np.repeat(np.arange(len(tile_of)), count)
        pair = pairs.first[tile_of][single] + np.arange(ends[-1]) - (ends - count)[single]
        chosen = _Pairs(pairs.table[:, pair], pairs.ray[:, tile_of, pixel][:, :, None], single, ends - count)
        busy, soft = (tile_of[:, None], pixel[:, None]), blend[tile_of]
    # A ray that slips past an edge keeps the surface it came nearest to, so that the edge's pixels have its colour.
    return np.where(met, t, nearest_at), closest


def _cone_table(view: View) -> np.ndarray:
    """(13, cones) float32: what `_Pairs` needs to know of each cone."""
    flesh = view.flesh
    axis = view.end - view.start
    length2 = np.maximum((axis**2).sum(1), 1e-6)
    columns = [
        *(axis / length2[:, None]).T,
        -(view.start * axis).sum(1) / length2,
        *view.start.T,
        (view.start**2).sum(1),
        length2,
        flesh.radius_start,
        flesh.radius_end - flesh.radius_start,
        4 * flesh.bulge,
        -1.0 / BLEND_MM[flesh.group],
    ]
    return np.stack(columns).astype(np.float32)


def trace(view: View, size: int) -> Hits | None:
    """What the picture's rays meet, group by group; None where no cone is in the picture."""
    cone, first, tile, near, far = _tile_pairs(view, size)
    if not len(cone):
        return None
    f32 = np.float32
    ray_of = np.repeat(np.arange(len(first)), np.diff(first, append=len(cone)))
    inside = np.arange(TILE_PX * TILE_PX)
    column = tile[:, :1] + inside % TILE_PX
    row = tile[:, 1:2] + inside // TILE_PX
    dx = (column - view.centre_px[0]) / view.focal_px
    dy = (row - view.centre_px[1]) / view.focal_px
    norm = np.sqrt(dx * dx + dy * dy + 1.0)
    ray = np.stack([dx / norm, dy / norm, 1.0 / norm]).astype(f32)
    pairs = _Pairs(_cone_table(view)[:, cone, None], ray, ray_of, first)
    blend = BLEND_MM[tile[:, 2]].astype(f32)[:, None]
    per_px = f32(view.focal_px) * ray[2]
    start = np.minimum.reduceat(near, first).astype(f32)[:, None] / ray[2]
    last = np.maximum.reduceat(far, first).astype(f32)[:, None] / ray[2]
    t, closest = _march(pairs, start, last, blend, per_px, _CLOSE_PX * float(near.mean()) / view.focal_px)
    normal, features, total = _surface(view, pairs, cone, t)
    np.minimum(closest, pairs.gap(total, blend) / t * per_px, out=closest)
    coverage = np.clip(f32(1.1) - closest, 0.0, 1.0)
    # Tiles may overhang the right and lower edges of the picture.
    coverage[(column >= size) | (row >= size)] = 0.0
    x, y, z = t * ray[0], t * ray[1], t * ray[2] - f32(view.distance_mm)
    turn, middle = view.to_camera.astype(f32), view.middle.astype(f32)
    position = np.stack([x * turn[0, i] + y * turn[1, i] + z * turn[2, i] + middle[i] for i in range(3)])
    return Hits(column, row, tile[:, 2], t, coverage, normal, features, position)


def _surface(view: View, pairs: _Pairs, cone: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normals (3, rays, pixels) and features (6, rays, pixels) at `t`, those of the cones weighted by how near each is.

    Also the sum of those weights, (rays, pixels).
    """
    f32 = np.float32
    first, ray_of = pairs.first, pairs.ray_of
    weight, total, root, h = pairs.weights(t)
    weight /= np.maximum(total, f32(1e-30))[ray_of]

    def mixed(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(weight * values, first, axis=0)

    ax, ay, az, _, sx, sy, sz, _, length2 = pairs.table[:9]
    tp, along = t[ray_of], h * length2
    rx, ry, rz = pairs.ray[:, ray_of]
    outward = [mixed((tp * r - s - along * a) / root) for r, s, a in ((rx, sx, ax), (ry, sy, ay), (rz, sz, az))]
    normal = np.stack(outward)
    normal /= np.sqrt((normal**2).sum(0)) + f32(1e-6)

    kind = view.flesh.kind[cone][:, None]
    back = view.dorsal[cone].astype(f32).T[:, :, None]
    facing_back = sum(normal[axis] * mixed(back[axis]) for axis in range(3))
    finger = ((kind >= PROXIMAL) & (kind <= DISTAL)).astype(f32)
    distal, palm = (kind == DISTAL).astype(f32), (kind == PALM).astype(f32)
    # Joints sit at both ends of a bone; only fingers have lines there.
    lines = np.exp(-((h * 11.0) ** 2)) + np.exp(-(((1 - h) * 11.0) ** 2)) * (1 - distal)
    values = (finger * lines, distal, distal * h, finger, palm)
    return normal, np.stack([facing_back, *(mixed(value) for value in values)]), total
