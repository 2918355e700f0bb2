"""Every figure of a set of predictions, in one list: what it is called, what it means and how it is computed.

    register(Metric("worst_sign", "worst sign", "recall of the sign that is read worst", compute=of_predictions))

is all that a metric needs, here or in a module of your own (`plugins=[my_metrics]`): it is logged for validation after
every epoch, measured on the test set, recorded, and shown in tables and pages by its title and format.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from src.errors import UserError
from src.evaluation.predictions import Predictions
from src.runs.tables import ClassScore
from src.settings.options import closest
from src.signs.labels import HANDSHAPE_OF, NUM_SIGNS, SIGNS

# Guo et al. (2017) use fifteen.
CALIBRATION_BINS = 15
CALIBRATED = "_calibrated"
_DIGITS = 6  # of a figure in a record


@dataclass(frozen=True)
class Metric:
    """One figure of a set of predictions.

    Attributes:
        name: in records, after `val/` and `test/`: small letters, digits and `_`.
        title: in tables and pages, a few words.
        meaning: what it says, for somebody who does not know it.
        compute: the figure of some predictions; NaN where it has none, which records write as null.
        share: whether it is a share of 1, shown in percent.
        higher_is_better: whether the best epoch is that of the highest value or of the lowest.
        headline: whether tables and the head of a page show it.
        calibrated: whether it is measured after temperature scaling too, as `<name>_calibrated`.
    """

    name: str
    title: str
    meaning: str
    compute: Callable[[Predictions], float]
    share: bool = True
    higher_is_better: bool = True
    headline: bool = True
    calibrated: bool = False

    def text(self, value: float | None) -> str:
        """A value as tables show it: `91.6%`, `0.279`, or a dash for none."""
        if value is None or math.isnan(value):
            return "–"
        return f"{value:.1%}" if self.share else f"{value:.3g}"


_REGISTERED: dict[str, Metric] = {}


def register(metric: Metric) -> Metric:
    """Add a metric to those that every run measures.

    Raises:
        UserError: its name is taken, or is none.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", metric.name) or metric.name.endswith(("_ci_low", "_ci_high", CALIBRATED)):
        raise UserError(
            f"The metric '{metric.name}' needs another name: small letters, digits and _, without the endings of "
            f"intervals and calibrated figures (_ci_low, _ci_high, {CALIBRATED})."
        )
    if _known(metric.name):
        raise UserError(f"There is a metric '{metric.name}' already: give the new one another name.")
    _REGISTERED[metric.name] = metric
    return metric


def unregister(name: str) -> None:
    """Take a metric out again, such as one that a notebook is about to register anew."""
    _REGISTERED.pop(name, None)


def registered() -> tuple[Metric, ...]:
    """Every metric, in the order that tables show them in."""
    return tuple(_REGISTERED.values())


def described(name: str) -> Metric:
    """The metric behind a figure of a record; one that is not known here goes by its name."""
    return _known(name) or Metric(name, name, "", _elsewhere, share=False)


def shown(names: Iterable[str]) -> list[Metric]:
    """The metrics that tables and heads of pages show, of the figures of these names; those not known here last."""
    there = dict.fromkeys(names)
    headlines = [metric for metric in registered() if metric.headline and metric.name in there]
    return headlines + [described(name) for name in there if _known(name) is None]


def measure(predictions: Predictions, tempered: bool = False) -> dict[str, float | None]:
    """Every metric of some predictions by name, to six digits; None for one that has no value for them.

    Args:
        tempered: whether they come from temperature scaling: then only the metrics that are measured after it too.
    """
    ending = CALIBRATED if tempered else ""
    chosen = [metric for metric in registered() if metric.calibrated or not tempered]
    return {f"{metric.name}{ending}": rounded(value) for metric, value in _values(chosen, predictions)}


def validation_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Every metric of the validation images by name, to be logged after an epoch; nothing is rounded.

    Args:
        labels: `(images,) int64` true class indices.
        probabilities: `(images, 36) float32`.
    """
    predictions = Predictions(np.arange(len(labels)), labels, probabilities)
    return {metric.name: value for metric, value in _values(registered(), predictions)}


def better(monitor: str) -> str:
    """Whether `min` or `max` of a validation figure, such as `val/accuracy`, is the best, in Lightning's words."""
    return "max" if described(monitor.removeprefix("val/")).higher_is_better else "min"


def check_monitored(key: str, monitor: str) -> None:
    """Refuse to choose by a figure that no epoch has.

    Raises:
        UserError: `monitor`, the value of the setting `key`, is no metric of validation.
    """
    known = [f"val/{metric.name}" for metric in registered()]
    if monitor not in known:
        raise UserError(
            f"{key}={monitor} is not measured in an epoch{closest(monitor, known)}: choose from {', '.join(known)}."
        )


def rounded(value: float) -> float | None:
    """A figure as records hold it."""
    return round(float(value), _DIGITS) if math.isfinite(value) else None


def _values(metrics: Iterable[Metric], predictions: Predictions) -> Iterator[tuple[Metric, float]]:
    for metric in metrics:
        try:
            yield metric, float(metric.compute(predictions))
        except Exception as error:
            error.add_note(f"The metric '{metric.name}' was being computed over {len(predictions.labels)} images.")
            raise


def _known(name: str) -> Metric | None:
    base = _REGISTERED.get(name.removesuffix(CALIBRATED))
    if base and base.calibrated and name != base.name:
        return replace(base, name=name, title=f"{base.title}, calibrated", compute=_elsewhere)
    return _REGISTERED.get(name) or _OF_ABSTENTION.get(name)


def _elsewhere(predictions: Predictions) -> float:
    raise NotImplementedError("This figure is read from records; it is not computed from predictions alone.")


# What withholding unsure predictions comes to: measured with the run's calibration, see src.evaluation.measurement.
_OF_ABSTENTION = {
    "answered_share": Metric("answered_share", "answered", "predictions not withheld as unsure", _elsewhere),
    "answered_accuracy": Metric("answered_accuracy", "accuracy of answered", "of those not withheld", _elsewhere),
}


def handshapes(classes: np.ndarray) -> np.ndarray:
    """The handshape of each class index: signs that look alike in a still image (0/O, 2/V, …) share one."""
    return np.take(np.array(HANDSHAPE_OF, dtype=np.int64), classes)


def confusion_counts(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """`(36, 36) int64`: rows are true signs, columns are predictions."""
    return np.bincount(labels * NUM_SIGNS + predicted, minlength=NUM_SIGNS**2).reshape(NUM_SIGNS, NUM_SIGNS)


def class_scores(labels: np.ndarray, predicted: np.ndarray) -> list[ClassScore]:
    """One entry for every sign that is shown or was predicted, in the order of the 36."""
    counts = confusion_counts(labels, predicted)
    images, read, correct = (c.tolist() for c in (counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()))
    return [
        ClassScore(sign, of, as_it, _ratio(hits, as_it), _ratio(hits, of), _ratio(2 * hits, of + as_it))
        for sign, of, as_it, hits in zip(SIGNS, images, read, correct, strict=True)
        if of + as_it
    ]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@dataclass(frozen=True)
class CalibrationBin:
    """The predictions whose probability lies in `(low, high]`; `confidence` is their mean probability."""

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


def calibration_bins(confidence: np.ndarray, correct: np.ndarray, bins: int = CALIBRATION_BINS) -> list[CalibrationBin]:
    """Predictions sorted into bins of equal width by their probability; empty bins are left out.

    Args:
        confidence: `(images,)` probability of each prediction, in [0, 1].
        correct: `(images,)` whether it is.
    """
    bin_of = np.clip(np.ceil(np.asarray(confidence, dtype=np.float64) * bins).astype(np.int64) - 1, 0, bins - 1)
    images = np.bincount(bin_of, minlength=bins)
    sure = np.bincount(bin_of, weights=confidence, minlength=bins)
    hits = np.bincount(bin_of, weights=correct, minlength=bins)
    return [
        CalibrationBin(i / bins, (i + 1) / bins, int(images[i]), sure[i] / images[i], hits[i] / images[i])
        for i in np.flatnonzero(images)
    ]


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Expected calibration error: the mean gap between probability and accuracy, bins weighted by their images.

    Of the prediction's probability alone, over 15 bins of equal width (Naeini et al., 2015; Guo et al., 2017,
    arXiv:1706.04599, equation 3). Torchmetrics' own adds up in float32 and differs in the sixth digit.
    """
    binned = calibration_bins(confidence, correct)
    return float(sum(b.images * abs(b.accuracy - b.confidence) for b in binned) / max(1, len(confidence)))


def _by_torchmetrics(name: str, **settings: object) -> Callable[[Predictions], float]:
    """A function of `torchmetrics.functional.classification` over the 36 classes; torch is loaded when it is called."""

    def compute(predictions: Predictions) -> float:
        import torch
        from torchmetrics.functional import classification

        labels, probabilities = torch.from_numpy(predictions.labels), torch.from_numpy(predictions.probabilities)
        return float(getattr(classification, name)(probabilities, labels, NUM_SIGNS, validate_args=False, **settings))

    return compute


register(Metric(
    "accuracy", "accuracy", "predictions that are correct",
    _by_torchmetrics("multiclass_accuracy", average="micro"),
))  # fmt: skip
register(Metric(
    "f1_macro", "macro F1", "every sign that occurs counts the same",
    _by_torchmetrics("multiclass_f1_score", average="macro"),
))  # fmt: skip
register(Metric(
    "accuracy_top3", "top-3 accuracy", "the sign is among the three likeliest",
    _by_torchmetrics("multiclass_accuracy", average="micro", top_k=3),
))  # fmt: skip
register(Metric(
    "handshape_accuracy", "handshape accuracy", "look-alikes such as 0 and O count as one",
    lambda p: float((handshapes(p.predicted) == handshapes(p.labels)).mean()),
))  # fmt: skip
register(Metric(
    "loss", "loss, nats", "mean negative log-likelihood of the true sign",
    Predictions.loss, share=False, higher_is_better=False, headline=False, calibrated=True,
))  # fmt: skip
register(Metric(
    "ece", "calibration error", "gap between how sure and how correct",
    lambda p: calibration_error(p.confidence, p.correct), higher_is_better=False, calibrated=True,
))  # fmt: skip
