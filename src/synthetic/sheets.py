"""Many rendered hands on one page: the chart of the 36 signs, and a page of samples."""

import cv2
import numpy as np

from src.signs.labels import SIGNS
from src.synthetic.background import skin_grain
from src.synthetic.camera import Camera
from src.synthetic.dataset import PERSON, generator, random_pose_sample, sample
from src.synthetic.photograph import compose, to_srgb
from src.synthetic.posing import sign_pose
from src.synthetic.render import render
from src.synthetic.scenes import scene_sample
from src.synthetic.shading import Lighting
from src.synthetic.signer import Signer, chart_signer
from src.synthetic.skeleton import forward
from src.synthetic.spec import RenderedSpec


def _tiled(cells: list[np.ndarray], columns: int, gap: int, fill: tuple[int, int, int]) -> np.ndarray:
    height, width = cells[0].shape[:2]
    rows = -(-len(cells) // columns)
    page = np.empty((gap + rows * (height + gap), gap + columns * (width + gap), 3), np.uint8)
    page[:] = fill
    for index, cell in enumerate(cells):
        y = gap + index // columns * (height + gap)
        x = gap + index % columns * (width + gap)
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
    grain = skin_grain(generator(0, PERSON, 0)) * np.array([0.7, 0.35, 0.35], np.float32)[:, None, None]
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
    spec: RenderedSpec | None = None,
    rows: int = 6,
    columns: int = 12,
    first: int = 0,
    random_poses: bool = False,
    scene_px: tuple[int, int] | None = None,
) -> np.ndarray:
    """Images of a set side by side, from index `first` on, wrapping round.

    Args:
        spec: which set.
        rows, columns: of the page.
        first: index of the first image.
        random_poses: poses that are no signs.
        scene_px: width and height of hands in rooms; half as many stand in a row.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    spec = spec or RenderedSpec()
    if scene_px is not None:
        columns = max(1, columns // 2)
        # Signs and people are dealt out in turn: a step that has no factor in common with 36 shows all of both.
        cells = [scene_sample(spec, (first + 37 * i) % spec.images, *scene_px).image for i in range(rows * columns)]
    else:
        draw = random_pose_sample if random_poses else sample
        cells = [draw(spec, (first + i) % spec.images).image for i in range(rows * columns)]
    return _tiled(cells, columns, 2, (255, 255, 255))
