"""Make weights that have seen hands and no sign: `python -m src.pretrain output=<file.safetensors>`.

Images and a checkpoint lie under `cache=`: the same command again goes on after the last finished epoch. The file holds
the stages of MobileNetV2 below the head; `model=mobilenetv2 model.weights=<file.safetensors>` starts a run from it.
"""

import time
from pathlib import Path

from src.errors import UserError
from src.settings.arguments import parse, run_door
from src.settings.options import Field, settings


@settings
class Arguments:
    """On which rendered hands, how long, and where the weights go."""

    output: Path = Field(title="file.safetensors", description="where the weights go")
    images: int = Field(default=20_000, ge=128, le=10_000_000, description="rendered hands")
    epochs: int = Field(default=10, ge=1, le=100_000, description="how often each is seen")
    size: int = Field(default=96, ge=32, le=4096, title="pixels", description="side of an image")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="which of all possible sets of hands, and the order")
    cache: Path = Field(default=Path(".cache"), title="folder", description="for images and the checkpoint")
    start: Path | None = Field(default=None, title="file.safetensors", description="learn on from an earlier file")

    def check(self) -> None:
        """The weights go into a file of their own."""
        if self.output.suffix != ".safetensors" or self.output.is_dir():
            raise UserError(f"output={self.output} must be a file that ends in .safetensors.")
        if self.start is not None and self.start.resolve() == self.output.resolve():
            raise UserError(f"start and output are both {self.output}: learn on from a copy, or write elsewhere.")


def main(arguments: list[str]) -> None:
    """Render, train, and write the file.

    Raises:
        UserError: an argument is not understood, or a file cannot be written.
    """
    given = parse(Arguments, arguments)

    from src.hardware import cores, machine
    from src.learning.pretraining.recipe import Pretraining
    from src.learning.pretraining.running import pretrain

    started = time.perf_counter()
    wanted = Pretraining(images=given.images, epochs=given.epochs, image_size_px=given.size, seed=given.seed)
    figures = pretrain(wanted, given.output, given.cache, cores(), given.start)
    minutes = (time.perf_counter() - started) / 60
    print(f"{minutes:.0f} minutes on {machine()}")
    print("  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    print(f"Weights: {given.output}")


if __name__ == "__main__":
    run_door(main)
