"""Make weights that have seen hands and no sign: `python -m src.pretrain output=<file.safetensors>`.

`images=20000 epochs=10 size=96 seed=0` say how many rendered hands, how often, how large and which;
`start=<file.safetensors>` learns on from an earlier file. The pictures and a checkpoint lie under `cache=.cache`: the
same command again goes on after the last finished epoch. The file holds the
stages of MobileNetV2 below the head; `model=mobilenetv2 model.weights=<file.safetensors>` starts a run from it.
"""

import sys
import time
from pathlib import Path

from src.errors import UserError
from src.settings.composition import named_values, speaking_plainly, whole_number

_NUMBERS = {"images": "images", "epochs": "epochs", "size": "image_size_px", "seed": "seed"}
_PATHS = ("output", "cache", "start")


def main(arguments: list[str]) -> None:
    """Render, train, and write the file.

    Raises:
        UserError: an argument is not understood, or a file cannot be written.
    """
    values = named_values(arguments, (*_PATHS, *_NUMBERS))
    numbers = {_NUMBERS[key]: whole_number(key, value) for key, value in values.items() if key in _NUMBERS}
    paths = {"cache": Path(".cache")} | {key: Path(value) for key, value in values.items() if key in _PATHS}
    if "output" not in paths:
        raise UserError("Say where the weights go: output=<file.safetensors>.")
    if paths["output"].suffix != ".safetensors" or paths["output"].is_dir():
        raise UserError(f"output={paths['output']} must be a file that ends in .safetensors.")

    if "start" in paths and paths["start"].resolve() == paths["output"].resolve():
        raise UserError(f"start and output are both {paths['output']}: learn on from a copy, or write elsewhere.")

    from src.hardware import cores, machine
    from src.learning.pretraining import Pretraining, pretrain

    started = time.perf_counter()
    figures = pretrain(Pretraining(**numbers), paths["output"], paths["cache"], cores(), paths.get("start"))
    minutes = (time.perf_counter() - started) / 60
    print(f"{minutes:.0f} minutes on {machine()}")
    print("  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    print(f"Weights: {paths['output']}")


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
