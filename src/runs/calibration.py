"""`calibration.json`: what makes a run's probabilities mean what they say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.runs.folder import CALIBRATION
from src.storage.files import write_json


@dataclass(frozen=True)
class Calibration:
    """Two numbers that turn logits into calibrated predictions.

    Attributes:
        temperature: divides the logits before the softmax; > 0.
        abstain_below: a prediction less probable than this, after the temperature, is "not sure"; 0 withholds none.
    """

    temperature: float
    abstain_below: float


def write_calibration(run: Path, calibration: Calibration, about: Mapping[str, Any]) -> None:
    """A run's calibration, and what there is to know about it: plain values by name."""
    values = {"temperature": calibration.temperature, "abstain_below": calibration.abstain_below}
    write_json(run / CALIBRATION, {**values, **about})


def read_calibration(run: Path) -> Calibration | None:
    """A run's calibration, or None for a run that has not finished, which has none.

    Raises:
        UserError: the file is damaged.
    """
    file = run / CALIBRATION
    if not file.is_file():
        return None
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        calibration = Calibration(float(values["temperature"]), float(values["abstain_below"]))
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{file} is damaged: it should hold the numbers temperature and abstain_below.") from None
    if not (0 < calibration.temperature < float("inf") and 0 <= calibration.abstain_below <= 1):
        raise UserError(f"{file} is damaged: temperature must be above 0 and abstain_below between 0 and 1.")
    return calibration
