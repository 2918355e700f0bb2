"""Train the hand finder: `python -m src.finder data=<root> joints=<joints.csv.gz> output=<finder.onnx>`.

Decoded pictures, rendered hands and a checkpoint lie under `cache=`: the same command again goes on after the last
finished epoch. `measure=<finder.onnx>` in place of `output=` says what a file finds in pictures that it was not
trained on. experiments/hand_finder says how the finder in the box was made.
"""

import time
from pathlib import Path

from src.errors import UserError
from src.settings.arguments import parse, run_door
from src.settings.options import Field, settings


@settings
class Arguments:
    """From which pictures, how long, and where the finder goes; or which one is measured."""

    data: Path = Field(title="folder", description="the data root, which paths in joints= are below")
    joints: Path = Field(title="joints.csv.gz", description="where a teacher saw 21 joints in each picture")
    output: Path | None = Field(default=None, title="finder.onnx", description="where the finder goes")
    measure: Path | None = Field(default=None, title="finder.onnx", description="a finder to measure instead")
    sets: str = Field(default="rooms_dev", title="folder", description="whose pictures measure=… looks at")
    epochs: int = Field(default=40, ge=1, le=100_000, description="how long")
    views: int = Field(default=6400, ge=64, le=10_000_000, description="new ones in every epoch")
    rendered: int = Field(default=3600, ge=1, le=10_000_000, description="hands that are rendered for it")
    scenes: int = Field(default=3600, ge=3, le=10_000_000, description="frames of rooms that are rendered for it")
    cleared: bool = Field(default=True, description="only sets whose weights may be given away")
    holdout: tuple[str, ...] = Field(default=(), title="person", description="not trained on, and validated on")
    start: str = Field(
        default="imagenet", title="weights", description="of the lower stages: imagenet, hands, or a file"
    )
    seed: int = Field(default=1, ge=0, le=2**31 - 1, description="of views and first weights")
    threshold: float = Field(default=0.5, ge=0.01, le=0.99, description="certainty from which it is a hand")
    cache: Path = Field(default=Path(".cache"), title="folder", description="for pictures and the checkpoint")
    as_it_is: bool = Field(default=False, description="write what the last finished epoch left, and train no more")

    def check(self) -> None:
        """One of output and measure is given, and output is a file of its own."""
        if (self.output is None) == (self.measure is None):
            raise UserError("Give output=<finder.onnx> to train a finder, or measure=<finder.onnx> to measure one.")
        if self.output is not None and (self.output.suffix != ".onnx" or self.output.is_dir()):
            raise UserError(f"output={self.output} must be a file that ends in .onnx.")


def main(arguments: list[str]) -> None:
    """Train, write the file and print what it finds; or measure one.

    Raises:
        UserError: an argument is not understood, or pictures, table or a file cannot be read or written.
    """
    given = parse(Arguments, arguments)
    if given.measure is not None:
        from src.inference.finder_measuring import measure_finder

        measure_finder(given.measure, given.data, given.joints, given.sets, given.cache)
        return
    _train(given)


def _train(given: Arguments) -> None:
    from src.hardware import machine
    from src.inference.finder_exporting import export_finder
    from src.learning.finding.recipe import FinderTraining
    from src.learning.finding.running import train_finder

    assert given.output is not None
    started = time.perf_counter()
    recipe = FinderTraining(
        epochs=given.epochs,
        views=given.views,
        rendered=given.rendered,
        scenes=given.scenes,
        cleared=given.cleared,
        holdout=given.holdout,
        seed=given.seed,
    )
    trained = train_finder(recipe, given.data, given.joints, given.cache, given.start, as_it_is=given.as_it_is)
    print(f"{trained.epochs} epochs, {(time.perf_counter() - started) / 60:.0f} minutes on {machine()}")
    who = "people kept out of training" if given.holdout else "people that it was trained on"
    print(
        f"found in fresh views of {who} (probability and overlap of the boxes at least half), mean error of the joints:"
    )
    for person, figures in trained.figures.items():
        print("  " + person + "  " + "  ".join(f"{name} {value:.1%}" for name, value in figures.items()))
    made = {
        "recipe": recipe.plain(),
        "start": given.start,
        "trained_on": [one.folder for one in recipe.sets],
        "epochs": trained.epochs,
        "metrics": trained.figures["all"],
    }
    said = export_finder(trained.network, given.output, given.threshold, made, trained.views)
    print(f"Finder: {given.output}, {given.output.stat().st_size / 1e6:.1f} MB ({said})")


if __name__ == "__main__":
    run_door(main)
