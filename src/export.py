"""Write a run as one ONNX file that any program can use: `python -m src.export run=<run folder> quantize=int8`.

The file takes `images`, (batch, height, width, 3) uint8 RGB of any size, and gives `probabilities`, (batch, 36): how an
image becomes a square and the calibrated temperature are inside, labels and figures in its metadata. It is written
only if it answers as the run does (no probability off by more than 0.0001) on the run's own test images.
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

    run: Path = Field(title="run folder", description="the run to export")
    output: Path | None = Field(
        default=None, title="file.onnx", description="where to; <run folder>/model.onnx unless said"
    )
    quantize: Literal["int8"] | None = Field(
        default=None, description="a second file, <name>.int8.onnx, with int8 weights, calibrated on training images"
    )
    overrides: tuple[str, ...] = passed_on(
        *IMAGE_PLACES, description="where the run's images lie now, if they have moved"
    )

    def check(self) -> None:
        """The file's name must say what it is."""
        if self.output is not None and self.output.suffix != ".onnx":
            raise UserError(f"output={self.output} must end in .onnx.")


def main(arguments: list[str]) -> None:
    """Build, check, write and compare.

    Raises:
        UserError: no such run, a missing library, or an export that does not answer as the run does.
    """
    given = parse(Arguments, arguments)
    run = given.run.resolve()
    images = evaluation_settings(run, as_paths(given.overrides)).datamodule
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"Exporting needs {error.name}: pip install -e .[export] installs what is missing.") from None

    from src.inference.exporting import export

    export(run, images, given.output or run / "model.onnx", quantize=given.quantize is not None)


if __name__ == "__main__":
    run_door(main)
