"""Which metrics of some records tables and pages show, and what they call them: all of it from the registry."""

from collections.abc import Sequence

from src.evaluation.metrics import CALIBRATED, Metric, described, shown
from src.runs.record import Record

# Metrics of this project that a table of 80 columns has no room for; pages and CSV files have them.
_NARROW_WITHOUT = ("accuracy_top3", "handshape_accuracy", "ece")


def headlines(records: Sequence[Record]) -> list[Metric]:
    """The metrics that are shown, each after calibration where it was measured then too."""
    names = [name for record in records for name in record.test]
    return [
        described(f"{metric.name}{CALIBRATED}") if f"{metric.name}{CALIBRATED}" in names else metric
        for metric in shown(names)
    ]


def narrow_headlines(records: Sequence[Record]) -> list[Metric]:
    """Those of them that a terminal has room for in a table of runs."""
    names = [name for record in records for name in record.test]
    return [metric for metric in shown(names) if metric.name not in _NARROW_WITHOUT]
