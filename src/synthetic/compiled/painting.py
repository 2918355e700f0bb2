"""What light makes of each pixel's surfaces: skin with its lines and nails, and things of one colour."""

import numpy as np

from src.synthetic.compiled import Number, compiled
from src.synthetic.compiled.floats import HALF, ONE, TWO, ZERO, clip01, exp, exp2
from src.synthetic.compiled.marching import FAR, TILE_PX

_F32 = np.float32
_TINY, _NEAR_ZERO, _SMALL = _F32(1e-30), _F32(1e-3), _F32(1e-6)
_THREE, _HALF_SOLID = _F32(3.0), _F32(0.5)
_JOINT = _F32(11.0)
# A cone that is further inside than its neighbours by seven blends shows no more; a joint's line ends that far from it.
_FAINT, _LINE_ENDS = _F32(1e-3), _F32(0.3)
PALM, PROXIMAL, MIDDLE_BONE, DISTAL, FOREARM, PLAIN = range(6)


@compiled
def smoothstep(low: Number, high: Number, x: Number) -> Number:
    """0 below `low`, 1 above `high`, smooth between."""
    s = clip01((x - low) / (high - low))
    return s * s * (_THREE - TWO * s)


@compiled
def _skin(mix: np.ndarray, skin: np.ndarray, tone: Number, lines: Number, out: np.ndarray) -> None:
    """Reflectance of skin.

    Args:
        mix: (7,) how much it faces the back of the hand (1) or the palm (-1), nearness to a finger's joint, share of a
            last bone, that times the position along it, share of any finger bone, share of the palm.
        skin: (4, 3) back, palm, nail; blush, creases, gloss.
        tone: patches of redder skin, about [-0.5, 0.5].
        lines: 1 on a line of the palm, else 0.
        out: (3,) is written to.
    """
    back, joint, distal, distal_share, finger = mix[0], mix[1], mix[2], mix[3], mix[4]
    dorsal_side = smoothstep(_F32(-0.45), _F32(0.35), back)
    # Blood shows at fingertips and joints and in patches: less green and blue comes back.
    red = skin[3, 0] * (HALF * distal * distal_share + _F32(0.25) * joint * finger + tone)
    inside = clip01(_F32(-1.4) * back)
    crease = clip01(joint) * (_F32(0.6) * inside + _F32(0.3) * dorsal_side) + _F32(0.55) * lines
    crease = skin[3, 1] * min(max(crease, ZERO), _F32(0.8))
    share = distal_share / max(distal, _NEAR_ZERO)
    nail = smoothstep(_F32(0.60), _F32(0.72), back) * smoothstep(_F32(0.30), _F32(0.42), share)
    nail *= smoothstep(_F32(0.6), _F32(0.9), distal)
    for channel in range(3):
        value = skin[1, channel] + (skin[0, channel] - skin[1, channel]) * dorsal_side
        value *= ONE - red * (_F32(0.15) if channel == 0 else _F32(0.55) if channel == 1 else HALF)
        value *= ONE - crease * (_F32(0.65) if channel == 0 else ONE)
        out[channel] = clip01(value + (skin[2, channel] - value) * nail)


@compiled
def _palm_line(x: Number, y: Number, lines: np.ndarray, width2: Number) -> Number:
    """1 on one of the palm's lines, (lines, 4) of start and step in mm, 0 away from it."""
    least = FAR
    for i in range(len(lines)):
        dx, dy, step_x, step_y = x - lines[i, 0], y - lines[i, 1], lines[i, 2], lines[i, 3]
        share = clip01((dx * step_x + dy * step_y) / (step_x * step_x + step_y * step_y))
        dx, dy = dx - share * step_x, dy - share * step_y
        least = min(least, dx * dx + dy * dy)
    return exp(-least / width2)


@compiled
def _lit(
    normal: np.ndarray, colour: np.ndarray, light: np.ndarray, lit: Number, fold: Number, gloss: Number, out: np.ndarray
) -> None:
    """Colour (3,) of a surface under a lamp, its fill and the room's light.

    Args:
        normal: (3,) x right, y up, z to the viewer.
        colour: (3,) reflectance.
        light: (7, 3) direction, lamp, fill, sky, ground, halfway direction; shadow and occlusion.
        lit, fold: how much of the lamp arrives; how deep in a fold the surface lies.
        gloss: how bright the lamp's reflection is.
        out: (3,) is written to.
    """
    facing = normal[0] * light[0, 0] + normal[1] * light[0, 1] + normal[2] * light[0, 2]
    fill = clip01(HALF - HALF * facing)
    up = HALF + HALF * normal[1]
    shine = clip01(normal[0] * light[5, 0] + normal[1] * light[5, 1] + normal[2] * light[5, 2])
    shine = shine * shine
    shine = shine * shine
    shine = shine * shine * gloss * lit * (ONE - fold)
    for channel in range(3):
        # Light that entered skin comes out a little further on, red most: the terminator is soft and warm.
        wrap = _F32(0.38) if channel == 0 else _F32(0.2) if channel == 1 else _F32(0.14)
        closed = _F32(0.85) if channel == 0 else ONE if channel == 1 else _F32(1.05)
        diffuse = clip01((facing + wrap) / (ONE + wrap))
        ambient = light[3, channel] * up + light[4, channel] * (ONE - up) + light[2, channel] * fill
        direct = light[1, channel] * diffuse * lit * (ONE - _F32(0.35) * fold)
        out[channel] = colour[channel] * (direct + ambient * (ONE - fold * closed)) + shine * light[1, channel]


@compiled
def paint(
    layers: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    lists: tuple[np.ndarray, np.ndarray],
    table: np.ndarray,
    group_of: np.ndarray,
    kind_of: np.ndarray,
    looks: np.ndarray,
    pinhole: np.ndarray,
    place: np.ndarray,
    skin: np.ndarray,
    num_skin: int,
    grain: np.ndarray,
    palm_lines: np.ndarray,
    spots: np.ndarray,
    light: np.ndarray,
    dark: np.ndarray,
    folds: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The picture of what `march` found.

    Args:
        layers: front, behind, groups, cover, as `march` returns them.
        lists: first and cone, as `tile_lists` returns them.
        table, group_of, pinhole: as for `march`.
        kind_of: (cones,) int64, for colour.
        looks: (cones, 7) float32 direction to the back of the hand as the camera sees it; RGB and gloss of what is no
            skin.
        place: (5, 3) float32: three rows that turn what the camera sees into the hand's frame, the hand's middle there,
            and the camera's distance, the hand's size and the width of its lines, mm.
        skin: see `_skin`; it covers the groups below `num_skin`.
        grain: (3, cells, cells) float32, one cell a millimetre, repeating: tone, then slopes along the hand's x and y.
        palm_lines: (lines, 4) float32 mm of a mean hand.
        spots: (spots, 9) float32: centre in the hand's frame, reach along its axes, colour of what is no skin there.
        light: see `_lit`.
        dark, folds: (height, width) float32, see `src.synthetic.layers`.

    Returns:
        (height, width, 3) float32 linear RGB and (height, width) float32 coverage.
    """
    front, behind, groups, cover = layers
    first, cone = lists
    height, width = front.shape
    columns = (width + TILE_PX - 1) // TILE_PX
    cells = grain.shape[1]
    rgb = np.zeros((height, width, 3), np.float32)
    alpha = np.zeros((height, width), np.float32)
    mix, normal = np.empty(6, np.float32), np.empty(3, np.float32)
    colour, out = np.empty(3, np.float32), np.empty(3, np.float32)
    weights, shares = np.empty(max(len(table), 1), np.float32), np.empty(max(len(table), 1), np.float32)
    for y in range(height):
        dy = (_F32(y) - pinhole[2]) / pinhole[0]
        for x in range(width):
            if groups[0, y, x] < 0:
                continue
            dx = (_F32(x) - pinhole[1]) / pinhole[0]
            rz = ONE / np.sqrt(dx * dx + dy * dy + ONE)
            rx, ry = dx * rz, dy * rz
            tile = y // TILE_PX * columns + x // TILE_PX
            share_of_front = cover[y, x]
            alpha[y, x] = share_of_front
            for layer in range(2):
                if layer == 1:
                    if groups[1, y, x] < 0 or share_of_front >= ONE:
                        break
                    alpha[y, x] = ONE
                t = front[y, x] if layer == 0 else behind[y, x]
                group = groups[layer, y, x]
                total = ZERO
                begin = first[tile]
                while group_of[cone[begin]] != group:
                    begin += 1
                end = begin
                while end < first[tile + 1] and group_of[cone[end]] == group:
                    of = table[cone[end]]
                    free = (rx * of[0] + ry * of[1] + rz * of[2]) * t + of[3]
                    h = clip01(free)
                    squared = (t - TWO * (rx * of[4] + ry * of[5] + rz * of[6])) * t + of[7]
                    squared = max(squared + (h - TWO * free) * h * of[8], _NEAR_ZERO)
                    root = np.sqrt(squared)
                    weight = exp2((root - ((of[11] * (ONE - h) + of[10]) * h + of[9])) * of[12])
                    total += weight
                    # What a normal needs is over the distance.
                    weights[end - begin], shares[end - begin] = weight, h
                    end += 1
                nx, ny, nz, bx, by, bz = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
                mix[:] = ZERO
                colour[:] = ZERO
                gloss = ZERO
                for i in range(begin, end):
                    of, look = table[cone[i]], looks[cone[i]]
                    h = shares[i - begin]
                    weight = weights[i - begin] / max(total, _TINY)
                    if weight < _FAINT:
                        continue
                    along = h * of[8]
                    px, py, pz = t * rx - of[4] - along * of[0], t * ry - of[5] - along * of[1], ZERO
                    pz = t * rz - of[6] - along * of[2]
                    outward = weight / max(np.sqrt(px * px + py * py + pz * pz), _NEAR_ZERO)
                    nx, ny, nz = nx + outward * px, ny + outward * py, nz + outward * pz
                    if group >= num_skin:
                        for channel in range(3):
                            colour[channel] += weight * look[3 + channel]
                        gloss += weight * look[6]
                        continue
                    bx, by, bz = bx + weight * look[0], by + weight * look[1], bz + weight * look[2]
                    kind = kind_of[cone[i]]
                    if kind == PALM:
                        mix[5] += weight
                    elif kind <= DISTAL:
                        # Joints sit at both ends of a bone; only fingers have lines there.
                        if h < _LINE_ENDS:
                            mix[1] += weight * exp(-h * h * _JOINT * _JOINT)
                        if kind == DISTAL:
                            mix[2] += weight
                            mix[3] += weight * h
                        elif ONE - h < _LINE_ENDS:
                            mix[1] += weight * exp(-(ONE - h) * (ONE - h) * _JOINT * _JOINT)
                        mix[4] += weight
                norm = ONE / (np.sqrt(nx * nx + ny * ny + nz * nz) + _SMALL)
                nx, ny, nz = nx * norm, ny * norm, nz * norm
                vx, vy, vz = t * rx, t * ry, t * rz - place[4, 0]
                hx = vx * place[0, 0] + vy * place[1, 0] + vz * place[2, 0] + place[3, 0]
                hy = vx * place[0, 1] + vy * place[1, 1] + vz * place[2, 1] + place[3, 1]
                hz = vx * place[0, 2] + vy * place[1, 2] + vz * place[2, 2] + place[3, 2]
                u = int(np.floor(hx + _F32(0.6) * hz)) % cells
                v = int(np.floor(hy - HALF * hz)) % cells
                tone = grain[0, v, u]
                if group < num_skin:
                    mix[0] = nx * bx + ny * by + nz * bz
                    line = ZERO
                    if mix[5] > _F32(0.3) and mix[0] < _F32(-0.1):
                        scale = ONE / place[4, 1]
                        line = _palm_line(hx * scale, hy * scale, palm_lines, place[4, 2])
                        line *= clip01(_F32(-1.6) * mix[0])
                    _skin(mix, skin, tone, line, colour)
                    gloss = skin[3, 2]
                    # The hand's axes in the viewer's frame are the rows of `place`, with y and z turned round.
                    normal[0] = nx + place[0, 0] * grain[1, v, u] + place[0, 1] * grain[2, v, u]
                    normal[1] = -ny - place[1, 0] * grain[1, v, u] - place[1, 1] * grain[2, v, u]
                    normal[2] = -nz - place[2, 0] * grain[1, v, u] - place[2, 1] * grain[2, v, u]
                    norm = ONE / (np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + _SMALL)
                    for axis in range(3):
                        normal[axis] *= norm
                else:
                    for i in range(len(spots)):
                        ex, ey = (hx - spots[i, 0]) / spots[i, 3], (hy - spots[i, 1]) / spots[i, 4]
                        ez = (hz - spots[i, 2]) / spots[i, 5]
                        inside = clip01(_F32(4.0) * (ONE - ex * ex - ey * ey - ez * ez))
                        for channel in range(3):
                            colour[channel] += (spots[i, 6 + channel] - colour[channel]) * inside
                    normal[0], normal[1], normal[2] = nx, -ny, -nz
                lit = ONE - light[6, 0] * dark[y, x]
                _lit(normal, colour, light, lit, light[6, 1] * folds[y, x], gloss, out)
                for channel in range(3):
                    if layer == 0:
                        rgb[y, x, channel] = out[channel]
                    else:
                        before = rgb[y, x, channel]
                        rgb[y, x, channel] = before * share_of_front + out[channel] * (ONE - share_of_front)
    return rgb, alpha
