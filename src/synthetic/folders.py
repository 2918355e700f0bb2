"""A rendered set as ordinary image folders."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2

from src.signs.labels import SIGNS
from src.storage.files import write_csv
from src.synthetic.dataset import NO_LABEL, RenderedSample, sample
from src.synthetic.scenes import empty_scene, scene_sample
from src.synthetic.skeleton import NUM_KEYPOINTS
from src.synthetic.spec import RenderedSpec
from src.terminal import progress

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


# The folder of scenes in which nobody signs, and their label.
NOTHING = "nothing"


def write_folders(spec: RenderedSpec, folder: Path, scene_px: tuple[int, int] | None = None, empty: int = 0) -> Path:
    """Write the set as ordinary image folders: `<sign>/<index>.png` and a `manifest.csv` beside them.

    Args:
        spec: which set.
        folder: made if missing.
        scene_px: width and height of hands in rooms; None for hands alone.
        empty: how many rooms in which nobody signs, in the folder `nothing`; for scenes alone.

    Returns:
        Path of manifest.csv: path, label (the sign's name), signer, the hand's box, and x, y and visibility of 21
        keypoints.

    Raises:
        UserError: the folder cannot be written.
    """
    table = Path(folder) / "manifest.csv"
    write_csv(table, _MANIFEST_COLUMNS, _written(_drawn(spec, scene_px, empty), spec.images + empty, table.parent))
    return table


def _drawn(spec: RenderedSpec, scene_px: tuple[int, int] | None, empty: int) -> Iterator[tuple[int, RenderedSample]]:
    for index in range(spec.images):
        yield index, sample(spec, index) if scene_px is None else scene_sample(spec, index, *scene_px)
    if scene_px is not None:
        for index in range(empty):
            yield index, empty_scene(replace(spec, images=empty), index, *scene_px)


def _written(samples: Iterator[tuple[int, RenderedSample]], count: int, folder: Path) -> Iterator[list[str]]:
    """Writes image after image, and gives the manifest's row of each."""
    for sign in SIGNS:
        (folder / sign).mkdir(parents=True, exist_ok=True)
    with progress("rendering hands", count) as advance:
        for index, one in samples:
            label = NOTHING if one.label == NO_LABEL else SIGNS[one.label]
            (folder / label).mkdir(exist_ok=True)
            path = Path(label) / f"{index:06d}.png"
            _, data = cv2.imencode(".png", one.image[..., ::-1])
            (folder / path).write_bytes(data.tobytes())
            numbers = [f"{value:.2f}" for value in (*one.box, *one.keypoints_px.ravel())]
            visible = [str(int(seen)) for seen in one.visible]
            yield [path.as_posix(), label, one.signer, *numbers, *visible]
            advance(1)
