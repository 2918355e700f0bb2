"""Sums over seeds, and figures."""

import math

import numpy as np
import pytest

from src.evaluation.figures import captioned_grid
from src.evaluation.metrics import confusion_counts
from src.runs.sweeps import mean_sd


def test_the_deviation_is_that_of_a_sample_and_one_value_has_none() -> None:
    assert mean_sd([1.0, 2.0, 4.0]) == pytest.approx((7 / 3, np.std([1, 2, 4], ddof=1)))
    assert mean_sd([0.5]) == (0.5, 0.0)
    assert all(math.isnan(value) for value in mean_sd([]))


def test_confusions_are_counted_true_sign_by_row() -> None:
    counts = confusion_counts(np.array([0, 0, 35]), np.array([0, 1, 35]))
    assert counts.sum() == 3
    assert (counts[0, 0], counts[0, 1], counts[35, 35]) == (1, 1, 1)


def test_a_grid_holds_every_picture() -> None:
    reds = [np.full((10, 10, 3), (255, 0, 0), np.uint8)] * 7
    sheet = captioned_grid(reds, ["A"] * 7, columns=3, tile_px=20)
    assert int((sheet == (255, 0, 0)).all(axis=2).sum()) == 7 * 20 * 20
