"""From a pose to a picture of the hand alone: seen by a camera, traced, shaded."""

from dataclasses import dataclass

import numpy as np

from src.synthetic.camera import Camera, View, seen_by
from src.synthetic.flesh import PALM_GROUP, SLEEVE_GROUP
from src.synthetic.layers import nearest, occlusion, shadow
from src.synthetic.shading import Lighting, albedo, palm_lines, shade, skin_pattern
from src.synthetic.signer import Skin
from src.synthetic.skeleton import Pose, Proportions
from src.synthetic.tracing import TILE_PX, Hits, trace

_CLOTH_RGB = np.array([0.1, 0.1, 0.12])


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
    view = seen_by(pose, proportions, camera, size)
    keypoints = view.joints[:, :2] / view.joints[:, 2:] * view.focal_px + view.centre_px
    hits = trace(view, size)
    if hits is None:
        rgb, alpha = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
        group, visible = np.full((size, size), -1, np.int64), np.zeros(len(keypoints), bool)
    else:
        front, solid, depth = nearest(hits, size)
        px_per_mm = view.focal_px / camera.distance_mm
        pattern = skin_pattern(hits, np.zeros((3, 1, 1), np.float32) if grain is None else grain)
        lines = palm_lines(hits, proportions.size, 0.8 + 0.35 / px_per_mm)
        reflectance = albedo(hits, skin, _CLOTH_RGB if sleeve_rgb is None else sleeve_rgb, pattern, lines)
        axes = (pose.rotation[:, :2]).astype(np.float32)[:, :, None, None]
        bumps = axes[:, 0] * pattern[1] + axes[:, 1] * pattern[2]
        dark, fold = shadow(depth, lighting.key, px_per_mm), occlusion(depth, px_per_mm)
        colour = shade(hits, reflectance, lighting, skin.gloss, dark, fold, bumps)
        rgb, alpha, group = _flat(hits, colour, front, solid)
        visible = _visible(view, keypoints, depth, group)
    box = view.box
    if pose.mirrored:
        rgb, alpha, group = rgb[:, ::-1], alpha[:, ::-1], group[:, ::-1]
        keypoints = keypoints * (-1, 1) + (size - 1, 0)
        box = np.array([size - 1 - box[2], box[1], size - 1 - box[0], box[3]], np.float32)
    skin_seen = (group >= 0) & (group < SLEEVE_GROUP)
    return Rendering(rgb, alpha, skin_seen, group, keypoints.astype(np.float32), visible, box)


def _flat(
    hits: Hits, colour: np.ndarray, front: np.ndarray, solid: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour, coverage and group of each pixel: the surface in front, at an edge mixed with the one behind it."""
    rgb = np.zeros((*front.shape, 3), np.float32)
    alpha = np.zeros(front.shape, np.float32)
    group = np.full(front.shape, -1, np.int64)
    colour = colour.reshape(3, -1)
    coverage, group_of = hits.coverage.ravel(), np.repeat(hits.group, TILE_PX * TILE_PX)
    behind, ahead = solid >= 0, front >= 0
    rgb[ahead] = colour[:, front[ahead]].T
    alpha[ahead] = coverage[front[ahead]]
    both = behind & ahead
    share = alpha[both][:, None]
    rgb[both] = rgb[both] * share + colour[:, solid[both]].T * (1 - share)
    alpha[both] = 1.0
    group[behind] = group_of[solid[behind]]
    return rgb, alpha, group


def _visible(view: View, keypoints: np.ndarray, depth: np.ndarray, group: np.ndarray) -> np.ndarray:
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
