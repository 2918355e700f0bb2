"""Predictions to test with."""

import numpy as np

from src.evaluation.predictions import Predictions
from src.signs.labels import NUM_SIGNS


def random_predictions(seed: int, images: int = 400, classes: int = NUM_SIGNS) -> Predictions:
    """Predictions a little better than chance; with fewer classes than 36, the others never occur as labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    logits = rng.standard_normal((images, NUM_SIGNS)).astype(np.float32)
    logits[np.arange(images), labels] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Predictions(np.arange(images), labels, probabilities)
