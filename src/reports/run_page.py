"""The page of a run: what was trained, on what, tested how, and what that promises; then everything there is to see."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.evaluation.figures import confusion_figure
from src.evaluation.metrics import calibration_bins, calibration_error, described, registered
from src.evaluation.promises import promise, tested
from src.reports import charts
from src.reports.charts import Series
from src.reports.chosen_images import looks, pairs
from src.reports.finished_run import FinishedRun
from src.reports.headlines import headlines
from src.reports.pages import Page, percent
from src.runs.folder import REPORT
from src.runs.record import RunRecord
from src.runs.tables import GroupScore

# A page lists this many signers whole; of more, the best and the worst.
_LISTED, _BEST_LISTED, _WORST_LISTED = 30, 5, 15
_FEWEST_IMAGES = 10  # of so many signers, those of whom fewer were tested say nothing one by one


def write(run: FinishedRun) -> Path:
    """Write `report.html` into the run's folder, and give its path back.

    Raises:
        UserError: the run has not finished, or its tables are damaged.
    """
    record = run.record
    title = f"{record.model}, {record.stages_trained} of {len(run.stages)} stages trained"
    return RUN_PAGE.write(run.folder / REPORT, run, f"run {run.folder.name}", title)


def about(run: FinishedRun) -> dict[str, Any]:
    """What was trained, on what, tested how, and what that promises."""
    record = run.record
    weights = "from random weights" if record.started_from_random else f"from {record.weights}"
    validation = f" ({', '.join(record.validation)})" if record.validation else ""
    facts = {
        "Trained": f"{record.model} {weights}, freeze={record.freeze}: {', '.join(record.stages_trained_names)}, "
        f"{record.parameters_trained:,} of {record.parameters:,} parameters; {record.image_size_px} px, "
        f"augmentation={record.augmentation}, seed={record.seed}.",
        "On": f"{', '.join(record.sources)}: {record.train_images:,} images for training, {record.val_images:,} for "
        f"validation{validation}.",
        "Tested on": f"{tested(record)}.",
        "What the figure promises": promise(record),
    }
    return {"facts": facts, "split_notes": record.split_notes}


def figures(run: FinishedRun) -> dict[str, Any]:
    """The figures of the test set, with their intervals."""
    record = run.record
    shown = [(metric, record.test[metric.name], record.interval(metric.name)) for metric in headlines([record])]
    return {"figures": shown, "interval_note": record.interval_note}


def elsewhere(run: FinishedRun) -> dict[str, Any] | None:
    """The run's own test, then every other that it was scored on; nothing where there is none."""
    return {"own": run.record, "tests": [run.record, *run.evaluations]} if run.evaluations else None


def curves(run: FinishedRun) -> dict[str, Any] | None:
    """Every metric by epoch."""
    there = {key.partition("/")[2] for key in run.curves}
    order = dict.fromkeys(("accuracy", "loss", *(metric.name for metric in registered()), *sorted(there)))
    drawn = []
    for metric in (described(name) for name in order if name in there):
        series = []
        for part, name, colour in (("train", "training", 1), ("val", "validation", 0)):
            if points := run.curves.get(f"{part}/{metric.name}"):
                words = [f"{name}: epoch {epoch}, {metric.text(value)}" for epoch, value in points]
                series.append(Series(name, points, words, colour=colour))
        if series:
            said = "; ".join(f"{one.name} ends at {metric.text(one.points[-1][1])}" for one in series)
            chart = charts.curves(series, run.record.best_epoch, metric.share)
            drawn.append((metric.title, charts.as_svg(chart, f"{metric.title} by epoch: {said}.")))
    return {"curves": drawn} if drawn else None


def stages(run: FinishedRun) -> dict[str, Any]:
    """What was trained, what stayed frozen."""
    frozen = any(stage.trained_from_epoch is None for stage in run.stages)
    return {"stages": run.stages, "record": run.record, "proved": frozen and run.record.frozen_unchanged}


def confusion(run: FinishedRun) -> dict[str, Any]:
    """What was read as what."""
    predictions = run.predictions
    wrong, images = int((~predictions.correct).sum()), len(predictions.labels)
    figure = confusion_figure(predictions.labels, predictions.predicted)
    said = f"Confusion matrix: {wrong} of {images} predictions are off the diagonal."
    return {"chart": charts.as_svg(figure, said), "images": images}


def calibration(run: FinishedRun) -> dict[str, Any]:
    """How sure, and how correct."""
    predictions = run.predictions
    named = {"as trained": predictions.uncalibrated, "calibrated": predictions.probability}
    bins = [(name, calibration_bins(probability, predictions.correct)) for name, probability in named.items()]
    errors = {name: calibration_error(probability, predictions.correct) for name, probability in named.items()}
    said = "Reliability diagram. " + " ".join(
        f"Calibration error {name}: {error:.1%}." for name, error in errors.items()
    )
    chart = charts.as_svg(charts.reliability(bins), said)
    test = run.record.test
    rows = [(described(name), test[name], test[f"{name}_calibrated"]) for name in ("ece", "loss")]
    return {"chart": chart, "rows": rows, "temperature": run.record.temperature, "abstention": _abstention(run.record)}


def _abstention(record: RunRecord) -> str:
    threshold, accuracy = record.abstain_below, record.test.get("answered_accuracy")
    if not threshold:
        return "No prediction is withheld: on the validation images 95 % of them were correct without."
    correct = f", {percent(accuracy)} of them correctly" if accuracy is not None else ""
    return (
        f"Prediction says “not sure” below a probability of {percent(threshold, 0)}, chosen on validation images; "
        f"on the test images that leaves {percent(record.test.get('answered_share'))} answered{correct}."
    )


def groups(run: FinishedRun) -> dict[str, Any]:
    """The accuracy of every signer and of every source."""
    lists = [_ranked(kind, [row for row in run.groups if row.kind == kind]) for kind in ("signer", "source")]
    return {"lists": [one for one in lists if one["rows"] or one["few"]], "overall": run.record.test["accuracy"]}


def _ranked(kind: str, rows: Sequence[GroupScore]) -> dict[str, Any]:
    left_out, few = 0, ""
    if len(rows) > _LISTED:
        small = [row for row in rows if row.images < _FEWEST_IMAGES]
        rows = [row for row in rows if row.images >= _FEWEST_IMAGES]
        if small:
            images = [row.images for row in small]
            together = float(np.average([row.accuracy for row in small], weights=images))
            few = (
                f"{len(small)} {kind}s with fewer than {_FEWEST_IMAGES} images each are not ranked: of their "
                f"{sum(images)} images together, {percent(together)} were read correctly."
            )
    if len(rows) > _LISTED:
        left_out = len(rows) - _BEST_LISTED - _WORST_LISTED
        rows = [*rows[:_BEST_LISTED], *rows[-_WORST_LISTED:]]
    return {"kind": kind, "rows": rows, "left_out": left_out, "few": few}


def signs(run: FinishedRun) -> dict[str, Any]:
    """How every sign was read, the hardest first."""
    return {"signs": sorted(run.signs, key=lambda score: (score.f1, score.sign))}


def foot(run: FinishedRun) -> dict[str, Any]:
    """By what the run was made, and how to make it and its page again."""
    return {"record": run.record}


RUN_PAGE = Page(
    "run", about, figures, elsewhere, curves, stages, confusion, pairs, looks, calibration, groups, signs, foot
)
