"""Temperature scaling and the bound below which prediction says "not sure"."""

import json
from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.evaluation.calibration import abstention, fit_calibration
from src.evaluation.metrics import calibration_error
from src.evaluation.predictions import Predictions
from src.runs.calibration import Calibration, read_calibration
from src.runs.folder import CALIBRATION
from src.storage.files import write_json


def overconfident(seed: int, images: int = 1500, sharpness: float = 3.0) -> Predictions:
    """Labels drawn from a softmax, predictions from its logits times `sharpness`, which is the best temperature."""
    rng = np.random.default_rng(seed)
    logits = 2.0 * rng.standard_normal((images, 36))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(36, p=p) for p in true])
    said = np.exp(sharpness * (logits - logits.max(axis=1, keepdims=True)))
    return Predictions(np.arange(images), labels, (said / said.sum(axis=1, keepdims=True)).astype(np.float32))


@pytest.mark.parametrize("sharpness", [3.0, 0.5])
def test_calibration_lowers_the_error_on_images_that_it_was_not_fitted_on(sharpness: float) -> None:
    fitted = fit_calibration(overconfident(1, sharpness=sharpness))
    assert fitted.parameters.temperature == pytest.approx(sharpness, rel=0.1)
    test = overconfident(2, sharpness=sharpness)
    tempered = test.tempered(fitted.parameters.temperature)
    assert calibration_error(tempered.confidence, tempered.correct) < 0.4 * calibration_error(
        test.confidence, test.correct
    )
    assert tempered.loss() < test.loss()
    assert (tempered.predicted == test.predicted).all()


def test_the_temperature_is_the_one_of_least_loss() -> None:
    val = overconfident(3)
    best = fit_calibration(val).parameters.temperature
    losses = [val.tempered(best * factor).loss() for factor in (0.98, 1.0, 1.02)]
    assert min(losses) == losses[1]


def test_validation_without_a_mistake_gives_no_temperature_and_says_so() -> None:
    sure = Predictions(np.arange(36), np.arange(36), (0.99 * np.eye(36) + 0.01 / 36).astype(np.float32))
    fitted = fit_calibration(sure)
    assert (fitted.parameters.temperature, fitted.parameters.abstain_below) == (1.0, 0.0)
    assert fitted.note


def test_the_bound_is_the_smallest_at_which_predictions_are_correct_often_enough() -> None:
    confidence = np.linspace(0.01, 1.0, 100)
    correct = confidence > 0.305  # the 31 least sure are wrong
    bound = abstention(confidence, correct)
    given = confidence >= bound
    assert correct[given].mean() >= 0.95
    one_more = confidence >= confidence[~given].max()
    assert correct[one_more].mean() < 0.95


def test_the_bound_never_withholds_more_than_half() -> None:
    confidence = np.linspace(0.5, 0.9, 101)
    bound = abstention(confidence, np.zeros(101, bool))
    assert (confidence >= bound).mean() == pytest.approx(0.5, abs=0.01)
    assert abstention(confidence, np.ones(101, bool)) == 0


def test_a_fitted_calibration_is_read_back_with_its_figures_beside_it(tmp_path: Path) -> None:
    fitted = fit_calibration(overconfident(4))
    fitted.write(tmp_path)
    assert read_calibration(tmp_path) == fitted.parameters
    values = json.loads((tmp_path / CALIBRATION).read_text())
    assert values["val/loss_calibrated"] < values["val/loss"]
    assert values["val/ece_calibrated"] < values["val/ece"]
    assert (values["images"], values["fitted_on"]) == (1500, "validation")


def test_a_damaged_calibration_is_refused_and_a_missing_one_is_none(tmp_path: Path) -> None:
    assert read_calibration(tmp_path) is None
    file = tmp_path / CALIBRATION
    write_json(file, {"temperature": 1.5, "abstain_below": 0.4})
    assert read_calibration(tmp_path) == Calibration(1.5, 0.4)
    for damaged in ({"temperature": 0, "abstain_below": 0.4}, {"temperature": 1.5}, {"temperature": "x"}):
        write_json(file, damaged)
        with pytest.raises(UserError, match="damaged"):
            read_calibration(tmp_path)
