"""Figures of a set of answers, from class indices and probabilities alone: per class, by handshape, and calibration."""

from dataclasses import dataclass

import numpy as np
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from src.signs.labels import HANDSHAPE_OF, NUM_SIGNS, SIGNS

# Guo et al. (2017) use fifteen.
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class ClassScore:
    """How one sign was read.

    Attributes:
        sign: its name.
        images: how many show it.
        predicted: how many were read as it.
        precision: share of the images read as it that show it; 0 where none was read as it.
        recall: share of the images that show it that were read as it; 0 where none shows it.
        f1: harmonic mean of the two, 0 where both are.
    """

    sign: str
    images: int
    predicted: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class CalibrationBin:
    """The answers whose probability lies in `(low, high]`; `confidence` is their mean probability."""

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


def confusion_counts(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """`(36, 36) int64`: rows are true signs, columns are predictions."""
    counts = np.zeros((NUM_SIGNS, NUM_SIGNS), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def class_scores(labels: np.ndarray, predicted: np.ndarray) -> list[ClassScore]:
    """One entry for every sign that is shown or was answered, in the order of the 36."""
    counts = confusion_counts(labels, predicted)
    shown, answered, right = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
    return [
        ClassScore(
            SIGNS[i],
            int(shown[i]),
            int(answered[i]),
            _share(right[i], answered[i]),
            _share(right[i], shown[i]),
            _share(2 * right[i], shown[i] + answered[i]),
        )
        for i in range(NUM_SIGNS)
        if shown[i] + answered[i]
    ]


def handshapes(classes: np.ndarray) -> np.ndarray:
    """The handshape of each class index: signs that look alike in a still image (0/O, 2/V, …) share one."""
    return np.asarray(HANDSHAPE_OF, dtype=np.int64)[classes]


def calibration_bins(confidence: np.ndarray, right: np.ndarray, bins: int = CALIBRATION_BINS) -> list[CalibrationBin]:
    """Answers sorted into bins of equal width by their probability; empty bins are left out.

    Args:
        confidence: `(images,)` probability of each answer, in [0, 1].
        right: `(images,)` whether the answer was right.
    """
    place = np.clip(np.ceil(np.asarray(confidence, dtype=np.float64) * bins).astype(np.int64) - 1, 0, bins - 1)
    images = np.bincount(place, minlength=bins)
    confidences = np.bincount(place, weights=confidence, minlength=bins)
    rights = np.bincount(place, weights=right, minlength=bins)
    return [
        CalibrationBin(i / bins, (i + 1) / bins, int(images[i]), confidences[i] / images[i], rights[i] / images[i])
        for i in np.flatnonzero(images)
    ]


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: the mean gap between probability and accuracy, bins weighted by their images.

    Of the answer's probability alone, over 15 bins of equal width (Naeini et al., 2015; Guo et al., 2017,
    arXiv:1706.04599, equation 3).
    """
    binned = calibration_bins(confidence, right)
    return float(sum(b.images * abs(b.accuracy - b.confidence) for b in binned) / max(1, len(confidence)))


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else 0.0


def sign_metrics() -> MetricCollection:
    """Accuracy (micro), macro F1 and top-3 accuracy over the 36 classes; F1 leaves out classes that never occur."""
    # Labels are places in the list of signs, so torchmetrics need not look at every batch whether they are.
    return MetricCollection(
        {
            "accuracy": MulticlassAccuracy(NUM_SIGNS, average="micro", validate_args=False),
            "f1_macro": MulticlassF1Score(NUM_SIGNS, average="macro", validate_args=False),
            "accuracy_top3": MulticlassAccuracy(NUM_SIGNS, top_k=3, average="micro", validate_args=False),
        }
    )


def validation_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Every registered metric by name."""
    import torch

    found = sign_metrics()(torch.from_numpy(probabilities), torch.from_numpy(labels))
    return {name: float(value) for name, value in found.items()}
