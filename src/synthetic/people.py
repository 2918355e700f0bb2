"""Who is behind a hand in a room: a head with hair, a neck, shoulders and a torso in cloth, of rounded cones.

Measures are those of a mean adult's head and shoulders, in millimetres: Gordon et al., "Anthropometric survey of U.S.
Army personnel", 1989. The frame of a head is x to the viewer's right, y up, z to the viewer, about the middle between
the ears. Nobody in particular is drawn: a face is a place for skin, dark eyes and a mouth.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from src.synthetic.camera import View
from src.synthetic.compiled.painting import PLAIN
from src.synthetic.flesh import FACE_GROUP, HAIR_GROUP, TORSO_GROUP, Cone, of_cones
from src.synthetic.shading import Lighting, shade
from src.synthetic.skeleton import rotation
from src.synthetic.tracing import trace

# From a right shoulder to the middle of the head, as the viewer sees somebody who faces him.
SHOULDER_TO_HEAD_MM = np.array([172.0, 205.0, 42.0])
_NO_SIDE = np.array([0.0, 0.0, -1.0])
# Larger pictures of people are drawn at half their size: they are out of focus.
_SHARP_PX = 200


@dataclass(frozen=True, eq=False)
class Figure:
    """One person behind the hand.

    Attributes:
        cones: head, hair and torso in the head's frame, mm.
        spots: (spots, 9) float32 eyes, brows and mouth, see `shade`.
    """

    cones: list[Cone]
    spots: np.ndarray


def _colour(rng: np.random.Generator, least: float = 0.0) -> tuple[float, float, float]:
    """Cloth of any colour, linear RGB."""
    rgb = np.clip((least + rng.beta(0.9, 2.4)) * (1 + rng.normal(0.0, 0.45, 3)), 0.005, 0.9)
    return float(rgb[0]), float(rgb[1]), float(rgb[2])


def draw_hair(rng: np.random.Generator) -> np.ndarray:
    """(3,) linear RGB, black and brown most often."""
    dark = rng.beta(0.7, 7.0)
    if rng.random() < 0.1:  # grey
        return np.full(3, 0.08 + 0.4 * rng.random())
    return np.array([0.012, 0.008, 0.006]) + dark * np.array([0.55, 0.33, 0.16])


def _hair(rng: np.random.Generator, colour: tuple[float, float, float, float]) -> list[Cone]:
    def lock(x: float, y: float, z: float, end: tuple[float, float, float], r0: float, r1: float) -> Cone:
        return Cone(np.array([x, y, z]), np.array(end), r0, r1, _NO_SIDE, HAIR_GROUP, PLAIN, plain=colour)

    style = rng.random()
    if style < 0.08:
        return []  # bald
    full = rng.uniform(0.0, 10.0)
    cones = [lock(0, 42, -26, (0, 34, -34), 82 + full, 80 + full), lock(0, 10, -48, (0, -20, -46), 66 + full, 60)]
    if style > 0.5:  # long
        low = rng.uniform(-190, -60)
        for side in (-1, 1):
            cones.append(lock(side * 62, 28, -22, (side * rng.uniform(66, 84), low, -22), 26 + full, 22 + full))
        cones.append(lock(0, 0, -60, (0, low, -55), 62, 58))
    elif style > 0.4:  # a cap or a scarf would be as round, in any colour
        cloth = (*_colour(rng), 0.0)
        return [cone._replace(plain=cloth) for cone in cones]
    return cones


def draw_figure(
    rng: np.random.Generator,
    skin_rgb: np.ndarray,
    cloth_rgb: tuple[float, float, float] | None = None,
    both_arms: bool = True,
) -> Figure:
    """Somebody with this skin, and clothes of this colour or of any."""
    skin = (*(np.clip(skin_rgb, 0, 1).tolist()), 0.5)
    wide = rng.normal(1.0, 0.04)
    hair = draw_hair(rng)

    def flesh(start: tuple[float, float, float], end: tuple[float, float, float], r0: float, r1: float) -> Cone:
        scale = np.array([wide, 1.0, 1.0])
        return Cone(np.array(start) * scale, np.array(end) * scale, r0, r1, _NO_SIDE, FACE_GROUP, PLAIN, plain=skin)

    cones = [flesh((0, 30, -24), (0, 18, 0), 75, 72), flesh((0, 0, 22), (0, -64, 34), 60, 36)]
    cones += [flesh((0, 14, 80), (0, -14, 84), 7, 11), flesh((0, -40, -16), (0, -150, -34), 50, 58)]
    for side in (-1, 1):
        cones += [flesh((side * 34, -4, 32), (side * 26, -34, 36), 40, 34)]
        cones += [flesh((side * 75, 4, -8), (side * 75, -10, -6), 13, 9)]
    cones += _hair(rng, (*hair.tolist(), 0.8))
    drawn = _colour(rng)
    cloth = (*(cloth_rgb or drawn), 0.0)
    broad = rng.normal(1.0, 0.07)

    def torso(start: tuple[float, float, float], end: tuple[float, float, float], r0: float, r1: float) -> Cone:
        scale = np.array([broad, 1.0, 1.0])
        return Cone(np.array(start) * scale, np.array(end) * scale, r0, r1, _NO_SIDE, TORSO_GROUP, PLAIN, plain=cloth)

    for side in (-1, 1):
        cones += [torso((side * 52, -168, -34), (side * 168, -196, -38), 46, 52)]
        cones += [torso((side * 76, -235, -34), (side * 70, -2400, -34), 96, 150)]
    cones += [torso((0, -250, -20), (0, -2400, -20), 100, 160)]
    # Arms that hang down; a signer's other arm carries the hand.
    for side in (-1, 1) if both_arms else (1,):
        cones += [torso((side * 172, -200, -36), (side * 200, -480, -20), 50, 44)]
    eyes = np.array([0.03, 0.02, 0.015]) if rng.random() < 0.8 else np.array([0.06, 0.09, 0.12])
    white, lips = np.array([0.55, 0.52, 0.5]), np.clip(skin_rgb * np.array([0.8, 0.5, 0.5]), 0, 1)
    open_mm, smile = rng.uniform(4, 8), rng.uniform(4, 9)
    rows = []
    for side in (-31, 31):
        rows.append((side, 14, 70, 17, open_mm, 40, *white))
        rows.append((side, 14, 72, 8, open_mm, 40, *eyes))
        rows.append((side, 33, 76, 21, 5, 40, *hair))
    rows.append((0, -40, 76, rng.uniform(20, 28), smile, 40, *lips))
    if rng.random() < 0.25:  # a beard
        rows.append((0, -66, 34, 66, 34, 60, *hair))
    if rng.random() < 0.25:  # glasses
        rows += [(side, 12, 76, 27, 21, 40, *(0.6 * np.clip(skin_rgb, 0, 1))) for side in (-31, 31)]
        rows += [(0, 18, 84, 60, 3, 40, 0.02, 0.02, 0.02)]
        rows = rows[-3:] + rows[:-3]
    return Figure(cones, np.array(rows, np.float32))


def draw_blob(rng: np.random.Generator, skin_rgb: np.ndarray) -> Figure:
    """A second hand that signs nothing: a fist or a few fingers on an arm."""
    skin = (*(np.clip(skin_rgb, 0, 1).tolist()), 0.4)

    def part(start: tuple[float, float, float], end: tuple[float, float, float], r0: float, r1: float) -> Cone:
        return Cone(np.array(start), np.array(end), r0, r1, _NO_SIDE, FACE_GROUP, PLAIN, plain=skin)

    cones = [part((-16, 0, 0), (-14, -46, 0), 22, 24), part((16, 0, 0), (14, -46, 0), 22, 24)]
    cones += [part((0, -60, -4), (rng.uniform(-90, 90), -320, -60), 26, 36)]
    for x in (-27, -9, 9, 27):
        long = rng.uniform(20, 75) if rng.random() < 0.5 else 0.0
        tip = (x * (1 + long / 120), 22 + long, rng.uniform(0, 30) if long else 26.0)
        cones.append(part((x, 10, 4), tip, 10.5, 8.5))
    return Figure(cones, np.zeros((0, 9), np.float32))


def draw_turn(rng: np.random.Generator, most_deg: float = 16.0) -> np.ndarray:
    """(3, 3) how a head is turned to the viewer."""
    return rotation(*np.radians(rng.normal(0.0, (most_deg, 0.5 * most_deg, 0.4 * most_deg))))


def picture_of(
    figure: Figure,
    head_mm: np.ndarray,
    turn: np.ndarray,
    focal_px: float,
    centre_px: np.ndarray,
    lighting: Lighting,
    height: int,
    width: int,
    grain: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(height, width, 3) float32 linear RGB of a figure and (height, width) float32 coverage.

    Args:
        figure: whom.
        head_mm: (3,) where the camera sees the middle of the head: x right, y down, z away.
        turn: (3, 3), see `draw_turn`.
        focal_px, centre_px: the pinhole.
        lighting: lamps.
        grain: weave of the cloth, see `shade`.
    """
    shrink = 2 if min(height, width) > _SHARP_PX else 1
    small = (-(-height // shrink), -(-width // shrink))
    flesh = of_cones(sorted(figure.cones, key=lambda cone: cone.group))
    to_camera = turn * np.array([[1.0], [-1.0], [-1.0]])
    distance = float(head_mm[2])
    # Only the head turns.
    of_torso = (flesh.group == TORSO_GROUP)[:, None]
    upright = np.diag([1.0, -1.0, -1.0])

    def seen(points: np.ndarray) -> np.ndarray:
        turned = (points[:, None, :] * to_camera).sum(-1)
        return np.where(of_torso, (points[:, None, :] * upright).sum(-1), turned) + head_mm

    middle = ((np.array([0.0, 0.0, distance]) - head_mm)[:, None] * to_camera).sum(0)
    nobody = np.zeros((0, 3))
    view = View(
        flesh,
        seen(flesh.start),
        seen(flesh.end),
        np.zeros_like(flesh.start),
        nobody,
        to_camera,
        middle,
        distance,
        focal_px / shrink,
        (np.asarray(centre_px) + 0.5) / shrink - 0.5,
        np.zeros(4, np.float32),
    )
    rgb, alpha = shade(view, trace(view, *small), lighting, spots=figure.spots, grain=grain)
    if shrink > 1:
        # Colours are spread beyond the outline first, so that no black is mixed in.
        soft = cv2.resize(np.dstack([rgb * alpha[..., None], alpha]), (width, height), interpolation=cv2.INTER_LINEAR)
        alpha = np.ascontiguousarray(soft[..., 3])
        rgb = soft[..., :3] / np.maximum(alpha, 1e-4)[..., None]
    return np.ascontiguousarray(rgb), alpha
