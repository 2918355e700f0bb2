"""Where a hand's cones are as a camera sees them."""

from dataclasses import dataclass

import numpy as np

from src.synthetic.compiled.marching import seen
from src.synthetic.compiled.painting import FOREARM
from src.synthetic.flesh import SLEEVE_GROUP, Arm, Flesh, flesh_of
from src.synthetic.skeleton import Pose, Proportions, forward

_ORIGIN = np.zeros(3)


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera that looks at the hand.

    Attributes:
        distance_mm: from the lens to the middle of the hand; small distances foreshorten.
        fill: the longer side of the hand's box as a share of the picture's height.
        shift: (2,) where the middle of that box lies, as shares of the picture's width and height from its centre.
    """

    distance_mm: float
    fill: float
    shift: tuple[float, float]


@dataclass(frozen=True, eq=False)
class View:
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


def seen_by(pose: Pose, proportions: Proportions, camera: Camera, height: int, width: int, arm: Arm) -> View:
    """The hand and the arm in front of the camera, in a picture of this size."""
    skeleton = forward(pose.angles, proportions)
    flesh = flesh_of(skeleton, pose.angles, proportions, arm)
    to_camera = pose.rotation * np.array([[1.0], [-1.0], [-1.0]])
    middle = skeleton.joints.mean(0)
    before = (middle, to_camera, float(camera.distance_mm))
    start, end, joints = (seen(points, *before) for points in (flesh.start, flesh.end, skeleton.joints))
    dorsal = seen(flesh.dorsal, _ORIGIN, to_camera, 0.0)
    # The hand's box in units of focal length, without the arm.
    of_hand = (flesh.group < SLEEVE_GROUP) & (flesh.kind != FOREARM)
    ends = np.concatenate([start[of_hand], end[of_hand]])
    radii = np.concatenate([flesh.radius_start[of_hand], flesh.radius_end[of_hand]]) / ends[:, 2]
    flat = ends[:, :2] / ends[:, 2:]
    low, high = (flat - radii[:, None]).min(0), (flat + radii[:, None]).max(0)
    focal = camera.fill * height / (high - low).max()
    centre = (0.5 + np.asarray(camera.shift)) * (width, height) - 0.5 - focal * (low + high) / 2
    box = np.concatenate([low * focal + centre, high * focal + centre])
    return View(
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
        np.clip(box, 0, (width - 1, height - 1) * 2).astype(np.float32),
    )
