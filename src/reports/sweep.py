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
from src.reports.flat_sweeps import Configuration, leak_range, lines_of, read_sweep, trained_stages
from src.runs.folder import REPORT
from src.runs.sweeps import mean_sd
from src.storage.files import replacing_whole, write_text

TABLE = "sweep.csv"
PLOT = "sweep.png"
_FIGURES = ("test/accuracy", "test/f1_macro", "val/accuracy", "train_seconds", "seconds")


def report(folders: Sequence[Path], console: Console | None = None) -> None:
    """Print the table of sweeps and write `sweep.csv`, `sweep.png` and the page `report.html` into the first's folder.

    Args:
        folders: one multirun, or several to compare, such as the same depths for seen and for unseen signers.
        console: where to print; the terminal where not given.

    Raises:
        UserError: a folder holds no runs.
    """
    console = console or Console()
    folder = folders[0]
    configurations = [one for each in folders for one in read_sweep(each)]
    _print(configurations, console)
    write_text(folder / TABLE, _csv(configurations))
    written = [TABLE]
    if any(configuration.runs for configuration in configurations):
        _plot(configurations, folder / PLOT)
        written.append(PLOT)
    sweep_page.write(folders, folder / REPORT)
    written.append(REPORT)
    console.print(f"  written to {folder}: {', '.join(written)}", highlight=False, markup=False, soft_wrap=True)


def _percent(values: Sequence[float]) -> str:
    mean, sd = mean_sd(values)
    return "–" if math.isnan(mean) else f"{100 * mean:.1f}" + (f" ± {100 * sd:.1f}" if len(values) > 1 else "")


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
    leaking = sorted({run["split"] for one in configurations for run in one.runs if run.get("leaked_test_percent")})
    if leaking:
        share = leak_range([percent for percent in leaked if percent])
        console.print(
            f"  split={', '.join(leaking)}: {share} of the test images have a near-duplicate in training",
            style="yellow",
            highlight=False,
        )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    keys = list(dict.fromkeys(key for configuration in configurations for key in configuration.settings))
    for key in keys:
        name = key.rsplit(".", 1)[-1]
        table.add_column(name, overflow="fold", min_width=min(12, len(name)))
    compared = len(_protocols(configurations)) > 1 and not any(key.startswith("split") for key in keys)
    if compared:
        table.add_column("split", no_wrap=True, min_width=len("random"))
    for column in ("stages", "runs", "test %", "macro F1 %", "val %", "seconds", "saved"):
        table.add_column(column, justify="right", no_wrap=True)
    for configuration in configurations:
        runs = configuration.runs
        failures = len(configuration.failed) + len(configuration.unfinished)
        table.add_row(
            *(Text(configuration.settings.get(key, "")) for key in keys),  # Text: [hand1] is a value, not a style
            *(["/".join(sorted({run["split"] for run in runs}))] if compared else []),
            "/".join(sorted({str(run["stages_trained"]) for run in runs})) or "–",
            f"{len(runs)}" + (f"/{len(runs) + failures}" if failures else ""),
            _percent(configuration.values("test/accuracy")),
            _percent(configuration.values("test/f1_macro")),
            _percent(configuration.values("val/accuracy")),
            f"{mean_sd(configuration.seconds)[0]:.0f}" if runs else "–",
            f"{configuration.saved_seconds:.0f}" if runs else "–",
            style="red" if failures and not runs else None,
        )
    console.print(table)
    console.print(
        "  accuracy on test and val: mean ± standard deviation over seeds; stages: how many are trained, the head too\n"
        "  seconds: of a run, less filling the cache, which the first run does for all\n"
        "  saved: seconds that frozen stages would have taken in every epoch, less those of keeping their activations",
        style="dim",
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
    writer.writerow([*keys, *names, *columns, "cache_saved_seconds_mean", "leaked_test_percent_mean"])
    for configuration in configurations:
        runs = configuration.runs
        figures = [value for figure in _FIGURES for value in mean_sd(configuration.values(figure))]
        leaked = mean_sd([float(run.get("leaked_test_percent") or 0) for run in runs])[0]
        writer.writerow(
            [
                *(configuration.settings.get(key, "") for key in keys),
                *("/".join(sorted({str(run[name]) for run in runs})) for name in names[:4]),
                len(runs),
                len(configuration.failed) + len(configuration.unfinished),
                " ".join(str(seed) for seed in sorted(run["seed"] for run in runs)),
                *(
                    "" if math.isnan(value) else f"{value:.6g}"
                    for value in [*figures, configuration.saved_seconds, leaked]
                ),
            ]
        )
    return text.getvalue()


def _plot(configurations: Sequence[Configuration], file: Path) -> None:
    """Accuracy against trained stages, every run a dot, mean and standard deviation on top; below, what a run took."""
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    lines = lines_of(configurations)
    measured = [member for line in lines for member in line.members]
    figure = Figure(figsize=(7.5, 6.0), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    colours = ("#2a6f97", "#d1495b", "#3c8d5a", "#8a5fa8", "#c98a1b", "#5c6770")
    for number, line in enumerate(lines):
        colour, members = colours[number % len(colours)], line.members
        places = [trained_stages(member) for member in members]
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
            label=line.name,
        )
        seconds = [mean_sd(member.seconds)[0] for member in members]
        without = [mean_sd(member.values("seconds"))[0] + member.saved_seconds for member in members]
        below.plot(places, seconds, "o-" if len(set(places)) == len(places) else "o", color=colour, markersize=4)
        if any(member.saved_seconds for member in members):
            below.plot(places, without, "o:", color=colour, markersize=3, alpha=0.5)
    axes.set_xticks(sorted({trained_stages(member) for member in measured}))
    below.set_xlabel("trained stages, counted from the head")
    below.set_ylabel("s a run" + (" (dotted:\nwithout the cache)" if len(below.lines) > len(lines) else ""))
    below.set_ylim(bottom=0)
    axes.set_ylabel("test accuracy, %")
    axes.set_title(
        " and ".join(sorted({f"{run['model']} on {run['sources']}" for one in measured for run in one.runs}))
    )
    seeds = max(len(configuration.runs) for configuration in measured)
    axes.text(
        1, 0.02, f"mean ± sd of up to {seeds} runs", transform=axes.transAxes, ha="right", fontsize=8, color="0.4"
    )
    for panel in (axes, below):
        panel.grid(color="0.92")
        panel.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    with replacing_whole(file) as beside:
        figure.savefig(beside, dpi=150)
