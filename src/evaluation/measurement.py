"""What is measured on a test set, and the tables that are kept of it."""

from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np

from src.data.datamodule import SignDataModule
from src.evaluation.intervals import GroupScore, group_scores, intervals, units_of
from src.evaluation.metrics import ClassScore, calibration_error, class_scores
from src.evaluation.predictions import Predictions
from src.runs import folder as run_folder
from src.runs.folder import Calibration
from src.signs.labels import SIGNS
from src.storage.files import write_csv

# `probability` is that of the prediction after temperature scaling, `uncalibrated` the softmax's own.
PREDICTION_COLUMNS = ("path", "source", "signer", "group", "label", "prediction", "probability", "uncalibrated")


def measured(data: SignDataModule, test: Predictions, calibration: Calibration | None) -> dict[str, Any]:
    """The figures of a test set, flat: scores, their 95 % intervals, and what calibration does to the probabilities.

    Args:
        calibration: the run's; None for a run that has none, whose calibrated figures are then None.
    """
    signers = data.manifest.signers[test.indices]
    units = units_of(signers, data.groups[test.indices], data.split.name)
    ends = intervals(test.labels, test.predicted, units)
    figures: dict[str, Any] = {f"test/{name}": value for name, value in test.scores().items()}
    for name in ("accuracy", "handshape_accuracy"):
        low, high = ends.get(name, (None, None))
        figures[f"test/{name}_ci_low"] = None if low is None else round(low, 6)
        figures[f"test/{name}_ci_high"] = None if high is None else round(high, 6)
    note = units.note
    if units.name and "accuracy" not in ends:
        note = f"No interval: all answers are {'right' if test.right.all() else 'wrong'}, so every draw is the same."
    unit = units.name if "accuracy" in ends else "none"
    figures |= {"interval_unit": unit, "interval_units": units.count, "interval_note": note}
    return figures | _calibrated(test, calibration)


def _calibrated(test: Predictions, calibration: Calibration | None) -> dict[str, Any]:
    names = ("test/loss_calibrated", "test/ece_calibrated", "test/answered_share", "test/answered_accuracy")
    if calibration is None:
        return {"temperature": None, "abstain_below": None} | dict.fromkeys(names)
    tempered = test.tempered(calibration.temperature)
    answered = tempered.confidence >= calibration.abstain_below
    values = (
        tempered.loss(),
        round(calibration_error(tempered.confidence, test.right), 6),
        round(float(answered.mean()), 6),
        round(float(test.right[answered].mean()), 6) if answered.any() else None,
    )
    chosen = {"temperature": calibration.temperature, "abstain_below": calibration.abstain_below}
    return chosen | dict(zip(names, values, strict=True))


def write_predictions(file: Path, data: SignDataModule, test: Predictions, calibration: Calibration | None) -> None:
    """One row an image, `PREDICTION_COLUMNS`; without a calibration the two probabilities are the same."""
    tempered = test.tempered(calibration.temperature) if calibration else test
    rows = []
    for index, label, predicted, probability, uncalibrated in zip(
        test.indices, test.labels, test.predicted, tempered.confidence, test.confidence, strict=True
    ):
        record = data.manifest[int(index)]
        group = int(data.groups[index])
        known = (record.key, record.source, record.signer, group, SIGNS[label], SIGNS[predicted])
        rows.append((*known, f"{probability:.6f}", f"{uncalibrated:.6f}"))
    write_csv(file, PREDICTION_COLUMNS, rows)


def write_scores(folder: Path, data: SignDataModule, test: Predictions, prefix: str = "") -> None:
    """`classes.csv`, how every sign was read, and `groups.csv`, the accuracy of every signer and source."""
    classes = class_scores(test.labels, test.predicted)
    _write(folder / f"{prefix}{run_folder.CLASSES}", ClassScore, classes)
    signers, sources = data.manifest.signers[test.indices], data.manifest.sources[test.indices]
    groups = group_scores(test.labels, test.predicted, signers, sources, data.groups[test.indices], data.split.name)
    _write(folder / f"{prefix}{run_folder.GROUPS}", GroupScore, groups)


def _write(file: Path, kind: type, scores: list[Any]) -> None:
    def plain(value: Any) -> Any:
        return round(value, 6) if isinstance(value, float | np.floating) else value

    write_csv(file, [column.name for column in fields(kind)], ([plain(v) for v in astuple(s)] for s in scores))
