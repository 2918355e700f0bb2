"""What a sweep adds up to, mean ± standard deviation over seeds for each configuration: table, CSV, plot and page."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from src.reports import sweep_page
from src.reports.sweep_runs import Configuration, mean_sd, read_sweep
from src.run_folder import REPORT
from src.writing import write_text

TABLE = "sweep.csv"
PLOT = "sweep.png"
_FIGURES = ("test/accuracy", "test/f1_macro", "val/accuracy", "train_seconds", "seconds")


def report(folder: Path, console: Console | None = None) -> None:
    """Print the table of a sweep and write `sweep.csv`, `sweep.png` and the page `report.html` into its folder.

    Raises:
        UserError: the folder holds no runs.
    """
    console = console or Console()
    configurations = read_sweep(folder)
    _print(configurations, console)
    write_text(folder / TABLE, _csv(configurations))
    written = [TABLE]
    if any(configuration.runs for configuration in configurations):
        _plot(configurations, folder / PLOT)
        written.append(PLOT)
    sweep_page.write([folder], folder / REPORT)
    written.append(REPORT)
    console.print(f"  written to {folder}: {', '.join(written)}", highlight=False, markup=False, soft_wrap=True)


def _percent(values: Sequence[float]) -> str:
    mean, sd = mean_sd(values)
    return "–" if math.isnan(mean) else f"{mean:.1%}" + (f" ± {100 * sd:.1f}" if len(values) > 1 else "")


def _protocols(configurations: Sequence[Configuration]) -> list[str]:
    """Every protocol in the sweep; figures of two protocols are never meant to be compared."""
    named = {
        f"split={run['split']}" + (f" {run['holdout']}" if run["holdout"] else "") + f" on {run['sources']}"
        for configuration in configurations
        for run in configuration.runs
    }
    return sorted(named)


def _print(configurations: Sequence[Configuration], console: Console) -> None:
    title = "Sweep: " + ("; ".join(_protocols(configurations)) or "no run finished")
    console.print(title, style="bold", markup=False, highlight=False)
    leaked = [run.get("leaked_test_percent") or 0 for configuration in configurations for run in configuration.runs]
    if any(leaked):
        share = " to ".join(dict.fromkeys(f"{percent:.0f}" for percent in (min(leaked), max(leaked))))
        console.print(
            f"  {share}% of the test images have a near-duplicate in training", style="yellow", highlight=False
        )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    keys = list(dict.fromkeys(key for configuration in configurations for key in configuration.settings))
    for key in keys:
        table.add_column(key.rsplit(".", 1)[-1], overflow="fold")
    for column in ("stages", "runs", "test accuracy", "macro F1", "validation", "s a run"):
        table.add_column(column, justify="right", no_wrap=True)
    for configuration in configurations:
        runs = configuration.runs
        failures = len(configuration.failed) + len(configuration.unfinished)
        table.add_row(
            *(Text(configuration.settings.get(key, "")) for key in keys),  # Text: [hand1] is a value, not a style
            "/".join(sorted({str(run["stages_trained"]) for run in runs})) or "–",
            f"{len(runs)}" + (f", {failures} failed" if failures else ""),
            _percent(configuration.values("test/accuracy")),
            _percent(configuration.values("test/f1_macro")),
            _percent(configuration.values("val/accuracy")),
            f"{mean_sd(configuration.values('seconds'))[0]:.0f}" if runs else "–",
            style="red" if failures and not runs else None,
        )
    console.print(table)
    console.print(
        "  mean ± standard deviation over seeds; stages: how many are trained, the head among them", style="dim"
    )
    for configuration in configurations:
        for name, reason in configuration.failed.items():
            console.print(f"  failed: {name}: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
        for name in configuration.unfinished:
            console.print(f"  unfinished: {name}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _csv(configurations: Sequence[Configuration]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    keys = list(dict.fromkeys(key for configuration in configurations for key in configuration.settings))
    columns = [f"{figure}_{part}" for figure in _FIGURES for part in ("mean", "sd")]
    names = ("stages_trained", "parameters_trained", "split", "holdout", "runs", "failed", "seeds")
    writer.writerow([*keys, *names, *columns])
    for configuration in configurations:
        runs = configuration.runs
        figures = [value for figure in _FIGURES for value in mean_sd(configuration.values(figure))]
        writer.writerow(
            [
                *(configuration.settings.get(key, "") for key in keys),
                *("/".join(sorted({str(run[name]) for run in runs})) for name in names[:4]),
                len(runs),
                len(configuration.failed) + len(configuration.unfinished),
                " ".join(str(seed) for seed in sorted(run["seed"] for run in runs)),
                *("" if math.isnan(value) else f"{value:.6g}" for value in figures),
            ]
        )
    return text.getvalue()


def _plot(configurations: Sequence[Configuration], file: Path) -> None:
    """Accuracy against trained stages: every run a dot, mean and standard deviation on top."""
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    measured = [configuration for configuration in configurations if configuration.runs]
    lines: dict[str, list[Configuration]] = {}
    for configuration in measured:
        # What sets the number of trained stages is the axis; whatever else was varied gets a line of its own.
        others = {key: value for key, value in configuration.settings.items() if not key.startswith("freeze")}
        lines.setdefault(" ".join(f"{key}={value}" for key, value in others.items()), []).append(configuration)
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    colours = ("#2a6f97", "#d1495b", "#3c8d5a", "#8a5fa8", "#c98a1b", "#5c6770")
    for number, (label, members) in enumerate(lines.items()):
        colour = colours[number % len(colours)]
        members = sorted(members, key=lambda member: member.runs[0]["stages_trained"])
        places = [member.runs[0]["stages_trained"] for member in members]
        means, deviations = zip(*(mean_sd(member.values("test/accuracy")) for member in members), strict=True)
        for place, member in zip(places, members, strict=True):
            values = member.values("test/accuracy")
            axes.plot([place] * len(values), [100 * v for v in values], "o", color=colour, alpha=0.3, markersize=4)
        axes.errorbar(
            places,
            [100 * mean for mean in means],
            yerr=[100 * deviation for deviation in deviations],
            color=colour,
            marker="o",
            capsize=3,
            linewidth=1.6,
            linestyle="-" if len(set(places)) == len(places) else "none",
            label=label or None,
        )
    axes.set_xticks(sorted({member.runs[0]["stages_trained"] for member in measured}))
    axes.set_xlabel("trained stages, counted from the head")
    axes.set_ylabel("test accuracy, %")
    axes.set_title("; ".join(_protocols(configurations)), fontsize=10)
    seeds = max(len(configuration.runs) for configuration in measured)
    axes.text(
        1, -0.14, f"mean ± sd of up to {seeds} runs", transform=axes.transAxes, ha="right", fontsize=8, color="0.4"
    )
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    if any(lines):
        axes.legend(frameon=False, fontsize=8)
    beside = file.with_name(f".{file.name}.part.png")
    figure.savefig(beside, dpi=150)
    beside.replace(file)
