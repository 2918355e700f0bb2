"""From a pose to a picture of the hand alone: seen by a camera, traced, shaded."""

from dataclasses import dataclass

import numpy as np

from src.synthetic.camera import Camera, View, seen_by
from src.synthetic.flesh import PALM_GROUP, SLEEVE_GROUP, Arm
from src.synthetic.shading import Lighting, shade
from src.synthetic.signer import Skin
from src.synthetic.skeleton import Pose, Proportions
from src.synthetic.tracing import trace


@dataclass(frozen=True, eq=False)
class Rendering:
    """A hand without a background.

    Attributes:
        rgb: (height, width, 3) float32 linear RGB, not premultiplied.
        alpha: (height, width) float32 coverage by hand, arm or what is worn.
        skin: (height, width) bool, where hand or arm is seen.
        group: (height, width) int8, the group seen: 0-4 fingers, palm, sleeve, rings and watch; -1 where nothing is.
        keypoints_px: (21, 2) float32 x, y; the centre of the first pixel is (0, 0).
        visible: (21,) bool: inside the picture and not behind another part of the hand.
        box: (4,) float32 x0, y0, x1, y1 of the hand without the arm, clipped to the picture.
        focal_px, centre_px: the pinhole that saw it, before a left hand was mirrored.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    skin: np.ndarray
    group: np.ndarray
    keypoints_px: np.ndarray
    visible: np.ndarray
    box: np.ndarray
    focal_px: float
    centre_px: np.ndarray


def render(
    pose: Pose,
    proportions: Proportions,
    skin: Skin,
    camera: Camera,
    lighting: Lighting,
    height: int,
    width: int | None = None,
    arm: Arm | None = None,
    grain: np.ndarray | None = None,
) -> Rendering:
    """A hand in this pose, seen by this camera under this light.

    Args:
        pose: joint angles and orientation; no sign is involved.
        proportions: whose bones.
        skin: whose colours.
        camera, lighting: the scene.
        height, width: pixels of the picture, a square one without `width`.
        arm: what carries the hand and is worn.
        grain: see `shade`.
    """
    width = height if width is None else width
    view = seen_by(pose, proportions, camera, height, width, arm or Arm())
    keypoints = view.joints[:, :2] / view.joints[:, 2:] * view.focal_px + view.centre_px
    traced = trace(view, height, width)
    rgb, alpha = shade(view, traced, lighting, skin, proportions.size, grain)
    group, visible = traced.group, _visible(view, keypoints, traced.depth, traced.group)
    box = view.box
    if pose.mirrored:
        # In order in memory, as compiled functions know them.
        rgb, alpha, group = (np.ascontiguousarray(each[:, ::-1]) for each in (rgb, alpha, group))
        keypoints = keypoints * (-1, 1) + (width - 1, 0)
        box = np.array([width - 1 - box[2], box[1], width - 1 - box[0], box[3]], np.float32)
    skin_seen = (group >= 0) & (group < SLEEVE_GROUP)
    points = keypoints.astype(np.float32)
    return Rendering(rgb, alpha, skin_seen, group, points, visible, box, view.focal_px, view.centre_px)


def _visible(view: View, keypoints: np.ndarray, depth: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(21,) bool: the surface seen at a keypoint's pixel is the flesh around that joint."""
    height, width = depth.shape
    pixel = np.rint(keypoints).astype(np.int64)
    inside = ((pixel >= 0) & (pixel < (width, height))).all(1)
    x, y = np.clip(pixel, 0, (width - 1, height - 1)).T
    finger = np.concatenate([[PALM_GROUP], np.repeat(np.arange(5), 4)])
    seen = group[y, x]
    base = np.zeros(len(keypoints), bool)
    base[[0, 1, 2, 5, 9, 13, 17]] = True
    own = (seen == finger) | (base & (seen == PALM_GROUP))
    buried = view.joints[:, 2] - depth[y, x]
    return inside & own & (buried < 26.0)
