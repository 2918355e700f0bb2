"""What is measured on a test set, and the tables that are kept of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from src.data.manifest import Manifest
from src.evaluation.calibration import measured_calibration
from src.evaluation.intervals import WITH_INTERVALS, group_scores, intervals, units_of
from src.evaluation.metrics import class_scores, measure
from src.evaluation.predictions import Predictions
from src.runs.calibration import Calibration
from src.runs.folder import CLASSES, GROUPS, PREDICTIONS
from src.runs.tables import ClassScore, GroupScore, PredictionTable, write_predictions, write_rows


@dataclass(frozen=True)
class Scored:
    """A test set with what a network said of it; every array has an entry an image, in the order of the predictions.

    Attributes:
        predictions: what the network said.
        paths: of the images within their sources.
        sources: `(images,) str`.
        signers: `(images,) str` as `source:signer`, "" where unknown.
        groups: `(images,) int64` near-duplicate groups.
        split: the name of the protocol.
    """

    predictions: Predictions
    paths: list[str]
    sources: np.ndarray
    signers: np.ndarray
    groups: np.ndarray
    split: str

    @classmethod
    def of(cls, predictions: Predictions, manifest: Manifest, groups: np.ndarray, split: str) -> "Scored":
        """The tested images of a manifest; `groups` are those of the whole manifest."""
        tested = manifest.subset(predictions.indices)
        paths = [record.key for record in tested]
        return cls(predictions, paths, tested.sources, tested.signers, groups[predictions.indices], split)


class Measured(TypedDict):
    """The fields of a `Record` that are measured."""

    test: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]
    interval_unit: str
    interval_units: int
    interval_note: str
    temperature: float | None
    abstain_below: float | None


def measured(scored: Scored, calibration: Calibration | None) -> Measured:
    """The figures of a test set, their 95 % intervals, and what calibration does to the probabilities.

    Args:
        calibration: the run's; None for a run that has none, whose calibrated figures are then None.
    """
    test = scored.predictions
    units = units_of(scored.signers, scored.groups, scored.split)
    ends = intervals(test.labels, test.predicted, units)
    note = units.note
    if units.name and "accuracy" not in ends:
        count = "all" if test.correct.all() else "none"
        note = f"No interval: {count} of the predictions are correct, so every draw is the same."
    return Measured(
        test={**measure(test), **measured_calibration(test, calibration)},
        intervals={name: ends.get(name) for name in WITH_INTERVALS},
        interval_unit=units.name if "accuracy" in ends else "none",
        interval_units=units.count,
        interval_note=note,
        temperature=calibration.temperature if calibration else None,
        abstain_below=calibration.abstain_below if calibration else None,
    )


def write_tables(folder: Path, scored: Scored, calibration: Calibration | None, name: str = "") -> None:
    """Every prediction, how every sign was read, and the accuracy of every signer and source.

    Args:
        folder: where they go.
        calibration: of the probabilities; None leaves them as they are.
        name: of another test than the run's own: the tables are `<name>.csv`, `<name>.classes.csv` and so on.
    """
    test = scored.predictions
    tempered = test.tempered(calibration.temperature) if calibration else test
    table = PredictionTable(
        paths=scored.paths,
        sources=scored.sources,
        signers=scored.signers,
        groups=scored.groups,
        labels=test.labels,
        predicted=test.predicted,
        probability=tempered.confidence,
        uncalibrated=test.confidence,
    )
    write_predictions(folder / (f"{name}.csv" if name else PREDICTIONS), table)
    before = f"{name}." if name else ""
    write_rows(folder / f"{before}{CLASSES}", ClassScore, class_scores(test.labels, test.predicted))
    scores = group_scores(test.labels, test.predicted, scored.signers, scored.sources, scored.groups, scored.split)
    write_rows(folder / f"{before}{GROUPS}", GroupScore, scores)
