"""A rendered set as ordinary image folders."""

from collections.abc import Iterator
from pathlib import Path

import cv2

from src.signs.labels import SIGNS
from src.storage.files import write_csv
from src.synthetic.dataset import sample
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


def write_folders(spec: RenderedSpec, folder: Path) -> Path:
    """Write the set as ordinary image folders: `<sign>/<index>.png` and a `manifest.csv` beside them.

    Returns:
        Path of manifest.csv: path, label (the sign's name), signer, the hand's box, and x, y and visibility of 21
        keypoints.

    Raises:
        UserError: the folder cannot be written.
    """
    table = Path(folder) / "manifest.csv"
    write_csv(table, _MANIFEST_COLUMNS, _written(spec, table.parent))
    return table


def _written(spec: RenderedSpec, folder: Path) -> Iterator[list[str]]:
    """Writes image after image, and gives the manifest's row of each."""
    for sign in SIGNS:
        (folder / sign).mkdir(parents=True, exist_ok=True)
    with progress("rendering hands", spec.images) as advance:
        for index in range(spec.images):
            one = sample(spec, index)
            path = Path(SIGNS[one.label]) / f"{index:06d}.png"
            _, data = cv2.imencode(".png", one.image[..., ::-1])
            (folder / path).write_bytes(data.tobytes())
            numbers = [f"{value:.2f}" for value in (*one.box, *one.keypoints_px.ravel())]
            visible = [str(int(seen)) for seen in one.visible]
            yield [path.as_posix(), SIGNS[one.label], one.signer, *numbers, *visible]
            advance(1)
