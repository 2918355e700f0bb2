"""What a sweep adds up to, mean ± standard deviation over seeds for each configuration: table, CSV, chart and page."""

import math
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from src.evaluation.lines import leak_range
from src.reports.headlines import headlines, narrow_headlines
from src.reports.sweep_page import Sweep, both_charts, mean_of, write
from src.runs.folder import REPORT
from src.runs.sweeps import mean_sd
from src.storage.files import replacing_whole, write_csv

TABLE = "sweep.csv"
CHART = "sweep.png"
_FIGURES = ("test/accuracy", "test/f1_macro", "val/accuracy", "train_seconds", "seconds")  # further metrics come last
_LEGEND = """\
  accuracy on test and val: mean ± standard deviation over seeds; stages: how many are trained, the head too
  seconds: of a run, less filling the cache, which the first run does for all
  saved: seconds that frozen stages would have taken in every epoch, less those of keeping their activations"""


def report(folders: Sequence[Path], console: Console | None = None) -> None:
    """Print the table of sweeps and write `sweep.csv`, `sweep.png` and the page `report.html` into the first's folder.

    Args:
        folders: one multirun, or several to compare, such as the same depths for seen and for unseen signers.
        console: where to print; the terminal where not given.

    Raises:
        UserError: a folder holds no runs.
    """
    console = console or Console()
    folder, sweep = folders[0], Sweep(folders)
    _print(sweep, console)
    _write_csv(sweep, folder / TABLE)
    written = [TABLE]
    if sweep.runs:
        with replacing_whole(folder / CHART) as beside:
            both_charts(sweep).savefig(beside, dpi=150)
        written.append(CHART)
    write(sweep, folder / REPORT)
    files = ", ".join([*written, REPORT])
    console.print(f"  written to {folder}: {files}", highlight=False, markup=False, soft_wrap=True)


def _print(sweep: Sweep, console: Console) -> None:
    protocols = sorted(
        {
            f"split={run.split}" + (f" {','.join(run.holdout)}" if run.holdout else "") + f" on {','.join(run.sources)}"
            for run in sweep.runs
        }
    )  # figures of two protocols are never meant to be compared
    title = "Sweep: " + ("; ".join(protocols) or "no run finished")
    console.print(title, style="bold", markup=False, highlight=False)
    leaking = [run for run in sweep.runs if run.leaked_test_percent]
    if leaking:
        splits = ", ".join(sorted({run.split for run in leaking}))
        share = leak_range([run.leaked_test_percent or 0.0 for run in leaking])
        said = f"  split={splits}: {share} of the test images have a near-duplicate in training"
        console.print(said, style="yellow", highlight=False)
    console.print(_table(sweep, several_protocols=len(protocols) > 1))
    console.print(_LEGEND, style="dim")
    for name, reason in sweep.failed.items():
        console.print(f"  failed: {name}: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
    for name in sweep.unfinished:
        console.print(f"  unfinished: {name}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _table(sweep: Sweep, several_protocols: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    for key in sweep.settings:
        name = key.rsplit(".", 1)[-1]
        table.add_column(name, overflow="fold", min_width=min(12, len(name)))
    names_split = several_protocols and not any(key.startswith("split") for key in sweep.settings)
    if names_split:
        table.add_column("split", no_wrap=True, min_width=len("random"))
    metrics = narrow_headlines(sweep.runs)
    titles = ["test" if metric.name == "accuracy" else metric.title for metric in metrics]
    titles = [f"{title} %" if metric.share else title for title, metric in zip(titles, metrics, strict=True)]
    for column in ("stages", "runs", *titles, "val %", "seconds", "saved"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in sweep.configurations:
        runs, failures = one.runs, len(one.failed) + len(one.unfinished)
        figures = [mean_of(one.values(f"test/{metric.name}"), metric) for metric in metrics]
        figures.append(mean_of(one.values("val/accuracy")))
        table.add_row(
            *(Text(one.settings.get(key, "")) for key in sweep.settings),  # Text: [hand1] is a value, not a style
            *(["/".join(sorted({run.split for run in runs}))] if names_split else []),
            "/".join(sorted({str(run.stages_trained) for run in runs})) or "–",
            f"{len(runs)}" + (f"/{len(runs) + failures}" if failures else ""),
            *(figure.removesuffix("\u00a0%") for figure in figures),
            f"{mean_sd(one.seconds)[0]:.0f}" if runs else "–",
            f"{one.saved_seconds:.0f}" if runs else "–",
            style="red" if failures and not runs else None,
        )
    return table


def _write_csv(sweep: Sweep, file: Path) -> None:
    further = [key for metric in headlines(sweep.runs) if (key := f"test/{metric.name}") not in _FIGURES]
    columns, last = ([f"{key}_{part}" for key in keys for part in ("mean", "sd")] for keys in (_FIGURES, further))
    facts = ("stages_trained", "parameters_trained", "split", "holdout")
    header = (*sweep.settings, *facts, "runs", "failed", "seeds", *columns)
    rows = []
    for one in sweep.configurations:
        flat = [run.flat() for run in one.runs]
        figures = [value for figure in _FIGURES for value in mean_sd(one.values(figure))]
        others = [value for figure in further for value in mean_sd(one.values(figure))]
        saved, leaked = one.saved_seconds, mean_sd([run.leaked_test_percent or 0.0 for run in one.runs])[0]
        rows.append(
            [
                *(one.settings.get(key, "") for key in sweep.settings),
                *("/".join(sorted({str(run[name]) for run in flat})) for name in facts),
                len(one.runs),
                len(one.failed) + len(one.unfinished),
                " ".join(str(seed) for seed in sorted(run.seed for run in one.runs)),
                *("" if math.isnan(value) else f"{value:.6g}" for value in (*figures, saved, leaked, *others)),
            ]
        )
    write_csv(file, (*header, "cache_saved_seconds_mean", "leaked_test_percent_mean", *last), rows)
