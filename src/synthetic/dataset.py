"""The rendered dataset: any image of it can be made alone, from (seed, index).

Every random draw comes from a Philox generator keyed by the set's seed, what is being drawn and the index, so order,
workers and interruptions change nothing. On one machine images are equal to the bit; another type of processor may
round an elementary function's last bit differently, which can move a few pixels by a grey level or two.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from src.signs.labels import SIGNS
from src.synthetic.background import draw_background, skin_grain
from src.synthetic.photograph import compose, draw_camera, draw_lighting, expose
from src.synthetic.posing import sign_pose
from src.synthetic.random_poses import random_pose
from src.synthetic.render import render
from src.synthetic.signer import Signer, draw_signer
from src.synthetic.skeleton import Pose, Proportions, forward
from src.synthetic.spec import RenderedSpec, assignment, signer_name

NO_LABEL = -1

# What is drawn: people, images of signs, images of poses that are no signs.
PERSON, _SIGN, _ANY_POSE = range(3)


@dataclass
class RenderedSample:
    """One image and everything that is known about it.

    Attributes:
        image: (size, size, 3) uint8 RGB.
        label: class index into `SIGNS`, or -1 for a pose that is no sign.
        signer: e.g. "r017".
        keypoints_px: (21, 2) float32 x, y in MediaPipe's order; the centre of the first pixel is (0, 0).
        visible: (21,) bool: in the picture and not hidden by another part of the hand.
        joint_angles: (22,) float32 radians, in the order of `skeleton.JOINT_ANGLES`.
        joints_mm: (21, 3) float32, the keypoints in space as the viewer sees them: x right, y down, z away.
        left_handed: whether the hand is a left one.
        box: x0, y0, x1, y1 of the hand in pixels, without the arm.
        mask: (size, size) bool, where skin of hand and arm is seen.
    """

    image: np.ndarray
    label: int
    signer: str
    keypoints_px: np.ndarray
    visible: np.ndarray
    joint_angles: np.ndarray
    joints_mm: np.ndarray
    left_handed: bool
    box: tuple[float, float, float, float]
    mask: np.ndarray


def generator(seed: int, what: int, index: int, part: int = 0) -> np.random.Generator:
    """The stream of random numbers of one part (pose, scene, background, sensor) of one person or image."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, what, index, part))))


@lru_cache(maxsize=512)
def signer(seed: int, number: int) -> Signer:
    """Person `number` of the sets with this seed, the same however many people a set has."""
    return draw_signer(generator(seed, PERSON, number), signer_name(number))


def _check(spec: RenderedSpec, index: int) -> None:
    if not 0 <= index < spec.images:
        raise IndexError(f"image {index} of a set of {spec.images}")


def seen_mm(pose: Pose, proportions: Proportions) -> np.ndarray:
    """(21, 3) float32 mm, the keypoints as the viewer sees them: x right, y down, z away."""
    joints = (forward(pose.angles, proportions).joints[:, None, :] * pose.rotation).sum(-1)
    return (joints * ((-1 if pose.mirrored else 1), -1, -1)).astype(np.float32)


def _picture(spec: RenderedSpec, what: int, index: int, person: Signer, pose: Pose, label: int) -> RenderedSample:
    size = spec.image_size_px
    # Pose, scene, background and sensor draw from their own streams: changing one leaves the others as they were.
    scene, behind, sensor = (generator(spec.seed, what, index, part) for part in (1, 2, 3))
    background, segmented = draw_background(behind, size)
    (camera, arm), lighting = draw_camera(scene, segmented), draw_lighting(scene)
    sleeve = scene.beta(1.0, 2.0) * np.clip(1 + scene.normal(0.0, 0.35, 3), 0.2, 2.0)
    arm = replace(arm, sleeve_rgb=tuple(np.clip(sleeve, 0, 1).tolist()))
    grain = skin_grain(scene)
    rendering = render(pose, person.proportions, person.skin, camera, lighting, size, arm=arm, grain=grain)
    image = expose(compose(rendering, background), rendering, segmented, sensor)
    return RenderedSample(
        image=image,
        label=label,
        signer=person.name,
        keypoints_px=rendering.keypoints_px,
        visible=rendering.visible,
        joint_angles=pose.angles.astype(np.float32),
        joints_mm=seen_mm(pose, person.proportions),
        left_handed=pose.mirrored,
        box=tuple(rendering.box.tolist()),
        mask=np.ascontiguousarray(rendering.skin),
    )


def sample(spec: RenderedSpec, index: int) -> RenderedSample:
    """Image `index` of the set.

    Raises:
        IndexError: `index` is not one of the set's.
    """
    _check(spec, index)
    label, number = assignment(spec, index)
    person = signer(spec.seed, number)
    pose = sign_pose(SIGNS[label], person, generator(spec.seed, _SIGN, index))
    return _picture(spec, _SIGN, index, person, pose, label)


def random_pose_sample(spec: RenderedSpec, index: int) -> RenderedSample:
    """Image `index` of a set of the same people in poses that are no signs (label -1).

    Raises:
        IndexError: `index` is not one of the set's.
    """
    _check(spec, index)
    person = signer(spec.seed, index % spec.signers)
    pose = random_pose(generator(spec.seed, _ANY_POSE, index), person)
    return _picture(spec, _ANY_POSE, index, person, pose, NO_LABEL)
