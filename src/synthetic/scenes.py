"""Hands in rooms, as a webcam sees them, and the same rooms without a hand that signs.

The hand is anywhere in the frame, its arm goes on to the frame's edge or to the shoulder of somebody behind it, and all
of them stand under the same lamps. Every draw belongs to (seed, what, index, part), as in `src.synthetic.dataset`.
"""

from dataclasses import dataclass, replace

import numpy as np

from src.errors import UserError
from src.signs.labels import SIGNS
from src.synthetic.background import skin_grain
from src.synthetic.camera import Camera
from src.synthetic.compiled.developing import blend
from src.synthetic.dataset import NO_LABEL, RenderedSample, generator, seen_mm, signer
from src.synthetic.flesh import Arm, forearm_axes
from src.synthetic.people import SHOULDER_TO_HEAD_MM, draw_blob, draw_figure, draw_turn, picture_of
from src.synthetic.photograph import draw_lighting, streak
from src.synthetic.posing import sign_pose
from src.synthetic.render import Rendering, render
from src.synthetic.rooms import draw_room
from src.synthetic.shading import Lighting
from src.synthetic.signer import ITA_RANGE_DEG, Signer, Skin, skin_of
from src.synthetic.skeleton import NUM_ANGLES, NUM_KEYPOINTS, Pose, forward
from src.synthetic.spec import LEAST_SCENE_PX, RenderedSpec, assignment
from src.synthetic.webcam import filmed, moved

# What is drawn, beside people, signs and random poses (0, 1, 2).
_SCENE, _EMPTY = 3, 4
_PARTS = 5  # pose, place, background, sensor, body
# The longer side of the hand's box as a share of the frame's height.
FILL_RANGE = (0.14, 0.75)
_FOREARM_MM, _UPPER_ARM_MM = 255.0, 280.0
# How near a hand comes to a lens.
_NEAREST_MM = 230.0
_FLESH_MM = 24.0


@dataclass(frozen=True, eq=False)
class _Stage:
    """Where everything is: frame, lens and lamps."""

    height: int
    width: int
    lighting: Lighting
    backlit: bool


def _check(spec: RenderedSpec, index: int, width_px: int, height_px: int) -> None:
    if not 0 <= index < spec.images:
        raise IndexError(f"image {index} of a set of {spec.images}")
    if min(width_px, height_px) < LEAST_SCENE_PX:
        raise UserError(f"A rendered scene needs sides of at least {LEAST_SCENE_PX} px, not {width_px} x {height_px}.")


def _draw_stage(rng: np.random.Generator, height: int, width: int) -> _Stage:
    lighting = draw_lighting(rng)
    backlit = rng.random() < 0.18
    if backlit:
        # The lamp stands behind: what the camera sees is lit by the room alone.
        key = lighting.key * (1.0, 1.0, -1.0)
        weak = rng.uniform(0.5, 1.4)
        sky = np.maximum(lighting.sky_rgb, 0.2) * weak
        lighting = replace(lighting, key=key, fill_rgb=lighting.fill_rgb + 0.1, sky_rgb=sky)
    return _Stage(height, width, lighting, backlit)


def _draw_camera(rng: np.random.Generator, stage: _Stage, pose: Pose, person: Signer) -> Camera:
    """A webcam's field of view, and the hand as near as its size in the frame says."""
    height, width = stage.height, stage.width
    fill = float(np.exp(rng.uniform(*np.log(FILL_RANGE))))
    focal_px = max(height, width) * rng.uniform(0.7, 1.15)
    joints = (forward(pose.angles, person.proportions).joints[:, None, :] * pose.rotation).sum(-1)[:, :2]
    sides = np.ptp(joints, axis=0) + _FLESH_MM
    fill = min(fill, float(sides.max() * focal_px / (_NEAREST_MM * height)))
    distance = float(sides.max() * focal_px / (fill * height)) + 25.0
    # The box lies in the frame, or a twentieth of it outside.
    room = 0.5 * np.maximum(1.0 - 0.95 * fill * height * sides / sides.max() / (width, height), 0.0)
    x, y = rng.uniform(-1, 1, 2) * room
    if rng.random() < 0.6:  # most hands are beside the face that they belong to
        x = -abs(x) * rng.uniform(0.3, 1.0)
    return Camera(distance, fill, (float(x), float(y)))


def _draw_skin(rng: np.random.Generator, skin: Skin) -> Skin:
    """The same skin; some people's nails are painted."""
    if rng.random() < 0.8:
        return skin
    return replace(skin, nail=np.clip(rng.beta(0.8, 1.2) * (1 + rng.normal(0.0, 0.7, 3)), 0.005, 0.9))


def _draw_arm(rng: np.random.Generator, pose: Pose, person: Signer, behind: bool) -> tuple[Arm, np.ndarray]:
    """What carries the hand, and where the shoulder is from the wrist, (3,) mm as the viewer sees it (y up)."""
    cloth = np.clip((0.01 + rng.beta(0.9, 2.4)) * (1 + rng.normal(0.0, 0.4, 3)), 0.005, 0.9)
    sleeve = float(rng.uniform(-5.0, 200.0)) if rng.random() < 0.55 else None
    metals = ((0.75, 0.55, 0.22, 5.0), (0.6, 0.6, 0.62, 6.0), (0.05, 0.05, 0.05, 1.0))
    rings = tuple(
        (int(finger), float(rng.uniform(0.42, 0.6)), metals[int(rng.integers(3))])
        for finger in rng.permutation([1, 2, 3, 3, 4])[: int(rng.integers(1, 3))]
    )
    rings = rings if rng.random() < 0.22 else ()
    strap, face = rng.beta(0.6, 2.0) * np.clip(1 + rng.normal(0.0, 0.5, (2, 3)), 0, 2)
    watch = (float(rng.uniform(18.0, 50.0)), tuple(strap.tolist()), tuple(face.tolist()))
    worn = rng.random() < 0.22 and (sleeve is None or sleeve > 60.0)
    size = person.proportions.size
    to_elbow = pose.rotation @ forearm_axes(pose.angles)[0]
    # An upper arm comes down from a shoulder that is behind and nearer to the middle of the body.
    up = np.array([rng.uniform(0.0, 0.5), rng.uniform(0.55, 1.0), -rng.uniform(0.25, 0.8)])
    elbow = to_elbow * _FOREARM_MM * size
    shoulder = elbow + up / np.sqrt((up**2).sum()) * _UPPER_ARM_MM * size
    arm = Arm(
        forearm_mm=_FOREARM_MM * size if behind else 720.0,
        sleeve_mm=sleeve,
        sleeve_rgb=tuple(cloth.tolist()),
        shoulder_mm=tuple((pose.rotation.T @ shoulder).tolist()) if behind else None,
        rings=rings,
        watch=watch if worn else None,
    )
    return arm, shoulder


def _flipped(picture: np.ndarray, mirrored: bool) -> np.ndarray:
    return np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture


def _passer_by(
    rng: np.random.Generator, light: np.ndarray, stage: _Stage, focal_px: float, near_mm: float
) -> np.ndarray:
    """Somebody else further away in the room."""
    other = skin_of(rng.uniform(*ITA_RANGE_DEG), rng.uniform(-2.0, 5.0))
    depth = near_mm + rng.uniform(300.0, 1500.0)
    head = np.array([rng.uniform(-0.55, 0.55) * stage.width, rng.uniform(-0.4, 0.2) * stage.height, focal_px])
    centre = np.array([stage.width, stage.height]) / 2 - 0.5
    figure, turn = draw_figure(rng, other.dorsum), draw_turn(rng, 35.0)
    place = head / focal_px * depth
    rgb, alpha = picture_of(figure, place, turn, focal_px, centre, stage.lighting, stage.height, stage.width)
    return blend(rgb, alpha, light)


def _behind(rng: np.random.Generator, stage: _Stage, focal_px: float, near_mm: float) -> np.ndarray:
    """(height, width, 3) float32 linear RGB: the room, and whoever else is in it."""
    window = stage.backlit and rng.random() < 0.8
    light = draw_room(rng, stage.height, stage.width, window) * np.float32(rng.uniform(0.35, 1.1))
    if rng.random() < 0.12:
        light = _passer_by(rng, light, stage, focal_px, near_mm)
    return light


def _add_blob(rng: np.random.Generator, light: np.ndarray, skin: Skin, stage: _Stage, focal_px: float) -> np.ndarray:
    """Another hand, which signs nothing."""
    depth = rng.uniform(450.0, 1000.0)
    at = np.array([rng.uniform(-0.5, 0.5) * stage.width, rng.uniform(-0.1, 0.55) * stage.height, focal_px])
    centre = np.array([stage.width, stage.height]) / 2 - 0.5
    turn = draw_turn(rng, 60.0)
    blob = draw_blob(rng, skin.dorsum)
    place = at / focal_px * depth
    rgb, alpha = picture_of(blob, place, turn, focal_px, centre, stage.lighting, stage.height, stage.width)
    return blend(rgb, alpha, light)


def _owner(
    rng: np.random.Generator,
    skin: Skin,
    cloth_rgb: tuple[float, float, float] | None,
    head_mm: np.ndarray,
    stage: _Stage,
    focal_px: float,
    centre_px: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Picture and coverage of the person whose hand it is."""
    figure, turn = draw_figure(rng, skin.dorsum, cloth_rgb, both_arms=cloth_rgb is None), draw_turn(rng)
    return picture_of(figure, head_mm, turn, focal_px, centre_px, stage.lighting, stage.height, stage.width)


def _over(rendering: Rendering, light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The hand over what is behind it; some hands moved."""
    rgb, alpha = rendering.rgb, rendering.alpha
    if rng.random() < 0.18:
        height = light.shape[0]
        rgb, alpha = moved(rgb, alpha, streak(rng, height * rng.uniform(0.006, 0.04)))
    return blend(rgb, alpha, light)


def scene_sample(spec: RenderedSpec, index: int, width_px: int, height_px: int) -> RenderedSample:
    """Hand `index` of the set in a room, in a frame of this size.

    Its sign and signer are those of `sample`, its pose and picture are others. `box` is the hand's, without the arm;
    `mask` covers hand and arm, and no other skin.

    Raises:
        IndexError: `index` is not one of the set's.
        UserError: the frame is too small.
    """
    _check(spec, index, width_px, height_px)
    pose_rng, place, behind, sensor, body = (generator(spec.seed, _SCENE, index, part) for part in range(_PARTS))
    label, number = assignment(spec, index)
    person = signer(spec.seed, number)
    pose = sign_pose(SIGNS[label], person, pose_rng)
    stage = _draw_stage(place, height_px, width_px)
    camera = _draw_camera(place, stage, pose, person)
    skin = _draw_skin(place, person.skin)
    # A small hand's arm would end in mid-air without a body.
    has_body = place.random() < 0.75 or camera.fill < 0.4
    arm, shoulder = _draw_arm(place, pose, person, has_body)
    grain = skin_grain(place)
    proportions = person.proportions
    hand = render(pose, proportions, skin, camera, stage.lighting, height_px, width_px, arm, grain)
    light = _behind(behind, stage, hand.focal_px, camera.distance_mm + 200.0)
    if has_body:
        middle = pose.rotation @ forward(pose.angles, proportions).joints.mean(0)
        head = shoulder + SHOULDER_TO_HEAD_MM - middle
        head_mm = head * (1.0, -1.0, -1.0) + (0.0, 0.0, camera.distance_mm)
        if head_mm[2] > 300.0:
            rgb, alpha = _owner(body, skin, arm.sleeve_rgb, head_mm, stage, hand.focal_px, hand.centre_px)
            light = blend(_flipped(rgb, pose.mirrored), _flipped(alpha, pose.mirrored), light)
    if body.random() < 0.12:
        light = _add_blob(body, light, skin, stage, hand.focal_px)
    light = _over(hand, light, sensor)
    return RenderedSample(
        image=filmed(light, hand.alpha, sensor),
        label=label,
        signer=person.name,
        keypoints_px=hand.keypoints_px,
        visible=hand.visible,
        joint_angles=pose.angles.astype(np.float32),
        joints_mm=seen_mm(pose, proportions),
        left_handed=pose.mirrored,
        box=tuple(hand.box.tolist()),
        mask=hand.skin,
    )


def empty_scene(spec: RenderedSpec, index: int, width_px: int, height_px: int) -> RenderedSample:
    """Room `index` of the set without a hand that signs, of the same people, lamps and cameras: a negative.

    In some of them there is nobody; in some a face fills much of the frame; in some another hand hangs or rests. Label
    -1, nothing visible, an empty box (0, 0, 0, 0) and mask; joints and angles are zero.

    Raises:
        IndexError: `index` is not one of the set's.
        UserError: the frame is too small.
    """
    _check(spec, index, width_px, height_px)
    _, place, behind, sensor, body = (generator(spec.seed, _EMPTY, index, part) for part in range(_PARTS))
    person = signer(spec.seed, index % spec.signers)
    stage = _draw_stage(place, height_px, width_px)
    focal_px = max(height_px, width_px) * place.uniform(0.7, 1.15)
    depth = place.uniform(380.0, 1500.0)
    light = _behind(behind, stage, focal_px, depth + 200.0)
    if place.random() < 0.75:
        centre = np.array([width_px, height_px]) / 2 - 0.5
        head = place.uniform((-0.35, -0.3), (0.35, 0.25)) * (width_px, height_px)
        head_mm = np.array([*(head / focal_px), 1.0]) * depth
        rgb, alpha = _owner(body, person.skin, None, head_mm, stage, focal_px, centre)
        light = blend(rgb, alpha, light)
    if body.random() < 0.25:
        light = _add_blob(body, light, person.skin, stage, focal_px)
    nobody = np.zeros((height_px, width_px), np.float32)
    return RenderedSample(
        image=filmed(light, nobody, sensor),
        label=NO_LABEL,
        signer=person.name,
        keypoints_px=np.zeros((NUM_KEYPOINTS, 2), np.float32),
        visible=np.zeros(NUM_KEYPOINTS, bool),
        joint_angles=np.zeros(NUM_ANGLES, np.float32),
        joints_mm=np.zeros((NUM_KEYPOINTS, 3), np.float32),
        left_handed=person.left_handed,
        box=(0.0, 0.0, 0.0, 0.0),
        mask=nobody > 0,
    )
