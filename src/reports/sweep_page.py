"""The page of sweeps: accuracy against trained stages for seen and unseen signers on one axis, and against its cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.reports.charts import COLOURS, Series, line_chart, number, percent
from src.reports.flat_sweeps import Configuration, Line, lines_of, read_sweep, trained_stages
from src.reports.pages import write_page
from src.runs.sweeps import mean_sd

_COLUMNS = {"accuracy": "accuracy", "f1": "macro F1", "handshape": "handshape", "ece": "calibration error"}


def write(folders: Sequence[Path], file: Path) -> Path:
    """Write the page of the sweeps in these folders.

    Raises:
        UserError: a folder holds no runs, or the page cannot be written.
    """
    configurations = [one for folder in folders for one in read_sweep(folder)]
    lines = lines_of(configurations)
    runs = [run for one in configurations for run in one.runs]
    rows = _rows(lines)
    values = {
        "title": _title(lines, runs),
        "folders": [folder.name for folder in folders],
        "box": _box(configurations, lines, runs),
        "lines": lines,
        "colours": COLOURS,
        "stages_chart": _against_stages(lines) if runs else "",
        "cost_chart": _against_cost(lines) if runs else "",
        "best": [best for line in lines if (best := _best(line))],
        "keys": _keys(configurations),
        "rows": rows,
        "columns": [(key, name) for key, name in _COLUMNS.items() if any(row[key] for row in rows)],
        "failed": [(name, why) for one in configurations for name, why in one.failed.items()],
        "unfinished": [name for one in configurations for name in one.unfinished],
        "commits": sorted({str(run["commit"]) for run in runs}),
        "machines": sorted({str(run["machine"]) for run in runs}),
    }
    write_page(file, "sweep.html", values)
    return file


def _title(lines: Sequence[Line], runs: Sequence[Mapping[str, Any]]) -> str:
    models = " and ".join(sorted({str(run["model"]) for run in runs}))
    if not runs:
        return "A sweep without a finished run"
    seen = {run["split"] in ("random", "group") for run in runs}
    return f"{models}: which stages to train" + (" for seen and for unseen signers" if len(seen) == 2 else "")


def _box(
    configurations: Sequence[Configuration], lines: Sequence[Line], runs: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    def every(key: str) -> str:
        return "; ".join(sorted({str(run[key]).replace(",", " + ") for run in runs}))

    failed = sum(len(one.failed) + len(one.unfinished) for one in configurations)
    if not runs:
        return [("Runs", f"none finished, {failed} failed or unfinished.")]
    most = max(len(one.runs) for one in configurations)
    counted = f"{len(runs)} finished, up to {most} {'seed' if most == 1 else 'seeds'} a point"
    promises = dict.fromkeys((line.protocol, line.promise) for line in lines)
    return [
        ("Trained", f"{every('model')}, from {every('weights')}, {every('image_size_px')} px."),
        ("On", f"{every('sources')}."),
        ("Runs", counted + (f"; {failed} failed or unfinished." if failed else ".")),
        *promises,
    ]


def _against_stages(lines: Sequence[Line]) -> Any:
    series = []
    for place, line in enumerate(lines):
        figures = [(trained_stages(one), one.values("test/accuracy"), one) for one in line.members]
        points = [(float(stages), mean_sd(values)[0]) for stages, values, _ in figures]
        labels = [
            f"{line.name}: {stages} trained ({one.runs[0]['stages_trained_names'].replace('+', ', ')}), {_mean(values)}"
            for stages, values, one in figures
        ]
        dots = [(float(stages), value) for stages, values, _ in figures if len(values) > 1 for value in values]
        spread = [mean_sd(values)[1] for _, values, _ in figures]
        joined = len({x for x, _ in points}) == len(points)
        series.append(Series(line.name, points, spread, labels, dots, joined, place))
    places = sorted({x for one in series for x, _ in one.points})
    said = "; ".join(f"{one.name}: " + ", ".join(f"{x:.0f} stages {y:.1%}" for x, y in one.points) for one in series)
    return line_chart(
        series,
        f"Test accuracy against the number of trained stages. {said}.",
        "trained stages, counted from the head",
        "",
        y_text=percent,
        most=1,
        x_ticks=places,
    )


def _against_cost(lines: Sequence[Line]) -> Any:
    series = []
    for place, line in enumerate(lines):
        points, labels, spread = [], [], []
        for one in line.members:
            seconds, accuracy = mean_sd(one.seconds)[0], mean_sd(one.values("test/accuracy"))
            points.append((seconds, accuracy[0]))
            spread.append(accuracy[1])
            labels.append(
                f"{line.name}: {trained_stages(one)} stages, {seconds:.0f} s, {_mean(one.values('test/accuracy'))}"
            )
        series.append(Series(line.name, points, spread, labels, joined=False, colour=place))
    said = "; ".join(f"{one.name}: " + ", ".join(f"{x:.0f} s {y:.1%}" for x, y in one.points) for one in series)
    return line_chart(
        series,
        f"Test accuracy against seconds a run. {said}.",
        "seconds a run, training and testing",
        "",
        y_text=percent,
        most=1,
        x_text=number,
        x_from_zero=True,
    )


def _mean(values: Sequence[float]) -> str:
    mean, sd = mean_sd(values)
    return f"{100 * mean:.1f}" + (f" ± {100 * sd:.1f}" if len(values) > 1 else "") + "\u00a0%"


def _best(line: Line) -> dict[str, Any] | None:
    """The most accurate configuration of a line that has several, and whether the next could be as good."""
    if len(line.members) < 2:
        return None
    ranked = sorted(line.members, key=lambda one: -mean_sd(one.values("test/accuracy"))[0])
    first, second = ranked[:2]
    (mean, sd), (other, other_sd) = (mean_sd(one.values("test/accuracy")) for one in (first, second))
    apart = mean - other > sd + other_sd and min(len(first.runs), len(second.runs)) > 1
    return {
        "line": line.name,
        "stages": trained_stages(first),
        "accuracy": _mean(first.values("test/accuracy")),
        "second": trained_stages(second),
        "second_accuracy": _mean(second.values("test/accuracy")),
        "apart": apart,
    }


def _keys(configurations: Sequence[Configuration]) -> list[str]:
    return list(dict.fromkeys(key for one in configurations for key in one.settings))


def _rows(lines: Sequence[Line]) -> list[dict[str, Any]]:
    def summary(configuration: Configuration, figure: str) -> tuple[float, float] | None:
        there = [float(run[figure]) for run in configuration.runs if run.get(figure) is not None]
        return mean_sd(there) if len(there) == len(configuration.runs) else None

    return [
        {
            "line": line.name,
            "colour": place % COLOURS,
            "settings": one.settings,
            "stages": trained_stages(one),
            "parameters": int(one.runs[0]["parameters_trained"]),
            "runs": len(one.runs),
            "accuracy": summary(one, "test/accuracy"),
            "f1": summary(one, "test/f1_macro"),
            "handshape": summary(one, "test/handshape_accuracy"),
            "ece": summary(one, "test/ece_calibrated"),
            "seconds": mean_sd(one.seconds),
            "saved": one.saved_seconds,
        }
        for place, line in enumerate(lines)
        for one in line.members
    ]
