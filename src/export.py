"""Write a network as an ONNX file that any program can use: `python -m src.export run=<run folder> quantize=int8`.

The file takes `images`, (batch, height, width, 3) uint8 RGB of any size, and gives `probabilities`, (batch, 36): how an
image becomes a square and the calibrated temperature are inside, labels and figures in its metadata. It is written
only if it answers as the run does (no probability off by more than 0.0001) on the run's own test images. A network that
reads found hands (datamodule.crop=hand) takes the square around the hand; the finder, `<name>.finder.onnx`, is written
beside it. Without run= the network in the box is copied out.
"""

from pathlib import Path
from typing import Literal

from src.errors import UserError
from src.learning.run_settings import evaluation_settings
from src.settings.arguments import IMAGE_PLACES, OfRuns, as_paths, parse, passed_on, run_door
from src.settings.options import Field, settings


@settings
class Arguments(OfRuns):
    """Which run is exported, where to and how."""

    run: Path | None = Field(
        default=None, title="run folder", description="the run to export; without it the network in the box"
    )
    output: Path | None = Field(
        default=None,
        title="file.onnx",
        description="where to; unless said <run folder>/model.onnx, or the current folder for the network in the box",
    )
    quantize: Literal["int8", "fp16"] | None = Field(
        default=None,
        description="a second file, <name>.int8.onnx, with int8 weights, calibrated on training images; "
        "or <name>.fp16.onnx, with weights kept in 16 bits, half as large",
    )
    overrides: tuple[str, ...] = passed_on(
        *IMAGE_PLACES, description="where the run's images lie now, if they have moved"
    )

    def check(self) -> None:
        """The file's name must say what it is."""
        if self.output is not None and self.output.suffix != ".onnx":
            raise UserError(f"output={self.output} must end in .onnx.")
        if self.run is None and (self.quantize or self.overrides):
            given = "quantize" if self.quantize else self.overrides[0].partition("=")[0]
            raise UserError(f"The network in the box is copied as it is: {given}=… needs run=<run folder>.")


def main(arguments: list[str]) -> None:
    """Build, check, write and compare.

    Raises:
        UserError: no such run, a missing library, or an export that does not answer as the run does.
    """
    given = parse(Arguments, arguments)
    if given.run is None:
        from src.inference.handing_out import hand_out

        hand_out(given.output)
        return
    run = given.run.resolve()
    images = evaluation_settings(run, as_paths(given.overrides)).datamodule
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"Exporting needs {error.name}: pip install -e .[export] installs what is missing.") from None

    from src.inference.exporting import export

    export(run, images, given.output or run / "model.onnx", given.quantize)


if __name__ == "__main__":
    run_door(main)
