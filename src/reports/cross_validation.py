"""What the folds of a cross-validation add up to: a line a fold, their mean, their spread and the worst."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from src.errors import UserError
from src.reports.headlines import headlines, narrow_headlines
from src.runs.folder import FOLDS, METRICS, read_failure
from src.runs.record import RunRecord, read_run
from src.runs.sweeps import mean_sd
from src.storage.files import write_csv
from src.terminal import table

TABLE = "folds.csv"
_FIGURES = ("test/accuracy", "test/f1_macro", "val/accuracy")  # further metrics come last
_SHOWN_NAMES = 3


@dataclass
class Fold:
    """The runs of one fold, which differ in their seed alone.

    Attributes:
        holdout: the signers or sources that it tests.
        runs: records of the finished runs.
        missing: folder name → why it has no record.
    """

    holdout: tuple[str, ...]
    runs: list[RunRecord] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Who is held out, in a few words."""
        shown = ", ".join(self.holdout[:_SHOWN_NAMES])
        more = len(self.holdout) - _SHOWN_NAMES
        return f"{shown} and {more} more" if more > 0 else shown

    def mean(self, key: str) -> float:
        """A figure's mean over the seeds; NaN without a finished run that has it."""
        return mean_sd([value for run in self.runs if (value := run.figure(key)) is not None])[0]


def read_folds(folder: Path) -> tuple[str, list[Fold]]:
    """The protocol and the folds of a cross-validation's folder, in their own order.

    Raises:
        UserError: the folder holds no folds, or the record of a run is damaged.
    """
    if not (folder / FOLDS).is_file():
        raise UserError(f"{folder} is not a folder of folds: it holds no {FOLDS}.")
    plan = json.loads((folder / FOLDS).read_text(encoding="utf-8"))
    folds = {tuple(names): Fold(tuple(names)) for names in plan["holdouts"]}
    for file in sorted(folder.glob("*/.hydra/config.yaml")):
        run = file.parent.parent
        fold = folds.get(tuple(OmegaConf.load(file).split.holdout))
        if fold is None:
            continue
        if (run / METRICS).is_file():
            fold.runs.append(read_run(run))
        else:
            reason = read_failure(run)
            fold.missing[run.name] = f"failed: {reason}" if reason else "unfinished"
    for fold in folds.values():
        if not fold.runs and not fold.missing:
            fold.missing[fold.name] = "not begun"
    return plan["split"], list(folds.values())


def report(folder: Path, console: Console | None = None) -> None:
    """Print the folds and write `folds.csv` into their folder.

    Raises:
        UserError: the folder holds no folds.
    """
    console = console or Console()
    split, folds = read_folds(folder)
    measured = [fold for fold in folds if fold.runs]
    sources = "; ".join(sorted({",".join(run.sources) for fold in measured for run in fold.runs}))
    console.print(f"Folds: split={split} on {sources or 'nothing yet'}", style="bold", markup=False, highlight=False)
    console.print(_table(folds))
    for fold in folds:
        for name, reason in fold.missing.items():
            console.print(f"  {name}: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
    if measured:
        console.print(_summary(measured, len(folds)), style="bold", markup=False, highlight=False)
    keys = [*_FIGURES, *(f"test/{one.name}" for one in headlines([run for fold in folds for run in fold.runs]))]
    keys = list(dict.fromkeys(keys))
    write_csv(folder / TABLE, ("fold", "test_images", "runs", "seeds", *keys), _rows(folds, keys))
    console.print(f"  written to {folder / TABLE}", highlight=False, markup=False, soft_wrap=True)


def _table(folds: Sequence[Fold]) -> Table:
    rows = table()
    rows.add_column("held out", overflow="fold")
    metrics = narrow_headlines([run for fold in folds for run in fold.runs])
    titles = ["test accuracy" if metric.name == "accuracy" else metric.title for metric in metrics]
    for column in ("images", "runs", *titles, "validation"):
        rows.add_column(column, justify="right", no_wrap=True)
    for fold in folds:
        figures = [metric.text(fold.mean(f"test/{metric.name}")) for metric in metrics]
        images = str(fold.runs[0].test_images) if fold.runs else "–"
        validation = f"{fold.mean('val/accuracy'):.1%}" if fold.runs else "–"
        name, style = Text(fold.name), None if fold.runs else "red"
        rows.add_row(name, images, str(len(fold.runs)), *figures, validation, style=style)
    return rows


def _summary(measured: Sequence[Fold], planned: int) -> str:
    key = "test/accuracy"
    mean, sd = mean_sd([fold.mean(key) for fold in measured])
    worst = min(measured, key=lambda fold: fold.mean(key))
    over = f"{planned} folds" if len(measured) == planned else f"only {len(measured)} of {planned} folds"
    seeds = max(len(fold.runs) for fold in measured)
    each = f", each the mean of up to {seeds} seeds" if seeds > 1 else ""
    return (
        f"  test accuracy {mean:.1%} ± {100 * sd:.1f} (mean and standard deviation over {over}{each}); "
        f"worst {worst.mean(key):.1%}, {worst.name}"
    )


def _rows(folds: Sequence[Fold], keys: Sequence[str]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for fold in folds:
        images = fold.runs[0].test_images if fold.runs else ""
        seeds = " ".join(str(seed) for seed in sorted(run.seed for run in fold.runs))
        figures = [f"{fold.mean(key):.6g}" if fold.runs else "" for key in keys]
        rows.append(["+".join(fold.holdout), images, len(fold.runs), seeds, *figures])
    measured = [fold for fold in folds if fold.runs]
    if measured:
        values = [[fold.mean(key) for fold in measured] for key in keys]
        worst = values[0].index(min(values[0]))
        over = sum(len(fold.runs) for fold in measured)
        rows.append(["mean", "", over, "", *(f"{mean_sd(column)[0]:.6g}" for column in values)])
        rows.append(["sd", "", over, "", *(f"{mean_sd(column)[1]:.6g}" for column in values)])
        rows.append([f"worst: {'+'.join(measured[worst].holdout)}", "", "", "", *(f"{c[worst]:.6g}" for c in values)])
    return rows
