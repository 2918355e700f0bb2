"""The rendered dataset: any image of it can be made alone, from (seed, index).

Every random draw comes from a Philox generator keyed by the set's seed, what is being drawn and the index, so order,
workers and interruptions change nothing. On one machine images are equal to the bit; another type of processor may
round an elementary function's last bit differently, which can move a few pixels by a grey level or two.
"""

import csv
import hashlib
import json
import multiprocessing
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track

from src.errors import UserError
from src.signs.labels import NUM_SIGNS, SIGNS
from src.sources.records import ImageRecord
from src.synthetic.background import draw_background, skin_grain
from src.synthetic.handshapes import sign_pose
from src.synthetic.photograph import compose, draw_camera, draw_lighting, expose, to_srgb
from src.synthetic.random_poses import random_pose
from src.synthetic.render import Camera, Lighting, render
from src.synthetic.signer import Signer, chart_signer, draw_signer
from src.synthetic.skeleton import NUM_KEYPOINTS, Pose, forward

# Parts of the caches' keys. Raise the first whenever any image would come out differently, the second when only signs
# would, the third when only poses that are no signs would.
RENDERER_VERSION = 3
HANDSHAPES_VERSION = 4
RANDOM_POSES_VERSION = 2
POSES_VERSIONS = {"renderer": RENDERER_VERSION, "random_poses": RANDOM_POSES_VERSION}
SOURCE = "rendered"
NO_LABEL = -1

_PERSON, _SIGN, _ANY_POSE = range(3)
_CHUNK = 36
_POSES_PER_FILE = 50


@dataclass(frozen=True)
class RenderedSpec:
    """Which rendered set.

    Attributes:
        images: how many; sign and signer are dealt out in turn.
        signers: how many people; with at least 36 times as many images, each shows every sign.
        image_size_px: side of the square images.
        seed: another seed is another set of people and pictures.
    """

    images: int = 5400
    signers: int = 150
    image_size_px: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("images", "signers"):
            if getattr(self, name) < 1:
                raise UserError(f"A rendered set needs {name} of at least 1, not {getattr(self, name)}.")
        if self.image_size_px < 16:
            raise UserError(f"A rendered image needs a side of at least 16 px, not {self.image_size_px}.")
        if self.seed < 0:
            raise UserError(f"The seed of a rendered set is 0 or more, not {self.seed}.")


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
        box: x0, y0, x1, y1 of the hand in pixels, without the arm.
        mask: (size, size) bool, where skin of hand and arm is seen.
    """

    image: np.ndarray
    label: int
    signer: str
    keypoints_px: np.ndarray
    visible: np.ndarray
    joint_angles: np.ndarray
    box: tuple[float, float, float, float]
    mask: np.ndarray


def _generator(seed: int, what: int, index: int, part: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, what, index, part))))


def assignment(spec: RenderedSpec, index: int) -> tuple[int, int]:
    """(class index, signer's number) of an image: signs in turn, then signers in turn."""
    return index % NUM_SIGNS, index // NUM_SIGNS % spec.signers


@lru_cache(maxsize=512)
def signer(seed: int, number: int) -> Signer:
    """Person `number` of the sets with this seed, the same however many people a set has."""
    return draw_signer(_generator(seed, _PERSON, number), f"r{number:03d}")


def _check(spec: RenderedSpec, index: int) -> None:
    if not 0 <= index < spec.images:
        raise IndexError(f"image {index} of a set of {spec.images}")


def _picture(spec: RenderedSpec, what: int, index: int, person: Signer, pose: Pose, label: int) -> RenderedSample:
    size = spec.image_size_px
    # Pose, scene, background and sensor draw from their own streams: changing one leaves the others as they were.
    scene, behind, sensor = (_generator(spec.seed, what, index, part) for part in (1, 2, 3))
    background, segmented = draw_background(behind, size)
    camera, lighting = draw_camera(scene, segmented), draw_lighting(scene)
    sleeve = scene.beta(1.0, 2.0) * np.clip(1 + scene.normal(0.0, 0.35, 3), 0.2, 2.0)
    rendering = render(
        pose, person.proportions, person.skin, camera, lighting, size, np.clip(sleeve, 0, 1), skin_grain(scene)
    )
    image = expose(compose(rendering, background), rendering, segmented, sensor)
    return RenderedSample(
        image=image,
        label=label,
        signer=person.name,
        keypoints_px=rendering.keypoints_px,
        visible=rendering.visible,
        joint_angles=pose.angles.astype(np.float32),
        box=tuple(float(edge) for edge in rendering.box),
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
    pose = sign_pose(SIGNS[label], person, _generator(spec.seed, _SIGN, index))
    return _picture(spec, _SIGN, index, person, pose, label)


def random_pose_sample(spec: RenderedSpec, index: int) -> RenderedSample:
    """Image `index` of a set of the same people in poses that are no signs (label -1).

    Raises:
        IndexError: `index` is not one of the set's.
    """
    _check(spec, index)
    person = signer(spec.seed, index % spec.signers)
    pose = random_pose(_generator(spec.seed, _ANY_POSE, index), person)
    return _picture(spec, _ANY_POSE, index, person, pose, NO_LABEL)


def records(spec: RenderedSpec, file: str | Path) -> list[ImageRecord]:
    """The set's rows of the manifest; their pixels are rows of `file`, as `render_to_cache` returned it."""
    rows = []
    for index in range(spec.images):
        label, number = assignment(spec, index)
        rows.append(
            ImageRecord(
                file=str(file),
                key=f"{index:06d}",
                label=label,
                source=SOURCE,
                signer=f"r{number:03d}",
                row=index,
                width_px=spec.image_size_px,
                height_px=spec.image_size_px,
            )
        )
    return rows


def cache_name(spec: RenderedSpec) -> str:
    """The cache file's name: a hash of everything that its pixels depend on."""
    versions = {"renderer": RENDERER_VERSION, "handshapes": HANDSHAPES_VERSION}
    key = json.dumps({**asdict(spec), **versions}, sort_keys=True)
    return f"rendered-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"


def _render_rows(job: tuple[RenderedSpec, str, int, int]) -> int:
    spec, file, first, last = job
    rows = np.load(file, mmap_mode="r+")
    for index in range(first, last):
        rows[index] = sample(spec, index).image
    rows.flush()
    return last - first


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _done(jobs: list[tuple], processes: int, work: Callable[..., int] = _render_rows) -> Iterator[int]:
    if processes <= 1:
        yield from map(work, jobs)
        return
    # Spawned, not forked: a caller may hold threads and locks.
    with multiprocessing.get_context("spawn").Pool(processes, _one_thread) as pool:
        yield from pool.imap_unordered(work, jobs)


def render_to_cache(spec: RenderedSpec, cache_dir: Path, processes: int = 1) -> Path:
    """Render the whole set once into `cache_dir`; a second call finds it there.

    The file is written beside its name and renamed when complete, so it is never seen half-written and two processes
    that render at once do no harm.

    Args:
        spec: which set.
        cache_dir: made if missing.
        processes: how many render side by side; the images do not depend on it.

    Returns:
        Path of an .npy file, (images, size, size, 3) uint8 RGB, that `np.load(path, mmap_mode="r")` opens.

    Raises:
        UserError: the folder cannot be written.
    """
    cache_dir = Path(cache_dir)
    path = cache_dir / cache_name(spec)
    if path.exists():
        return path
    unfinished = path.with_name(f"{path.stem}.{uuid.uuid4().hex[:12]}.part.npy")
    shape = (spec.images, spec.image_size_px, spec.image_size_px, 3)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        rows = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
        del rows
    except OSError as error:
        raise UserError(f"The rendered set cannot be written to '{cache_dir}': {error.strerror or error}.") from error
    jobs = [(spec, str(unfinished), i, min(i + _CHUNK, spec.images)) for i in range(0, spec.images, _CHUNK)]
    columns = (TextColumn("rendering hands"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("render", total=spec.images)
            for count in _done(jobs, min(processes, len(jobs))):
                progress.advance(task, count)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


@dataclass
class RandomPoses:
    """Many random poses and everything that a network may be asked about them; there is no sign among it.

    Attributes:
        images: (count, size, size, 3) uint8 RGB.
        keypoints_px: (count, 21, 2) float32, as in `RenderedSample`.
        visible: (count, 21) bool.
        joint_angles: (count, 22) float32 radians.
        joints_mm: (count, 21, 3) float32, the keypoints in space as the viewer sees them: x right, y down, z away.
        left_handed: (count,) bool.
    """

    images: np.ndarray
    keypoints_px: np.ndarray
    visible: np.ndarray
    joint_angles: np.ndarray
    joints_mm: np.ndarray
    left_handed: np.ndarray


def _seen_joints_mm(spec: RenderedSpec, index: int) -> np.ndarray:
    person = signer(spec.seed, index % spec.signers)
    pose = random_pose(_generator(spec.seed, _ANY_POSE, index), person)
    joints = (forward(pose.angles, person.proportions).joints[:, None, :] * pose.rotation).sum(-1)
    return (joints * ((-1 if pose.mirrored else 1), -1, -1)).astype(np.float32)


def _render_poses(job: tuple[RenderedSpec, str, int]) -> int:
    spec, file, first = job
    indices = range(first, first + _POSES_PER_FILE)
    spec = replace(spec, images=indices.stop)  # a file is always full, so that a larger set finds it again
    drawn = [random_pose_sample(spec, index) for index in indices]
    unfinished = Path(file).with_suffix(f".{uuid.uuid4().hex[:12]}.part.npz")
    try:
        np.savez(
            unfinished,
            images=np.stack([one.image for one in drawn]),
            keypoints_px=np.stack([one.keypoints_px for one in drawn]),
            visible=np.stack([one.visible for one in drawn]),
            joint_angles=np.stack([one.joint_angles for one in drawn]),
            joints_mm=np.stack([_seen_joints_mm(spec, index) for index in indices]),
            left_handed=np.array([signer(spec.seed, index % spec.signers).left_handed for index in indices]),
        )
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return len(drawn)


def random_poses(spec: RenderedSpec, cache_dir: Path, processes: int = 1) -> RandomPoses:
    """The set's images as `random_pose_sample` draws them, rendered once into `cache_dir` and kept there.

    A rendering that was stopped goes on from where it was, and a larger set reuses the images of a smaller one.

    Args:
        spec: which set.
        cache_dir: made if missing.
        processes: how many render side by side; the images do not depend on it.

    Raises:
        UserError: the folder cannot be written.
    """
    key = json.dumps({**asdict(spec), "images": None, **POSES_VERSIONS}, sort_keys=True)
    folder = Path(cache_dir) / f"random_poses-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    files = [folder / f"{first:07d}.npz" for first in range(0, spec.images, _POSES_PER_FILE)]
    jobs = [(spec, str(file), number * _POSES_PER_FILE) for number, file in enumerate(files) if not file.exists()]
    columns = (TextColumn("rendering hands"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("render", total=len(jobs) * _POSES_PER_FILE)
            for count in _done(jobs, min(processes, len(jobs)), _render_poses):
                progress.advance(task, count)
    except OSError as error:
        raise UserError(f"Rendered hands cannot be written to '{folder}': {error.strerror or error}.") from error
    arrays: dict[str, list[np.ndarray]] = {}
    for file in files:
        with np.load(file) as part:
            for name in part.files:
                arrays.setdefault(name, []).append(part[name])
    return RandomPoses(**{name: np.concatenate(parts)[: spec.images] for name, parts in arrays.items()})


_MANIFEST_COLUMNS = (
    "path",
    "label",
    "signer",
    "box_x0",
    "box_y0",
    "box_x1",
    "box_y1",
    *(f"{axis}{point}" for point in range(NUM_KEYPOINTS) for axis in "xy"),
    *(f"visible{point}" for point in range(NUM_KEYPOINTS)),
)


def write_folders(spec: RenderedSpec, folder: Path) -> Path:
    """Write the set as ordinary image folders: `<sign>/<index>.png` and a `manifest.csv` beside them.

    Returns:
        Path of manifest.csv: path, label (the sign's name), signer, the hand's box, and x, y and visibility of 21
        keypoints.

    Raises:
        UserError: the folder cannot be written.
    """
    folder = Path(folder)
    table = folder / "manifest.csv"
    try:
        for sign in SIGNS:
            (folder / sign).mkdir(parents=True, exist_ok=True)
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_MANIFEST_COLUMNS)
            for index in track(range(spec.images), "rendering hands", console=Console(stderr=True), transient=True):
                one = sample(spec, index)
                path = Path(SIGNS[one.label]) / f"{index:06d}.png"
                _, data = cv2.imencode(".png", one.image[..., ::-1])
                (folder / path).write_bytes(data.tobytes())
                points = (f"{value:.2f}" for value in one.keypoints_px.ravel())
                edges = (f"{value:.2f}" for value in one.box)
                writer.writerow(
                    [path.as_posix(), SIGNS[one.label], one.signer, *edges, *points, *one.visible.astype(int)]
                )
    except OSError as error:
        raise UserError(f"The rendered set cannot be written to '{folder}': {error.strerror or error}.") from error
    return table


def _tiled(cells: list[np.ndarray], columns: int, gap: int, fill: tuple[int, int, int]) -> np.ndarray:
    height, width = cells[0].shape[:2]
    rows = -(-len(cells) // columns)
    page = np.empty((gap + rows * (height + gap), gap + columns * (width + gap), 3), np.uint8)
    page[:] = fill
    for place, cell in enumerate(cells):
        y = gap + place // columns * (height + gap)
        x = gap + place % columns * (width + gap)
        page[y : y + height, x : x + width] = cell
    return page


def chart(cell_px: int = 176, columns: int = 9, person: Signer | None = None) -> np.ndarray:
    """The 36 signs by one person before a light background, each with its name.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    person = person or chart_signer()
    key = np.array([-0.48, 0.62, 0.62])
    lighting = Lighting(
        key / np.sqrt((key**2).sum()),
        np.array([1.0, 0.965, 0.92]) * 1.02,
        np.ones(3) * 0.10,
        np.array([0.40, 0.42, 0.46]),
        np.array([0.26, 0.23, 0.21]),
        shadow=0.6,
        occlusion=0.85,
    )
    paper = np.array([0.88, 0.885, 0.89], np.float32)
    size = 2 * cell_px
    grain = skin_grain(_generator(0, _PERSON, 0)) * np.array([0.7, 0.35, 0.35], np.float32)[:, None, None]
    cells = []
    for sign in SIGNS:
        pose = sign_pose(sign, person)
        # One scale for all cells: a fist is smaller than an open hand.
        seen = (forward(pose.angles, person.proportions).joints[:, None, :] * pose.rotation).sum(-1)[:, :2]
        extent_mm = np.ptp(seen, axis=0).max() + 22.0
        camera = Camera(800.0, float(np.clip(extent_mm / 235.0, 0.62, 0.82)), (0.0, 0.02))
        rendering = render(pose, person.proportions, person.skin, camera, lighting, size, grain=grain)
        light = cv2.resize(compose(rendering, paper), (cell_px, cell_px), interpolation=cv2.INTER_AREA)
        cell = np.ascontiguousarray(np.rint(to_srgb(light) * 255).astype(np.uint8))
        scale = cell_px / 176
        cv2.putText(
            cell,
            sign,
            (int(9 * scale), int(27 * scale)),
            cv2.FONT_HERSHEY_DUPLEX,
            0.8 * scale,
            (60, 64, 72),
            1,
            cv2.LINE_AA,
        )
        cells.append(cell)
    return _tiled(cells, columns, 4, (255, 255, 255))


def sheet(
    spec: RenderedSpec | None = None, rows: int = 6, columns: int = 12, first: int = 0, random_poses: bool = False
) -> np.ndarray:
    """Images of a set side by side, from index `first` on, wrapping round.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    spec = spec or RenderedSpec()
    draw = random_pose_sample if random_poses else sample
    return _tiled(
        [draw(spec, (first + i) % spec.images).image for i in range(rows * columns)], columns, 2, (255, 255, 255)
    )
