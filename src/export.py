"""Write a run as one ONNX file that any program can use: `python -m src.export run=<run folder>`.

The file takes `images`, (batch, height, width, 3) uint8 RGB of any size, and gives `probabilities`, (batch, 36): how a
picture becomes a square and the calibrated temperature are inside, labels and figures in its metadata. It is written
only if it answers as the run does (no probability off by more than 0.0001) on the run's own test images.

output=<file.onnx>      where to; <run folder>/model.onnx unless said
quantize=int8           a second file, <name>.int8.onnx, with int8 weights, calibrated on training images
datamodule.root=<dir>   where the run's images lie now, if they have moved
"""

import sys
from pathlib import Path

from src.errors import UserError
from src.settings.composition import evaluation_config, named_values, speaking_plainly

_PLACES = ("datamodule.root", "datamodule.folder", "datamodule.cache_dir")


def main(arguments: list[str]) -> None:
    """Build, check, write and compare.

    Raises:
        UserError: no such run, a missing library, or an export that does not answer as the run does.
    """
    values = named_values(arguments, ("run", "output", "quantize", *_PLACES))
    if "run" not in values:
        raise UserError("Name the run to export: python -m src.export run=<run folder>.")
    run = Path(values["run"]).resolve()
    output = Path(values.get("output", run / "model.onnx"))
    if output.suffix != ".onnx":
        raise UserError(f"output={output} must end in .onnx.")
    if values.get("quantize", "int8") != "int8":
        raise UserError(f"quantize={values['quantize']} is not understood: int8 is what there is.")
    cfg = evaluation_config(run, [f"{key}='{values[key]}'" for key in _PLACES if key in values])
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"Exporting needs {error.name}: pip install -e .[export] installs what is missing.") from None

    from src.inference.exporting import export

    export(run, cfg, output, quantize="quantize" in values)


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
