"""Probabilities that mean what they say: one temperature for all logits, and a bound below which to say "not sure".

Temperature scaling (Guo et al., 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599): the one number T
that minimises the negative log-likelihood of softmax(logits / T) on the validation images. It changes no answer, only
how sure each is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from src.evaluation.metrics import calibration_error
from src.evaluation.predictions import Predictions
from src.runs.folder import Calibration

WANTED_ACCURACY = 0.95
MOST_REFUSED = 0.5
ABSTENTION_RULE = (
    f"the smallest probability at which the answers given are right at least {WANTED_ACCURACY:.0%} of the time on the "
    f"validation images, but never one that withholds more than {MOST_REFUSED:.0%} of them"
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
        figures: `val/…`: loss and calibration error before and after, share and accuracy of the answers not withheld.
    """

    parameters: Calibration
    images: int
    note: str
    figures: dict[str, float]

    def contents(self) -> dict[str, Any]:
        """What calibration.json holds."""
        return {
            "temperature": self.parameters.temperature,
            "abstain_below": self.parameters.abstain_below,
            "fitted_on": "validation",
            "images": self.images,
            "note": self.note,
            "rule": ABSTENTION_RULE,
            **self.figures,
        }


def fit_calibration(val: Predictions) -> FittedCalibration:
    """Temperature and abstention bound from the validation images.

    The bound is the smallest probability at which the answers given are right at least 95 % of the time, or the
    highest at which half of the images are still answered, whichever is lower.
    """
    temperature, note = _temperature(val)
    tempered = val.tempered(temperature)
    confidence, right = tempered.confidence, tempered.right
    threshold = abstention(confidence, right)
    answered = confidence >= threshold
    figures = {
        "val/loss": val.loss(),
        "val/loss_calibrated": tempered.loss(),
        "val/ece": calibration_error(val.confidence, right),
        "val/ece_calibrated": calibration_error(confidence, right),
        "val/answered_share": float(answered.mean()),
        "val/answered_accuracy": float(right[answered].mean()),
    }
    rounded = {name: round(value, 6) for name, value in figures.items()}
    return FittedCalibration(Calibration(temperature, threshold), len(val.labels), note, rounded)


def _temperature(val: Predictions) -> tuple[float, str]:
    if val.right.all():
        return 1.0, "Every validation image was read right, so nothing there tells how sure to be: temperature 1."

    def loss(log_temperature: float) -> float:
        return val.tempered(float(np.exp(log_temperature))).loss(digits=12)

    found = minimize_scalar(loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return round(float(np.exp(found.x)), 6), ""


def abstention(confidence: np.ndarray, right: np.ndarray) -> float:
    """The probability below which to withhold an answer, by the rule of `fit_calibration`; 0 withholds none.

    Args:
        confidence: `(images,)` probability of each answer.
        right: `(images,)` whether it was right.
    """
    order = np.argsort(-confidence, kind="stable")
    surest_first = confidence[order].astype(np.float64)
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    if accuracy[-1] >= WANTED_ACCURACY:
        return 0.0
    # Answers of one probability are given or withheld together: a bound falls between two different ones only.
    last_of_its_value = np.append(surest_first[1:] != surest_first[:-1], True)
    good = np.flatnonzero(last_of_its_value & (accuracy >= WANTED_ACCURACY))
    half = surest_first[int(np.ceil((1 - MOST_REFUSED) * len(order))) - 1]
    threshold = min(surest_first[good[-1]], half) if len(good) else half
    return float(np.floor(threshold * 1e6) / 1e6)  # rounded down, so that the answer it was taken from is given
