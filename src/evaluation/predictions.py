"""What a network said of some images."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Predictions:
    """What a network said of some images.

    Attributes:
        indices: `(images,) int64` in the manifest.
        labels: `(images,) int64` true class indices.
        probabilities: `(images, 36) float32`.
    """

    indices: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """`(images,) int64` most probable class indices."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def correct(self) -> np.ndarray:
        """`(images,) bool`: whether the most probable class is the true one."""
        return np.asarray(self.predicted == self.labels)

    @property
    def confidence(self) -> np.ndarray:
        """`(images,) float32` probability of the most probable class."""
        return np.asarray(self.probabilities.max(axis=1))

    def tempered(self, temperature: float) -> "Predictions":
        """The same predictions with the probabilities softmax(logits / temperature)."""
        # Logits are log-probabilities up to a constant, which softmax takes out again.
        logits = np.log(np.maximum(self.probabilities.astype(np.float64), 1e-38)) / temperature
        likelihood = np.exp(logits - logits.max(axis=1, keepdims=True))
        return replace(self, probabilities=likelihood / likelihood.sum(axis=1, keepdims=True))

    def loss(self) -> float:
        """Mean negative log-likelihood, in nats."""
        truth = np.maximum(self.probabilities[np.arange(len(self.labels)), self.labels], 1e-12)
        return float(-np.log(truth, dtype=np.float64).mean())
