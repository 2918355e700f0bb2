"""The page of sweeps: accuracy against trained stages for seen and unseen signers on one axis, and against its cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from src.evaluation.lines import Line, lines_of
from src.evaluation.metrics import Metric
from src.evaluation.promises import has_new_people
from src.reports import charts
from src.reports.charts import Series
from src.reports.headlines import headlines
from src.reports.pages import Page
from src.runs.record import RunRecord
from src.runs.sweeps import Configuration, mean_sd, read_sweep


@dataclass(frozen=True)
class Sweep:
    """What one multirun adds up to, or several to compare."""

    folders: Sequence[Path]

    @cached_property
    def configurations(self) -> list[Configuration]:
        """Runs that differ in their seed alone.

        Raises:
            UserError: a folder holds no runs.
        """
        return [one for folder in self.folders for one in read_sweep(folder)]

    @cached_property
    def lines(self) -> list[Line]:
        """Configurations of one protocol that differ in what they train."""
        return lines_of(self.configurations)

    @cached_property
    def runs(self) -> list[RunRecord]:
        """The records of all finished runs."""
        return [run for one in self.configurations for run in one.runs]

    @property
    def settings(self) -> list[str]:
        """The names of all settings that vary."""
        return list(dict.fromkeys(key for one in self.configurations for key in one.settings))

    @property
    def failed(self) -> dict[str, str]:
        """Folder name → why its run failed."""
        return {name: why for one in self.configurations for name, why in one.failed.items()}

    @property
    def unfinished(self) -> list[str]:
        """Names of the folders of runs that neither finished nor failed."""
        return [name for one in self.configurations for name in one.unfinished]

    def every(self, name: str) -> str:
        """All values that the records have of one of their fields."""
        values = {getattr(run, name) for run in self.runs}
        return "; ".join(sorted(" + ".join(value) if isinstance(value, tuple) else str(value) for value in values))


def write(sweep: Sweep, file: Path) -> Path:
    """Write the page of some sweeps, and give its file back.

    Raises:
        UserError: a folder holds no runs, or the page cannot be written.
    """
    title = "A sweep without a finished run"
    if sweep.runs:
        seen = {has_new_people(run.split) for run in sweep.runs}
        title = f"{sweep.every('model')}: which stages to train"
        title += " for seen and for unseen signers" if len(seen) == 2 else ""
    return SWEEP_PAGE.write(file, sweep, f"sweep {', '.join(folder.name for folder in sweep.folders)}", title)


def about(sweep: Sweep) -> dict[str, Any]:
    """What was trained, on what, and what the figures promise; then what failed."""
    failed = len(sweep.failed) + len(sweep.unfinished)
    facts = {"Runs": f"none finished, {failed} failed or unfinished."}
    if sweep.runs:
        most = max(len(one.runs) for one in sweep.configurations)
        counted = f"{len(sweep.runs)} finished, up to {most} {'seed' if most == 1 else 'seeds'} a point"
        facts = {
            "Trained": f"{sweep.every('model')}, weights: {sweep.every('weights')}, {sweep.every('image_size_px')} px.",
            "On": f"{sweep.every('sources')}.",
            "Runs": counted + (f"; {failed} failed or unfinished." if failed else "."),
        }
    promises = dict.fromkeys((line.protocol, line.promise) for line in sweep.lines)
    return {"facts": facts, "promises": promises, "failed": sweep.failed, "unfinished": sweep.unfinished}


def how_much_to_train(sweep: Sweep) -> dict[str, Any] | None:
    """Accuracy against trained stages, and against what they cost."""
    if not sweep.runs:
        return None
    drawn = []
    for draw, series, said, x_unit in (
        (_draw_stages, stages_series(sweep.lines), "the number of trained stages", "stages"),
        (_draw_cost, cost_series(sweep.lines), "seconds a run", "s"),
    ):
        with charts.panels(460, 300) as (figure, (axes,)):
            draw(axes, series)
        values = "; ".join(
            f"{one.name}: " + ", ".join(f"{x:.0f} {x_unit} {y:.1%}" for x, y in one.points) for one in series
        )
        drawn.append(charts.as_svg(figure, f"Test accuracy against {said}. {values}."))
    best = [best for line in sweep.lines if (best := _best(line))]
    return {"stages": drawn[0], "cost": drawn[1], "best": best, "lines": sweep.lines, "colours": charts.COLOURS}


def both_charts(sweep: Sweep) -> Figure:
    """The charts of the page in one figure, to be saved as a file of its own."""
    with charts.panels(540, 620, heights=(3, 2)) as (figure, (above, below)):
        figure.subplots_adjust(hspace=0.25)
        _draw_stages(above, stages_series(sweep.lines))
        _draw_cost(below, cost_series(sweep.lines))
        above.set_title(f"{sweep.every('model')}: test accuracy", loc="left")
        above.legend()
    return figure


def stages_series(lines: Sequence[Line]) -> list[Series]:
    """Accuracy against trained stages: the mean and its deviation, every run a faint dot."""
    series = []
    for number, line in enumerate(lines):
        members = [(float(one.stages_trained), one.values("test/accuracy"), one) for one in line.members]
        points = [(stages, mean_sd(values)[0]) for stages, values, _ in members]
        words = [
            f"{line.name}: {stages:.0f} trained ({', '.join(one.runs[0].stages_trained_names)}), " + mean_of(values)
            for stages, values, one in members
        ]
        dots = [(stages, value) for stages, values, _ in members if len(values) > 1 for value in values]
        spread = [mean_sd(values)[1] for _, values, _ in members]
        joined = len({x for x, _ in points}) == len(points)
        series.append(Series(line.name, points, words, spread, dots, joined, number))
    return series


def cost_series(lines: Sequence[Line]) -> list[Series]:
    """Accuracy against what a run takes."""
    series = []
    for number, line in enumerate(lines):
        seconds = [mean_sd(one.seconds)[0] for one in line.members]
        values = [one.values("test/accuracy") for one in line.members]
        words = [
            f"{line.name}: {one.stages_trained} stages, {taken:.0f} s, {mean_of(of)}"
            for one, taken, of in zip(line.members, seconds, values, strict=True)
        ]
        points = [(taken, mean_sd(of)[0]) for taken, of in zip(seconds, values, strict=True)]
        series.append(Series(line.name, points, words, [mean_sd(of)[1] for of in values], joined=False, colour=number))
    return series


def _draw_stages(axes: Any, series: Sequence[Series]) -> None:
    charts.draw_lines(axes, series, "trained stages, counted from the head")
    axes.set_xticks(sorted({x for one in series for x, _ in one.points}))


def _draw_cost(axes: Any, series: Sequence[Series]) -> None:
    charts.draw_lines(axes, series, "seconds a run, training and testing")
    axes.set_xlim(0, 1.05 * max((x for one in series for x, _ in one.points), default=1))


def mean_of(values: Sequence[float], metric: Metric | None = None) -> str:
    """ "45.0 ± 7.1 %", without the deviation for a single value; "–" for none."""
    mean, sd = mean_sd(values)
    if math.isnan(mean):
        return "–"
    if metric and not metric.share:
        return metric.text(mean) + (f" ± {metric.text(sd)}" if len(values) > 1 else "")
    return f"{100 * mean:.1f}{f' ± {100 * sd:.1f}' if len(values) > 1 else ''}\u00a0%"


def _best(line: Line) -> dict[str, Any] | None:
    """The most accurate configuration of a line that has several, and whether the next could be as good."""
    if len(line.members) < 2:
        return None
    ranked = sorted(line.members, key=lambda one: -mean_sd(one.values("test/accuracy"))[0])
    first, second = ranked[:2]
    (mean, sd), (other, other_sd) = (mean_sd(one.values("test/accuracy")) for one in (first, second))
    return {
        "line": line.name,
        "stages": first.stages_trained,
        "accuracy": mean_of(first.values("test/accuracy")),
        "second": second.stages_trained,
        "second_accuracy": mean_of(second.values("test/accuracy")),
        "apart": mean - other > sd + other_sd and min(len(first.runs), len(second.runs)) > 1,
    }


def configurations(sweep: Sweep) -> dict[str, Any] | None:
    """Every configuration, a row each."""
    if not sweep.runs:
        return None
    metrics = headlines(sweep.runs)
    rows = [
        {
            "line": line.name,
            "colour": number % charts.COLOURS,
            "settings": one.settings,
            "stages": one.stages_trained,
            "parameters": one.runs[0].parameters_trained,
            "runs": len(one.runs),
            "figures": [_figure(one.values(f"test/{metric.name}"), metric) for metric in metrics],
            "seconds": mean_sd(one.seconds)[0],
            "saved": one.saved_seconds,
        }
        for number, line in enumerate(sweep.lines)
        for one in line.members
    ]
    return {"rows": rows, "keys": sweep.settings, "columns": [metric.title for metric in metrics]}


def _figure(values: Sequence[float], metric: Metric) -> dict[str, Any]:
    return {"mean": mean_sd(values)[0], "text": mean_of(values, metric)}


def foot(sweep: Sweep) -> dict[str, Any]:
    """By what the runs were made, and how to make the page again."""
    return {"commits": sweep.every("commit"), "machines": sweep.every("machine")}


SWEEP_PAGE = Page("sweep", about, how_much_to_train, configurations, foot)
