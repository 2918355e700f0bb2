"""Which cones each tile of a picture may show, and where the rays of its pixels meet their surfaces.

Each group of rounded cones is one implicit surface, the smooth minimum of its cones' distances (the exponential form of
Quilez, "Smooth minimum", 2013), found along each pixel's ray by sphere tracing (Hart, "Sphere tracing", The Visual
Computer 12, 1996). The picture is cut into small tiles, a tile keeps the cones whose outline comes near it, and its
rays walk side by side.
"""

import numpy as np

from src.synthetic.compiled import Number, compiled
from src.synthetic.compiled.floats import ONE, TWO, ZERO, exp2, log

TILE_PX = 4
_RAYS = TILE_PX * TILE_PX
FAR = np.float32(1e6)
# What begins this near to the lens is left out.
_NEAR_MM = 40.0
_LOG2_E = 1.4426950408889634
_MOST_STEPS = 44
# After so many steps the rays left over graze a surface; longer strides pass it sooner, and a negative gap leads back.
_SHORT_STEPS = 5
_LONG_STRIDE = np.float32(1.5)
_UNSEEN, _SOLID, _OPAQUE = np.float32(0.02), np.float32(0.5), np.float32(0.99)
_MANY_PX, _TINY, _NEAR_ZERO = np.float32(1e3), np.float32(1e-30), np.float32(1e-3)
# A surface is drawn this far, in pixels, beyond where its rays pass it.
_EDGE_PX = np.float32(1.1)


@compiled
def seen(points: np.ndarray, middle: np.ndarray, turn: np.ndarray, distance: Number) -> np.ndarray:
    """(n, 3) points less `middle`, turned by `turn` (3, 3) and put so far before the camera."""
    out = np.empty(points.shape, np.float64)
    for i in range(len(points)):
        x, y, z = points[i, 0] - middle[0], points[i, 1] - middle[1], points[i, 2] - middle[2]
        for axis in range(3):
            out[i, axis] = x * turn[axis, 0] + y * turn[axis, 1] + z * turn[axis, 2]
        out[i, 2] += distance
    return out


@compiled
def measured(
    start: np.ndarray, end: np.ndarray, girths: np.ndarray, blends: np.ndarray, focal: Number, centre: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What `tile_lists` and `march` need to know of each cone.

    Args:
        start, end: (cones, 3) as the camera sees them, mm.
        girths: (cones, 3) radius at both ends and bulge, mm.
        blends: (cones,) mm.
        focal, centre: the pinhole, pixels.

    Returns:
        outlines: (cones, 13) float64, see `tile_lists`.
        table: (cones, 13) float32: axis over its squared length, where it begins along that, start, its squared
            distance, squared length; radius, what it grows by, four bulges; and -1 / blend, for powers of two.
    """
    outlines, table = np.zeros((len(start), 13)), np.empty((len(start), 13), np.float32)
    for i in range(len(start)):
        a, b, blend = start[i], end[i], blends[i]
        radius, radius_end, bulge = girths[i]
        z0, z1 = max(a[2], _NEAR_MM), max(b[2], _NEAR_MM)
        # A smooth surface lies outside its cones by less than the blend times the logarithm of how many meet.
        more = 2.4 * blend + max(bulge, 0.0)
        out = outlines[i]
        out[0], out[1] = a[0] / z0 * focal + centre[0], a[1] / z0 * focal + centre[1]
        out[2], out[3] = b[0] / z1 * focal + centre[0], b[1] / z1 * focal + centre[1]
        out[4], out[5] = (radius + more) * focal / z0 * 1.05, (radius_end + more) * focal / z1 * 1.05
        out[6], out[7], out[8], out[9], out[10] = z0, z1, radius, radius_end - radius, more
        out[12] = 1.0 if min(a[2], b[2]) >= _NEAR_MM else 0.0
        dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        length2 = max(dx * dx + dy * dy + dz * dz, 1e-6)
        row = table[i]
        row[0], row[1], row[2] = dx / length2, dy / length2, dz / length2
        row[3] = -(a[0] * dx + a[1] * dy + a[2] * dz) / length2
        row[4], row[5], row[6] = a[0], a[1], a[2]
        row[7], row[8] = a[0] * a[0] + a[1] * a[1] + a[2] * a[2], length2
        row[9], row[10], row[11], row[12] = radius, radius_end - radius, 4.0 * bulge, -_LOG2_E / blend
    return outlines, table


@compiled
def tile_lists(cones: np.ndarray, columns: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which cones each tile may show, in the cones' order.

    Args:
        cones: (cones, 13) float64: x, y of the start in pixels, of the end; the outline's radius at both in pixels;
            depth of both; radius at the start, what it grows by, blend and bulge to add, all mm; whether it is drawn.
        columns, rows: tiles of the picture.

    Returns:
        first: (tiles + 1,) where each tile's part of the others begins; cone: (pairs,); depths: (pairs, 2) float32
        before and behind the cone.
    """
    counts = np.zeros(columns * rows + 1, np.int64)
    first = counts
    cone = np.zeros(0, np.int64)
    depths = np.zeros((0, 2), np.float32)
    slack = TILE_PX * 0.75 + 1.0
    for filling in range(2):
        if filling:
            first = np.zeros(columns * rows + 1, np.int64)
            for tile in range(columns * rows):
                first[tile + 1] = first[tile] + counts[tile]
                counts[tile] = first[tile]
            cone = np.empty(first[-1], np.int64)
            depths = np.empty((first[-1], 2), np.float32)
        for i in range(len(cones)):
            ax, ay, bx, by, r0, r1, z0, z1, radius, grows, more, _, drawn = cones[i]
            if drawn == 0.0:
                continue
            reach = max(r0, r1) + slack + TILE_PX
            low_column = int(max(np.floor((min(ax, bx) - reach) / TILE_PX), 0.0))
            high_column = int(min(np.ceil((max(ax, bx) + reach) / TILE_PX), columns - 1.0))
            low_row = int(max(np.floor((min(ay, by) - reach) / TILE_PX), 0.0))
            high_row = int(min(np.ceil((max(ay, by) + reach) / TILE_PX), rows - 1.0))
            along_x, along_y = bx - ax, by - ay
            length2 = max(along_x * along_x + along_y * along_y, 1e-6)
            # Within a tile an axis that runs towards the viewer is nearer than at the tile's middle.
            slope = min(abs(z1 - z0) / np.sqrt(length2 + 1.0) * (TILE_PX * 0.75), 20.0)
            for row in range(low_row, high_row + 1):
                dy = row * TILE_PX + (TILE_PX - 1) / 2 - ay
                for column in range(low_column, high_column + 1):
                    dx = column * TILE_PX + (TILE_PX - 1) / 2 - ax
                    share = min(max((dx * along_x + dy * along_y) / length2, 0.0), 1.0)
                    px, py = dx - share * along_x, dy - share * along_y
                    limit = r0 + share * (r1 - r0) + slack
                    if px * px + py * py >= limit * limit:
                        continue
                    tile = row * columns + column
                    if filling:
                        depth = 1.0 / ((1.0 - share) / z0 + share / z1)
                        deep = radius + share * grows + more + slope
                        cone[counts[tile]] = i
                        depths[counts[tile], 0] = max(depth - deep, 20.0)
                        depths[counts[tile], 1] = depth + deep
                    counts[tile] += 1
    return first, cone, depths


@compiled
def _layer(
    front: np.ndarray,
    behind: np.ndarray,
    groups: np.ndarray,
    cover: np.ndarray,
    y: int,
    x: int,
    t: Number,
    coverage: Number,
    group: int,
) -> None:
    """Sort a surface into a pixel's two layers: the nearest one, and the nearest solid one behind it."""
    if t < front[y, x]:
        if cover[y, x] > _SOLID and front[y, x] < behind[y, x]:
            behind[y, x] = front[y, x]
            groups[1, y, x] = groups[0, y, x]
        front[y, x] = t
        cover[y, x] = coverage
        groups[0, y, x] = group
    elif coverage > _SOLID and t < behind[y, x]:
        behind[y, x] = t
        groups[1, y, x] = group


@compiled
def march(
    first: np.ndarray,
    cone: np.ndarray,
    depths: np.ndarray,
    table: np.ndarray,
    group_of: np.ndarray,
    blends: np.ndarray,
    pinhole: np.ndarray,
    close_mm: Number,
    height: int,
    width: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What every pixel's ray meets first, and what solid surface of another group lies behind that.

    Args:
        first, cone, depths: see `tile_lists`.
        table: (cones, 13) float32, see `measured`.
        group_of: (cones,) int64, ascending.
        blends: (groups,) float32 mm.
        pinhole: (3,) float32 focal length and principal point, pixels.
        close_mm: a surface as near as this is met.
        height, width: of the picture.

    Returns:
        front, behind: (height, width) float32 mm along the ray, `FAR` where there is nothing.
        groups: (2, height, width) int8 of both, -1 where there is nothing.
        cover: (height, width) float32 in [0, 1], of the front.
    """
    columns = (width + TILE_PX - 1) // TILE_PX
    front = np.full((height, width), FAR, np.float32)
    behind = np.full((height, width), FAR, np.float32)
    groups = np.full((2, height, width), -1, np.int8)
    cover = np.zeros((height, width), np.float32)
    focal = pinhole[0]
    many = max(len(table), 1)
    along = np.empty((many, _RAYS), np.float32)
    towards = np.empty((many, _RAYS), np.float32)
    rx, ry, rz = np.empty(_RAYS, np.float32), np.empty(_RAYS, np.float32), np.empty(_RAYS, np.float32)
    t, last, total = np.empty(_RAYS, np.float32), np.empty(_RAYS, np.float32), np.empty(_RAYS, np.float32)
    nearest, nearest_at = np.empty(_RAYS, np.float32), np.empty(_RAYS, np.float32)
    done = np.empty(_RAYS, np.int8)
    run_first, run_near, run_far = np.empty(16, np.int64), np.empty(16, np.float32), np.empty(16, np.float32)
    run_end = np.empty(16, np.int64)
    for tile in range(len(first) - 1):
        start, end = first[tile], first[tile + 1]
        if start == end:
            continue
        x0, y0 = tile % columns * TILE_PX, tile // columns * TILE_PX
        for ray in range(_RAYS):
            dx = (np.float32(x0 + ray % TILE_PX) - pinhole[1]) / focal
            dy = (np.float32(y0 + ray // TILE_PX) - pinhole[2]) / focal
            norm = ONE / np.sqrt(dx * dx + dy * dy + ONE)
            rx[ray], ry[ray], rz[ray] = dx * norm, dy * norm, norm
        # The groups seen here, the nearest first, so that what they hide need not be walked to.
        runs, i = 0, start
        while i < end:
            group, begin, near, far = group_of[cone[i]], i, depths[i, 0], depths[i, 1]
            while i < end and group_of[cone[i]] == group:
                near, far = min(near, depths[i, 0]), max(far, depths[i, 1])
                i += 1
            place = runs
            while place > 0 and run_near[place - 1] > near:
                run_first[place], run_end[place] = run_first[place - 1], run_end[place - 1]
                run_near[place], run_far[place] = run_near[place - 1], run_far[place - 1]
                place -= 1
            run_first[place], run_end[place], run_near[place], run_far[place] = begin, i, near, far
            runs += 1
        for run in range(runs):
            begin, count = run_first[run], run_end[run] - run_first[run]
            group = group_of[cone[begin]]
            blend = blends[group]
            hidden = True
            for ray in range(_RAYS):
                t[ray], last[ray] = run_near[run] / rz[ray], run_far[run] / rz[ray]
                nearest[ray], nearest_at[ray], done[ray] = _MANY_PX, t[ray], 0
                y, x = y0 + ray // TILE_PX, x0 + ray % TILE_PX
                if y < height and x < width and (cover[y, x] < _OPAQUE or front[y, x] > t[ray]):
                    hidden = False
            if hidden:
                continue
            for k in range(count):
                of = table[cone[begin + k]]
                for ray in range(_RAYS):
                    along[k, ray] = rx[ray] * of[0] + ry[ray] * of[1] + rz[ray] * of[2]
                    towards[k, ray] = TWO * (rx[ray] * of[4] + ry[ray] * of[5] + rz[ray] * of[6])
            for step in range(_MOST_STEPS):
                for ray in range(_RAYS):
                    total[ray] = ZERO
                for k in range(count):
                    of = table[cone[begin + k]]
                    offset, start2, length2 = of[3], of[7], of[8]
                    radius, grows, bulge, sharp = of[9], of[10], of[11], of[12]
                    for ray in range(_RAYS):
                        free = along[k, ray] * t[ray] + offset
                        h = min(max(free, ZERO), ONE)
                        squared = (t[ray] - towards[k, ray]) * t[ray] + start2 + (h - TWO * free) * h * length2
                        fat = (bulge * (ONE - h) + grows) * h + radius
                        total[ray] += exp2((np.sqrt(max(squared, _NEAR_ZERO)) - fat) * sharp)
                going = 0
                stride = ONE if step < _SHORT_STEPS else _LONG_STRIDE
                for ray in range(_RAYS):
                    gap = -blend * log(max(total[ray], _TINY))
                    if done[ray] == 0:
                        off = gap / t[ray] * (focal * rz[ray])
                        if off < nearest[ray]:
                            nearest[ray], nearest_at[ray] = off, t[ray]
                        if abs(gap) <= close_mm:
                            done[ray] = 1
                            nearest[ray], nearest_at[ray] = ZERO, t[ray] + gap
                        elif t[ray] > last[ray]:
                            done[ray] = 1
                        else:
                            t[ray] += stride * gap
                            going += 1
                if going == 0:
                    break
            # A ray that slips past an edge keeps the surface it came nearest to: the edge's pixels have its colour.
            for ray in range(_RAYS):
                coverage = min(max(_EDGE_PX - nearest[ray], ZERO), ONE)
                y, x = y0 + ray // TILE_PX, x0 + ray % TILE_PX
                if coverage > _UNSEEN and y < height and x < width:
                    _layer(front, behind, groups, cover, y, x, nearest_at[ray], coverage, group)
    return front, behind, groups, cover
