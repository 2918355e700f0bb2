"""The page of a run: what was trained, on what, tested how, and what that promises; then everything there is to see."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.evaluation.figures import confusion_figure
from src.evaluation.metrics import calibration_bins, calibration_error
from src.evaluation.promises import promise, tested
from src.reports import charts
from src.reports.charts import Series
from src.reports.chosen_images import looks, pairs
from src.reports.finished_run import CURVES, FinishedRun
from src.reports.pages import Page, percent
from src.runs import folder as run_folder

# A page lists this many signers whole; of more, the best and the worst.
_LISTED, _BEST_LISTED, _WORST_LISTED = 30, 5, 15
_FEWEST_IMAGES = 10  # of so many signers, those of whom fewer were tested say nothing one by one

_HEADLINES = (
    ("test/accuracy", "accuracy", "predictions that are correct"),
    ("test/f1_macro", "macro F1", "every sign counts the same"),
    ("test/handshape_accuracy", "handshape", "look-alikes such as 0 and O count as one"),
    ("test/accuracy_top3", "top 3", "the sign is among the three likeliest"),
    ("test/ece_calibrated", "calibration error", "gap between how sure and how correct, calibrated"),
)


def write(run: FinishedRun) -> Path:
    """Write `report.html` into the run's folder, and give its path back.

    Raises:
        UserError: the run has not finished, or its tables are damaged.
    """
    record = run.record
    every = len(_stages(run))
    title = f"{record['model']}, {record['stages_trained']}{f' of {every}' if every else ''} stages trained"
    return RUN_PAGE.write(run.folder / run_folder.REPORT, run, f"run {run.folder.name}", title)


def about(run: FinishedRun) -> dict[str, Any]:
    """What was trained, on what, tested how, and what that promises."""
    record = run.record
    parameters, trained = record["parameters"], record["parameters_trained"]
    weights = record["weights"] if record["weights"] == "random start" else f"from {record['weights']}"
    validation = record["validation"].replace(",", ", ")
    val = f"{record['val_images']:,} for validation" + (f" ({validation})" if validation else "")
    box = {
        "Trained": f"{record['model']}, {weights}, freeze={record['freeze']}: "
        f"{record['stages_trained_names'].replace('+', ', ')}, {trained:,} of {parameters:,} parameters; "
        f"{record['image_size_px']} px, augmentation={record['augmentation']}, seed={record['seed']}.",
        "On": f"{record['sources'].replace(',', ', ')}: {record['train_images']:,} images for training, {val}.",
        "Tested on": f"{tested(record)}.",
        "What the figure promises": promise(record),
    }
    return {"box": box, "split_notes": record["split_notes"]}


def figures(run: FinishedRun) -> dict[str, Any]:
    """The figures of the test set, with their intervals."""
    record = run.record
    shown = []
    for key, name, meaning in _HEADLINES:
        low, high = record.get(f"{key}_ci_low"), record.get(f"{key}_ci_high")
        shown.append({"key": key, "name": name, "meaning": meaning, "value": record[key], "low": low, "high": high})
    return {"figures": shown, "interval_note": record["interval_note"]}


def elsewhere(run: FinishedRun) -> dict[str, Any] | None:
    """The run's own test, then every other that it was scored on; nothing where there is none."""
    others = run_folder.read_evaluations(run.folder)
    tests = [
        {
            "own": one is run.record,
            "sources": one["sources"].replace(",", ", "),
            "tested": f"split={one['split']}" + (f", {one['holdout'].replace(',', ', ')}" if one["holdout"] else ""),
            "images": one["test_images"],
            "accuracy": one["test/accuracy"],
            "low": one["test/accuracy_ci_low"],
            "high": one["test/accuracy_ci_high"],
            "handshape": one["test/handshape_accuracy"],
            "leaked": one["leaked_test_percent"],
        }
        for one in (run.record, *others)
    ]
    return {"tests": tests} if others else None


def curves(run: FinishedRun) -> dict[str, Any] | None:
    """Accuracy and loss by epoch."""
    rows = run.table(CURVES, words=())
    drawn = []
    for figure, title in (("accuracy", "Accuracy"), ("loss", "Loss, nats")):
        share = figure == "accuracy"
        series = []
        for part, name, colour in (("train", "training", 1), ("val", "validation", 0)):
            points = [
                (row["epoch"], row[f"{part}/{figure}"]) for row in rows if row.get(f"{part}/{figure}") is not None
            ]
            words = [f"{name}: epoch {epoch:.0f}, {_value(value, share)}" for epoch, value in points]
            series += [Series(name, points, words, colour=colour)] if points else []
        if series:
            said = "; ".join(f"{one.name} ends at {_value(one.points[-1][1], share)}" for one in series)
            chart = charts.curves(series, run.record["best_epoch"], share)
            drawn.append((title, charts.as_svg(chart, f"{title} by epoch: {said}.")))
    return {"curves": drawn} if drawn else None


def _value(value: float, share: bool) -> str:
    return f"{value:.1%}" if share else f"{value:.3g}"


def stages(run: FinishedRun) -> dict[str, Any] | None:
    """What was trained, what stayed frozen."""
    rows = _stages(run)
    frozen = any(row["trained_from_epoch"] == "frozen" for row in rows)
    return {"stages": rows, "record": run.record, "proved": frozen and run.record["frozen_unchanged"]} if rows else None


def _stages(run: FinishedRun) -> list[dict[str, Any]]:
    return run.table(run_folder.STAGES, ("stage", "trained_from_epoch", "sha256_before", "sha256_after"))


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
    return {"chart": chart, "record": run.record, "abstention": _abstention(run.record)}


def _abstention(record: Any) -> str:
    threshold, accuracy = record["abstain_below"], record["test/answered_accuracy"]
    if threshold == 0:
        return "No prediction is withheld: on the validation images 95 % of them were correct without."
    correct = f", {percent(accuracy)} of them correctly" if accuracy is not None else ""
    return (
        f"Prediction says “not sure” below a probability of {percent(threshold, 0)}, chosen on validation images; "
        f"on the test images that leaves {percent(record['test/answered_share'])} answered{correct}."
    )


def groups(run: FinishedRun) -> dict[str, Any]:
    """The accuracy of every signer and of every source."""
    rows = run.table(run_folder.GROUPS, ("kind", "name", "unit"))
    lists = [_ranked(kind, [row for row in rows if row["kind"] == kind]) for kind in ("signer", "source")]
    return {"lists": [one for one in lists if one["rows"] or one["few"]], "overall": run.record["test/accuracy"]}


def _ranked(kind: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    left_out, few = 0, ""
    if len(rows) > _LISTED:
        small = [row for row in rows if row["images"] < _FEWEST_IMAGES]
        rows = [row for row in rows if row["images"] >= _FEWEST_IMAGES]
        if small:
            images = [row["images"] for row in small]
            together = np.average([row["accuracy"] for row in small], weights=images)
            few = (
                f"{len(small)} {kind}s with fewer than {_FEWEST_IMAGES} images each are not ranked: of their "
                f"{sum(images):.0f} images together, {percent(together)} were read correctly."
            )
    if len(rows) > _LISTED:
        left_out = len(rows) - _BEST_LISTED - _WORST_LISTED
        rows = [*rows[:_BEST_LISTED], *rows[-_WORST_LISTED:]]
    return {"kind": kind, "rows": rows, "left_out": left_out, "few": few}


def signs(run: FinishedRun) -> dict[str, Any]:
    """How every sign was read, the hardest first."""
    rows = run.table(run_folder.CLASSES, words=("sign",))
    return {"signs": sorted(rows, key=lambda row: (row["f1"], row["sign"]))}


def foot(run: FinishedRun) -> dict[str, Any]:
    """By what the run was made, and how to make it and its page again."""
    return {"record": run.record}


RUN_PAGE = Page(
    "run", about, figures, elsewhere, curves, stages, confusion, pairs, looks, calibration, groups, signs, foot
)
