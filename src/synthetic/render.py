"""From a pose to pixels: camera, light, sphere tracing, shading.

Each group of rounded cones is one implicit surface, the smooth minimum of its cones' distances (the exponential form of
Quilez, "Smooth minimum", 2013), found along each pixel's ray by sphere tracing (Hart, "Sphere tracing", The Visual
Computer 12, 1996). Only pixels near a cone are traced: the picture is cut into small tiles and a tile keeps the cones
whose outline comes near it, so the work is a few flat numpy arrays of (tile-and-cone) pairs and no Python loop over
pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from src.synthetic.flesh import (
    BLEND_MM,
    DISTAL,
    FOREARM,
    FOREARM_MM,
    NUM_GROUPS,
    PALM,
    PALM_GROUP,
    PROXIMAL,
    SLEEVE_GROUP,
    Flesh,
    flesh_of,
)
from src.synthetic.signer import Skin
from src.synthetic.skeleton import Pose, Proportions, forward

_TILE = 4
# Rounds of sphere tracing: after each, only the rays still on their way are kept.
_STEPS = (4, 3, 6, 10, 24)
_CLOSE_PX = 0.2
_LONG_STRIDE = np.float32(1.5)
_FAR = np.float32(1e6)


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera that looks at the hand.

    Attributes:
        distance_mm: from the lens to the middle of the hand; small distances foreshorten.
        fill: the longer side of the hand's box as a share of the picture.
        shift: (2,) where the middle of that box lies, as shares of the picture from its centre.
        forearm_mm: where the arm is cut off (a segmented picture), or longer than the picture shows.
        sleeve_mm: where a sleeve begins, or None.
    """

    distance_mm: float
    fill: float
    shift: tuple[float, float]
    forearm_mm: float = FOREARM_MM
    sleeve_mm: float | None = None


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


@dataclass(frozen=True, eq=False)
class Rendering:
    """A hand without a background.

    Attributes:
        rgb: (size, size, 3) float32 linear RGB, not premultiplied.
        alpha: (size, size) float32 coverage by hand, arm or sleeve.
        skin: (size, size) bool, where hand or arm is seen.
        group: (size, size) int, the group seen: 0-4 fingers, palm, sleeve; -1 where nothing is.
        keypoints_px: (21, 2) float32 x, y; the centre of the first pixel is (0, 0).
        visible: (21,) bool: inside the picture and not behind another part of the hand.
        box: (4,) float32 x0, y0, x1, y1 of the hand without the arm, clipped to the picture.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    skin: np.ndarray
    group: np.ndarray
    keypoints_px: np.ndarray
    visible: np.ndarray
    box: np.ndarray


@dataclass(frozen=True, eq=False)
class _View:
    """Cones in the camera's frame (x right, y down, z away) and the pinhole that sees them."""

    flesh: Flesh
    start: np.ndarray
    end: np.ndarray
    dorsal: np.ndarray
    joints: np.ndarray
    to_camera: np.ndarray
    middle: np.ndarray
    distance_mm: float
    focal_px: float
    centre_px: np.ndarray
    box: np.ndarray


def _view(pose: Pose, proportions: Proportions, camera: Camera, size: int) -> _View:
    skeleton = forward(pose.angles, proportions)
    flesh = flesh_of(skeleton, pose.angles, proportions, camera.forearm_mm, camera.sleeve_mm)
    to_camera = pose.rotation * np.array([[1.0], [-1.0], [-1.0]])
    middle = skeleton.joints.mean(0)
    offset = np.array([0.0, 0.0, camera.distance_mm])

    def seen(points: np.ndarray) -> np.ndarray:
        return ((points - middle)[:, None, :] * to_camera).sum(-1) + offset

    start, end, joints = seen(flesh.start), seen(flesh.end), seen(skeleton.joints)
    dorsal = (flesh.dorsal[:, None, :] * to_camera).sum(-1)
    # The hand's box in units of focal length, without the arm.
    of_hand = (flesh.group < SLEEVE_GROUP) & (flesh.kind != FOREARM)
    ends = np.concatenate([start[of_hand], end[of_hand]])
    radii = np.concatenate([flesh.radius_start[of_hand], flesh.radius_end[of_hand]]) / ends[:, 2]
    flat = ends[:, :2] / ends[:, 2:]
    low, high = (flat - radii[:, None]).min(0), (flat + radii[:, None]).max(0)
    focal = camera.fill * size / (high - low).max()
    centre = (0.5 + np.asarray(camera.shift)) * size - 0.5 - focal * (low + high) / 2
    box = np.concatenate([low * focal + centre, high * focal + centre])
    return _View(
        flesh,
        start,
        end,
        dorsal,
        joints,
        to_camera,
        middle,
        camera.distance_mm,
        float(focal),
        centre,
        np.clip(box, 0, size - 1).astype(np.float32),
    )


def _tile_pairs(view: _View, size: int) -> tuple[np.ndarray, ...]:
    """Which tiles each cone may be seen in.

    Returns:
        cone: (pairs,) index of the cone; first: (rays,) first pair of each (group, tile), a ray-tile.
        tile: (rays, 3) column and row of each tile's first pixel, and the group.
        near, far: (pairs,) depths before and behind the cone.
    """
    flesh = view.flesh
    tiles = -(-size // _TILE)
    corner = np.arange(tiles) * _TILE
    middle = corner + (_TILE - 1) / 2
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
    reach = r0[:, None, None] + share * (r1 - r0)[:, None, None] + (_TILE * 0.75 + 1.0)
    touched = px * px + py * py < reach * reach
    touched[nearest < 40.0] = False
    cone, row, column = np.nonzero(touched)
    h = share[cone, row, column]
    depth = 1.0 / ((1 - h) / z0[cone] + h / z1[cone])
    radius = flesh.radius_start[cone] + h * (flesh.radius_end - flesh.radius_start)[cone] + swell[cone] + fat[cone]
    # Within a tile an axis that runs towards the viewer is nearer than at the tile's middle.
    slope = np.abs(z1 - z0)[cone] / np.sqrt(length2[cone] + 1.0) * (_TILE * 0.75)
    deep = radius + np.minimum(slope, 20.0)
    near, far = np.maximum(depth - deep, 20.0), depth + deep
    key = (flesh.group[cone] * tiles + row) * tiles + column
    order = np.argsort(key, kind="stable")
    key, cone, near, far = key[order], cone[order], near[order], far[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    tile = np.stack([corner[key[first] % tiles], corner[key[first] // tiles % tiles], key[first] // (tiles * tiles)], 1)
    return cone, first, tile, near, far


@dataclass(frozen=True, eq=False)
class _Hits:
    """What each ray of each (group, tile) met; rays are (tiles, pixels of a tile).

    `features` are, each (tiles, pixels): how much the skin faces the back of the hand (1) or the palm (-1), nearness to
    a finger's joint, share of a last bone, that times the place along it, share of any finger bone, share of the palm.
    `place` is (3, tiles, pixels) mm in the hand's frame.
    """

    column: np.ndarray
    row: np.ndarray
    group: np.ndarray
    depth: np.ndarray
    coverage: np.ndarray
    normal: np.ndarray
    features: np.ndarray
    place: np.ndarray


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
    busy: tuple = (slice(None), slice(None))
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


def _cone_table(view: _View) -> np.ndarray:
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


def _trace(view: _View, size: int) -> _Hits | None:
    """What the picture's rays meet, group by group; None where no cone is in the picture."""
    cone, first, tile, near, far = _tile_pairs(view, size)
    if not len(cone):
        return None
    f32 = np.float32
    ray_of = np.repeat(np.arange(len(first)), np.diff(first, append=len(cone)))
    inside = np.arange(_TILE * _TILE)
    column = tile[:, :1] + inside % _TILE
    row = tile[:, 1:2] + inside // _TILE
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
    place = np.stack([x * turn[0, i] + y * turn[1, i] + z * turn[2, i] + middle[i] for i in range(3)])
    return _Hits(column, row, tile[:, 2], t, coverage, normal, features, place)


def _surface(view: _View, pairs: _Pairs, cone: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def _layers(hits: _Hits, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per pixel: the nearest ray that covers it at all, the nearest that covers it fully, and the latter's depth."""
    front = np.full((size, size), -1, np.int64)
    solid = np.full((size, size), -1, np.int64)
    front_depth = np.full((size, size), _FAR, np.float32)
    solid_depth = np.full((size, size), _FAR, np.float32)
    index = np.arange(hits.depth.size).reshape(hits.depth.shape)
    for group in range(NUM_GROUPS):
        of_group = hits.group == group
        if not of_group.any():
            continue
        depth, coverage = hits.depth[of_group].ravel(), hits.coverage[of_group].ravel()
        column, row, rays = hits.column[of_group].ravel(), hits.row[of_group].ravel(), index[of_group].ravel()
        for least, best, chosen in ((0.02, front_depth, front), (0.5, solid_depth, solid)):
            keep = coverage > least
            r, c, d = row[keep], column[keep], depth[keep]
            nearer = d < best[r, c]
            r, c = r[nearer], c[nearer]
            best[r, c] = d[nearer]
            chosen[r, c] = rays[keep][nearer]
    return front, solid, solid_depth


def _shadow(depth: np.ndarray, key: np.ndarray, px_per_mm: float) -> np.ndarray:
    """(size, size) in [0, 1]: the key light that other parts of the hand take away, found in the depth map."""
    size = depth.shape[0]
    light = np.zeros_like(depth)
    flat = np.hypot(key[0], key[1])
    reach_mm = 46.0
    steps = 9
    pad = int(reach_mm * px_per_mm) + 3
    padded = np.full((size + 2 * pad, size + 2 * pad), _FAR, np.float32)
    padded[pad : pad + size, pad : pad + size] = depth
    for step in range(1, steps + 1):
        along = reach_mm * (step / steps) ** 1.5 / max(flat, 0.35)
        along = min(along, reach_mm)
        sx = round(key[0] * along * px_per_mm)
        sy = round(-key[1] * along * px_per_mm)
        if sx == 0 and sy == 0:
            continue
        other = padded[pad + sy : pad + sy + size, pad + sx : pad + sx + size]
        ahead = depth - np.float32(key[2] * along) - other
        blocked = np.clip((ahead - 1.0) / 3.0, 0.0, 1.0) * (ahead < 55.0)
        np.maximum(light, blocked, out=light)
    return cv2.GaussianBlur(light, (0, 0), max(0.6, 1.6 * px_per_mm))


def _occlusion(depth: np.ndarray, px_per_mm: float) -> np.ndarray:
    """(size, size) in [0, 1]: how deep a pixel lies in a fold.

    The depth map against its own blur, as in Luft, Colditz & Deussen, "Image enhancement by unsharp masking the depth
    buffer", SIGGRAPH 2006, at two sizes.
    """
    known = depth < _FAR
    if not known.any():
        return np.zeros_like(depth)
    # Open space behind an outline is far away, so an outline does not count as a fold.
    level = np.where(known, depth, depth[known].max() + np.float32(15.0))
    total = np.zeros_like(depth)
    for sigma_mm, share in ((1.8, 0.2), (4.0, 0.11), (11.0, 0.055)):
        mean = cv2.GaussianBlur(level, (0, 0), max(0.8, sigma_mm * px_per_mm))
        total += np.clip((depth - mean) * np.float32(share), 0.0, 0.75) * known
    return np.clip(total, 0.0, 0.95)


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


def _palm_lines(hits: _Hits, scale: float, width_mm: float) -> np.ndarray:
    """(tiles, pixels) in [0, 1], 1 on a line of the palm."""
    lines = np.zeros(hits.depth.shape, np.float32)
    inner = (hits.features[5] > 0.3) & (hits.features[0] < -0.1) & (hits.coverage > 0)
    x, y = hits.place[0][inner] / np.float32(scale), hits.place[1][inner] / np.float32(scale)
    if not len(x):
        return lines
    dx, dy = x - _LINE_STARTS[:, :1], y - _LINE_STARTS[:, 1:]
    step_x, step_y = _LINE_STEPS[:, :1], _LINE_STEPS[:, 1:]
    share = np.clip((dx * step_x + dy * step_y) / (step_x**2 + step_y**2), 0.0, 1.0)
    squared = ((dx - share * step_x) ** 2 + (dy - share * step_y) ** 2).min(0)
    lines[inner] = np.exp(-squared / np.float32(width_mm**2)) * np.clip(-1.6 * hits.features[0][inner], 0, 1)
    return lines


def _grain(hits: _Hits, grain: np.ndarray) -> np.ndarray:
    """(3, tiles, pixels) of the skin's pattern where each ray met it; it lies on the hand, not on the picture."""
    cells = grain.shape[1]
    u = (hits.place[0] + 0.6 * hits.place[2]).astype(np.int64) % cells
    v = (hits.place[1] - 0.5 * hits.place[2]).astype(np.int64) % cells
    return grain[:, v, u]


def _albedo(hits: _Hits, skin: Skin, sleeve_rgb: np.ndarray, pattern: np.ndarray, palm_lines: np.ndarray) -> np.ndarray:
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


def _shade(
    hits: _Hits,
    albedo: np.ndarray,
    lighting: Lighting,
    gloss: float,
    dark: np.ndarray,
    fold: np.ndarray,
    bumps: np.ndarray,
) -> np.ndarray:
    """(3, rays, pixels) linear RGB."""
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
    out = np.empty_like(albedo)
    for channel, wrap in enumerate((0.38, 0.2, 0.14)):
        # Light that entered skin comes out a little further on, red most: the terminator is soft and warm.
        diffuse = np.clip((facing + wrap) / (1 + wrap), 0.0, 1.0)
        open_sky = 1 - fold * (0.85, 1.0, 1.05)[channel]
        ambient = lighting.sky_rgb[channel] * up + lighting.ground_rgb[channel] * (1 - up)
        ambient = ambient + lighting.fill_rgb[channel] * fill
        out[channel] = albedo[channel] * (
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


def render(
    pose: Pose,
    proportions: Proportions,
    skin: Skin,
    camera: Camera,
    lighting: Lighting,
    size: int,
    sleeve_rgb: np.ndarray | None = None,
    grain: np.ndarray | None = None,
) -> Rendering:
    """A hand in this pose, seen by this camera under this light.

    Args:
        pose: joint angles and orientation; no sign is involved.
        proportions: whose bones.
        skin: whose colours.
        camera, lighting: the scene.
        size: pixels a side of the picture.
        sleeve_rgb: (3,) linear RGB of the cloth, where the camera's arm wears a sleeve.
        grain: (3, cells, cells) float32, one cell a millimetre, repeating: patches of redder skin in about [-0.5, 0.5],
            then the slopes of its fine relief along the hand's x and y.
    """
    view = _view(pose, proportions, camera, size)
    if sleeve_rgb is None:
        sleeve_rgb = np.array([0.1, 0.1, 0.12])
    if grain is None:
        grain = np.zeros((3, 1, 1), np.float32)
    rgb = np.zeros((size, size, 3), np.float32)
    alpha = np.zeros((size, size), np.float32)
    group = np.full((size, size), -1, np.int64)
    keypoints = view.joints[:, :2] / view.joints[:, 2:] * view.focal_px + view.centre_px
    hits = _trace(view, size)
    visible = np.zeros(len(keypoints), bool)
    box = view.box
    if hits is not None:
        front, solid, depth = _layers(hits, size)
        px_per_mm = view.focal_px / camera.distance_mm
        dark = _shadow(depth, lighting.key, px_per_mm)
        fold = _occlusion(depth, px_per_mm)
        pattern = _grain(hits, grain)
        palm_lines = _palm_lines(hits, proportions.size, 0.8 + 0.35 / px_per_mm)
        albedo = _albedo(hits, skin, sleeve_rgb, pattern, palm_lines)
        axes = (pose.rotation[:, :2]).astype(np.float32)[:, :, None, None]
        bumps = axes[:, 0] * pattern[1] + axes[:, 1] * pattern[2]
        colour = _shade(hits, albedo, lighting, skin.gloss, dark, fold, bumps).reshape(3, -1)
        coverage, group_of = hits.coverage.ravel(), np.repeat(hits.group, _TILE * _TILE)
        behind, ahead = solid >= 0, front >= 0
        rgb[ahead] = colour[:, front[ahead]].T
        alpha[ahead] = coverage[front[ahead]]
        both = behind & ahead
        share = alpha[both][:, None]
        rgb[both] = rgb[both] * share + colour[:, solid[both]].T * (1 - share)
        alpha[both] = 1.0
        group[behind] = group_of[solid[behind]]
        visible = _visible(view, keypoints, depth, group)
    if pose.mirrored:
        rgb, alpha, group = rgb[:, ::-1], alpha[:, ::-1], group[:, ::-1]
        keypoints = keypoints * (-1, 1) + (size - 1, 0)
        box = np.array([size - 1 - box[2], box[1], size - 1 - box[0], box[3]], np.float32)
    skin_seen = (group >= 0) & (group < SLEEVE_GROUP)
    return Rendering(rgb, alpha, skin_seen, group, keypoints.astype(np.float32), visible, box)


def _visible(view: _View, keypoints: np.ndarray, depth: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(21,) bool: the surface seen at a keypoint's pixel is the flesh around that joint."""
    size = depth.shape[0]
    pixel = np.rint(keypoints).astype(np.int64)
    inside = ((pixel >= 0) & (pixel < size)).all(1)
    x, y = np.clip(pixel, 0, size - 1).T
    finger = np.concatenate([[PALM_GROUP], np.repeat(np.arange(5), 4)])
    seen = group[y, x]
    base = np.zeros(len(keypoints), bool)
    base[[0, 1, 2, 5, 9, 13, 17]] = True
    own = (seen == finger) | (base & (seen == PALM_GROUP))
    buried = view.joints[:, 2] - depth[y, x]
    return inside & own & (buried < 26.0)
