"""What a network said of some images, and the figures of it."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from src.evaluation.metrics import calibration_error, handshapes, sign_metrics


@dataclass(frozen=True)
class Predictions:
    """What a network said of some images.

    Attributes:
        indices: `(images,) int64` places in the manifest.
        labels: `(images,) int64` true class indices.
        probabilities: `(images, 36) float32`.
    """

    indices: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """`(images,) int64` most probable class indices."""
        return self.probabilities.argmax(axis=1)

    @property
    def right(self) -> np.ndarray:
        """`(images,) bool`: whether the answer is the true class."""
        return self.predicted == self.labels

    @property
    def confidence(self) -> np.ndarray:
        """`(images,) float32` probability of the answer."""
        return self.probabilities.max(axis=1)

    def tempered(self, temperature: float) -> "Predictions":
        """The same answers with the probabilities softmax(logits / temperature)."""
        # Logits are log-probabilities up to a constant, which softmax takes out again.
        logits = np.log(np.maximum(self.probabilities.astype(np.float64), 1e-38)) / temperature
        likelihood = np.exp(logits - logits.max(axis=1, keepdims=True))
        return replace(self, probabilities=likelihood / likelihood.sum(axis=1, keepdims=True))

    def loss(self, digits: int = 6) -> float:
        """Mean negative log-likelihood, in nats."""
        truth = np.maximum(self.probabilities[np.arange(len(self.labels)), self.labels], 1e-12)
        return round(float(-np.log(truth, dtype=np.float64).mean()), digits)

    def scores(self) -> dict[str, float]:
        """`accuracy`, `f1_macro`, `accuracy_top3`, `handshape_accuracy`, `loss` (nats) and `ece`, uncalibrated."""
        probabilities = torch.from_numpy(self.probabilities)
        labels = torch.from_numpy(self.labels)
        figures = {name: round(float(value), 6) for name, value in sign_metrics()(probabilities, labels).items()}
        alike = handshapes(self.predicted) == handshapes(self.labels)
        return figures | {
            "handshape_accuracy": round(float(alike.mean()), 6),
            "loss": self.loss(),
            "ece": round(calibration_error(self.confidence, self.right), 6),
        }
