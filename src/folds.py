"""Train once for every signer or source held out: `python -m src.folds split=signer datamodule.sources=[asl_dataset]`.

Settings are those of `python -m src.train`; `seed=1,2,3` trains each fold with each seed. `folds=5` shares many signers
out over five folds. Prints and writes the mean, the spread and the worst fold. A fold that fails does not stop the
others. The same command with `folder=<the folder that it printed>` goes on where it stopped; finished folds are kept.
"""

import re
import sys
import time
from pathlib import Path

from omegaconf import DictConfig

from src.errors import UserError
from src.importing import imports
from src.settings.composition import (
    ONE_RUN,
    PROJECT,
    command_line,
    compose,
    named_values,
    speaking_plainly,
    whole_number,
)


def main(arguments: list[str]) -> None:
    """Train all folds as one multirun, and report.

    Raises:
        UserError: a setting is not understood, or the images know too few or too many names to hold out.
    """
    own = ("folds", "folder")
    values = named_values([a for a in arguments if a.partition("=")[0] in own], own)
    overrides = [a for a in arguments if a.partition("=")[0] not in own]
    count = whole_number("folds", values["folds"], least=2) if "folds" in values else None
    folder = Path(values.get("folder") or PROJECT / "experiments" / "folds" / time.strftime("%Y-%m-%d_%H-%M-%S"))
    cfg = _one_run(overrides)

    from src.learning.cross_validation import multirun

    sys.argv[1:] = multirun(cfg, overrides, folder.resolve(), count)
    try:
        command_line(_fold, _report)
    except SystemExit as end:
        if end.code == 130:
            print(f"The same command with folder={folder} goes on with the folds.", file=sys.stderr)
        raise


def _one_run(overrides: list[str]) -> DictConfig:
    """The config that all folds share, with the first of several seeds."""
    by_source = "split=source" in overrides
    single = []
    for item in overrides:
        key, equals, value = item.partition("=")
        if item.startswith("-") or not equals or key in ("resume", "split.holdout"):
            raise UserError(f"'{item}' does not go with folds: each signer or source is held out in turn.")
        several = len(re.split(r",(?![^\[]*\])", value)) > 1 or re.match(r"\w+\(", value)
        if several and key != "seed":
            raise UserError(f"{item}: folds are of one configuration, and only seed=1,2,3 may have several values.")
        first = re.split(r"[,()]", value)[1 if "(" in value else 0] if several else value
        single.append("split=strictest" if item == "split=source" else f"{key}={first}")
    cfg = compose(single)
    if by_source:  # which needs a name, and each will be named in turn
        cfg.split.name, cfg.split.holdout = "source", cfg.datamodule.sources[:1]
    return cfg


def _fold(cfg: DictConfig, run_dir: Path) -> None:
    with imports():
        from src.learning.cross_validation import train_fold

    train_fold(cfg, run_dir)


def _report(folder: Path) -> None:
    from src.reports.cross_validation import report

    report(folder)


if __name__ == "__main__":
    if ONE_RUN[0] in sys.argv:  # another process of a distributed fold
        command_line(_fold, _report)
    else:
        speaking_plainly(main, sys.argv[1:], __doc__)
