"""Train once for every signer or source held out: `python -m src.folds split=signer datamodule.sources=[asl_dataset]`.

Settings are those of `python -m src.train`; `seed=1,2,3` trains each fold with each seed. `folds=5` shares many signers
out over five folds. Prints and writes the mean, the spread and the worst fold. A fold that fails does not stop the
others. The same command with `folder=<the folder that it printed>` goes on where it stopped; finished folds are kept.
"""

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from src.data.split import Source
from src.errors import UserError
from src.jobs import ONE_RUN, command_line
from src.learning.run_settings import RunSettings, compose
from src.settings.arguments import OfRuns, parse, passed_on, run_door
from src.settings.composing import PROJECT, searching
from src.settings.naming import has_several_values
from src.settings.options import Field, settings, validated
from src.train import run


@settings
class Arguments(OfRuns):
    """How many folds, where they go, and the settings that all of them share."""

    folds: int | None = Field(default=None, ge=2, description="number of folds; one a signer or source unless said")
    folder: Path | None = Field(default=None, description="of an earlier call, to go on with; a new one unless said")
    overrides: tuple[str, ...] = passed_on(description="settings of python -m src.train; seed may have several values")


def main(arguments: list[str]) -> None:
    """Train all folds as one multirun, and report.

    Raises:
        UserError: a setting is not understood, or the images know too few or too many names to hold out.
    """
    given = parse(Arguments, arguments)
    folder = given.folder or PROJECT / "experiments" / "folds" / time.strftime("%Y-%m-%d_%H-%M-%S")
    shared = _one_run(given.overrides)

    from src.learning.cross_validation import multirun

    sys.argv[1:] = multirun(shared, given.overrides, folder.resolve(), given.folds)
    try:
        command_line(_fold)
    except SystemExit as end:
        if end.code == 130:
            print(f"The same command with folder={folder} goes on with the folds.", file=sys.stderr)
        raise


def _one_run(overrides: Sequence[str]) -> RunSettings:
    """The settings that all folds share, with the first of several seeds."""
    single = []
    for item in overrides:
        key, equals, value = item.partition("=")
        if key == "--config-dir":
            single.append(searching(Path(value)))
            continue
        if item.startswith("-") or not equals or key in ("resume", "split.holdout"):
            raise UserError(f"'{item}' does not go with folds: each signer or source is held out in turn.")
        several = has_several_values(item)
        if several and key != "seed":
            raise UserError(f"{item}: folds are of one configuration, and only seed=1,2,3 may have several values.")
        first = re.split(r"[,()]", value)[1 if "(" in value else 0] if several else value
        single.append("split=strictest" if item == "split=source" else f"{key}={first}")
    shared = compose(single)
    if "split=source" in overrides:  # which needs a name, and each will be named in turn
        by_source = {"holdout": shared.datamodule.sources[:1], "seed": shared.split.seed}
        shared = replace(shared, split=validated(Source, by_source, "split"))
    return shared


def _fold(fold: RunSettings, run_dir: Path) -> None:
    from src.learning.cross_validation import train_fold

    train_fold(fold, run_dir, run)


if __name__ == "__main__":
    if ONE_RUN in sys.argv:  # another process of a distributed fold
        command_line(_fold)
    else:
        run_door(main)
