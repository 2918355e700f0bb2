"""Render hands as ordinary image folders: `python -m src.render output=<folder> images=3600 signers=100 size=128`.

Beside the folders, manifest.csv gives each image's sign, signer, box and 21 keypoints in pixels. `chart=` and `sheet=`
draw the 36 signs and a page of samples. With `scenes=true` the hand is anywhere in a webcam's frame of 4:3, with its
arm, often with whoever it belongs to, in a room: `python -m src.render sheet=rooms.jpg scenes=true size=240`. Rooms in
which nobody signs go into the folder `nothing`, as many as `empty=` says.
"""

from pathlib import Path
from typing import Any

from src.errors import UserError
from src.settings.arguments import parse, run_door
from src.settings.options import Field, settings
from src.synthetic.spec import LEAST_SCENE_PX

_IMAGE = "file.png|file.jpg"
_SCENE_SHAPE = 4 / 3


@settings
class Arguments:
    """Which hands are rendered, and where to."""

    output: Path | None = Field(default=None, title="folder", description="a folder a sign, and manifest.csv")
    chart: Path | None = Field(default=None, title=_IMAGE, description="the 36 signs")
    sheet: Path | None = Field(default=None, title=_IMAGE, description="a page of samples")
    images: int = Field(default=3600, ge=1, le=10_000_000, description="how many")
    signers: int = Field(default=100, ge=1, le=100_000, description="of how many people")
    size: int = Field(default=128, ge=16, le=4096, title="pixels", description="side of an image; height of a scene")
    scenes: bool = Field(
        default=False, title="true|false", description="hands in rooms, as webcams see them, in frames of 4:3"
    )
    empty: int = Field(default=0, ge=0, le=10_000_000, description="scenes without a signing hand, in output/nothing")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="which of all possible sets")

    def check(self) -> None:
        """Something must be made."""
        if not (self.output or self.chart or self.sheet):
            raise UserError("Say what to make: output=<folder>, chart=<file.png> or sheet=<file.png>.")
        if self.empty and not self.scenes:
            raise UserError(f"empty={self.empty} is for rooms: say scenes=true too.")
        if self.scenes and self.size < LEAST_SCENE_PX:
            raise UserError(f"A scene needs size of at least {LEAST_SCENE_PX}, not {self.size}.")


def main(arguments: list[str]) -> None:
    """Render what is asked for.

    Raises:
        UserError: an argument is not understood, or a file cannot be written.
    """
    given = parse(Arguments, arguments)

    import cv2

    from src.synthetic.folders import write_folders
    from src.synthetic.sheets import chart, sheet
    from src.synthetic.spec import RenderedSpec

    spec = RenderedSpec(given.images, given.signers, given.size, given.seed)
    scene_px = (round(_SCENE_SHAPE * given.size), given.size) if given.scenes else None
    if given.output is not None:
        table = write_folders(spec, given.output, scene_px, given.empty)
        print(f"{spec.images + given.empty} images and manifest.csv: {table}")
    drawings: tuple[tuple[Path | None, Any], ...] = (
        (given.chart, chart),
        (given.sheet, lambda: sheet(spec, scene_px=scene_px)),
    )
    for file, draw in drawings:
        if file is None:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(file), cv2.cvtColor(draw(), cv2.COLOR_RGB2BGR)):
            raise UserError(f"{file} cannot be written: name a .png or .jpg file in a folder you may write to.")
        print(f"drawn: {file}")


if __name__ == "__main__":
    run_door(main)
