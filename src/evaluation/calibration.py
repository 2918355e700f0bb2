"""Probabilities that mean what they say: one temperature for all logits, and a bound below which to say "not sure".

Temperature scaling (Guo et al., 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599): the one number T
that minimises the negative log-likelihood of softmax(logits / T) on the validation images. It changes no prediction,
only how sure each is.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar

from src.evaluation.metrics import CALIBRATED, measure, rounded
from src.evaluation.predictions import Predictions
from src.runs.calibration import Calibration, write_calibration

WANTED_ACCURACY = 0.95
MOST_REFUSED = 0.5
ABSTENTION_RULE = (
    f"the smallest probability at which the predictions given are correct at least {WANTED_ACCURACY:.0%} of the time "
    f"on the validation images, but never one that withholds more than {MOST_REFUSED:.0%} of them"
)
# Beyond these a temperature says that the validation images cannot tell one, not that the network is that wrong.
_COLDEST, _HOTTEST = 0.1, 10.0


@dataclass(frozen=True)
class FittedCalibration:
    """A run's calibration, what it was fitted on and what it does there.

    Attributes:
        parameters: what prediction needs.
        images: validation images it was fitted on.
        note: why the temperature could not be fitted, or "".
        figures: of the validation images: loss and calibration error before and after, share and accuracy of the
            predictions not withheld.
    """

    parameters: Calibration
    images: int
    note: str
    figures: dict[str, float | None]

    def write(self, run: Path) -> None:
        """All of it as the run's `calibration.json`."""
        about = {"fitted_on": "validation", "images": self.images, "note": self.note, "rule": ABSTENTION_RULE}
        write_calibration(run, self.parameters, about | {f"val/{name}": value for name, value in self.figures.items()})


def fit_calibration(val: Predictions) -> FittedCalibration:
    """Temperature and abstention bound from the validation images.

    The bound is the smallest probability at which the predictions given are correct at least 95 % of the time, or the
    highest at which half of the images are still answered, whichever is lower.
    """
    temperature, note = _temperature(val)
    tempered = val.tempered(temperature)
    calibration = Calibration(temperature, abstention(tempered.confidence, tempered.correct))
    after = measured_calibration(val, calibration)
    before = {name: value for name, value in measure(val).items() if f"{name}{CALIBRATED}" in after}
    return FittedCalibration(calibration, len(val.labels), note, before | after)


def measured_calibration(predictions: Predictions, calibration: Calibration | None) -> dict[str, float | None]:
    """Metrics after temperature scaling, and the share and the accuracy of the predictions that are not withheld.

    Args:
        calibration: None for a run that has none: then each of them is None.
    """
    tempered = predictions.tempered(calibration.temperature if calibration else 1.0)
    answered = tempered.confidence >= (calibration.abstain_below if calibration else 0.0)
    figures = {
        **measure(tempered, tempered=True),
        "answered_share": rounded(answered.mean()),
        "answered_accuracy": rounded(tempered.correct[answered].mean()) if answered.any() else None,
    }
    return figures if calibration else dict.fromkeys(figures)


def _temperature(val: Predictions) -> tuple[float, str]:
    if val.correct.all():
        return 1.0, "Every validation image was read correctly, so nothing there tells how sure to be: temperature 1."

    def loss(log_temperature: float) -> float:
        return round(val.tempered(float(np.exp(log_temperature))).loss(), 12)

    found = minimize_scalar(loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return round(float(np.exp(found.x)), 6), ""


def abstention(confidence: np.ndarray, correct: np.ndarray) -> float:
    """The probability below which to withhold a prediction, by the rule of `fit_calibration`; 0 withholds none.

    Args:
        confidence: `(images,)` probability of each prediction.
        correct: `(images,)` whether it is.
    """
    order = np.argsort(-confidence, kind="stable")
    surest_first = confidence[order].astype(np.float64)
    accuracy = np.cumsum(correct[order]) / np.arange(1, len(order) + 1)
    if accuracy[-1] >= WANTED_ACCURACY:
        return 0.0
    # Predictions of one probability are given or withheld together: a bound falls between two different ones only.
    last_of_its_value = np.append(surest_first[1:] != surest_first[:-1], True)
    good = np.flatnonzero(last_of_its_value & (accuracy >= WANTED_ACCURACY))
    half = surest_first[int(np.ceil((1 - MOST_REFUSED) * len(order))) - 1]
    threshold = min(surest_first[good[-1]], half) if len(good) else half
    return float(np.floor(threshold * 1e6) / 1e6)  # rounded down, so that the one it was taken from is given
