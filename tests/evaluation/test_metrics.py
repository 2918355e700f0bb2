"""Figures equal scikit-learn's, and a metric is one entry in one list, wherever it comes from."""

import importlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support, top_k_accuracy_score

from src.errors import UserError
from src.evaluation.measurement import Scored, measured
from src.evaluation.metrics import (
    Metric,
    calibration_bins,
    calibration_error,
    class_scores,
    confusion_counts,
    described,
    handshapes,
    measure,
    register,
    registered,
    shown,
    unregister,
    validation_metrics,
)
from src.runs.calibration import Calibration
from src.runs.folder import METRICS
from src.runs.record import read_run
from src.signs.labels import INDEX_OF, NUM_SIGNS, SIGNS
from tests.evaluation.predicted import random_predictions
from tests.runs.records import RUN, run_record

WORST_SIGN = """
from src.evaluation.metrics import Metric, class_scores, register
from src.evaluation.predictions import Predictions


def worst_sign(predictions: Predictions) -> float:
    scores = class_scores(predictions.labels, predictions.predicted)
    return min(score.recall for score in scores if score.images)


register(Metric("worst_sign", "worst sign", "recall of the sign that is read worst", worst_sign))
"""


@pytest.fixture
def worst_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Metric]:
    """A metric from a user's own module, as `plugins=[my_metrics]` imports it."""
    (tmp_path / "my_metrics.py").write_text(WORST_SIGN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_metrics", raising=False)
    importlib.import_module("my_metrics")
    yield described("worst_sign")
    unregister("worst_sign")


@pytest.mark.parametrize(("seed", "classes"), [(1, NUM_SIGNS), (2, 10), (3, 3)])
def test_figures_equal_those_of_scikit_learn(seed: int, classes: int) -> None:
    test = random_predictions(seed, classes=classes)
    scores = measure(test)
    assert scores["accuracy"] == pytest.approx(accuracy_score(test.labels, test.predicted), abs=1e-6)
    assert scores["f1_macro"] == pytest.approx(f1_score(test.labels, test.predicted, average="macro"), abs=1e-6)
    top3 = top_k_accuracy_score(test.labels, test.probabilities, k=3, labels=np.arange(NUM_SIGNS))
    assert scores["accuracy_top3"] == pytest.approx(top3, abs=1e-6)
    ours = class_scores(test.labels, test.predicted)
    there = [INDEX_OF[score.sign] for score in ours]
    theirs = precision_recall_fscore_support(test.labels, test.predicted, labels=there, zero_division=0)
    for name, column in zip(("precision", "recall", "f1", "images"), theirs, strict=True):
        assert [getattr(score, name) for score in ours] == pytest.approx(list(column)), name
    assert {SIGNS[i] for i in {*test.labels, *test.predicted}} == {score.sign for score in ours}


def test_look_alikes_count_as_one_handshape_and_others_do_not() -> None:
    labels = np.array([INDEX_OF[sign] for sign in "0VWAM"])
    predicted = np.array([INDEX_OF[sign] for sign in "O26AN"])
    assert (handshapes(labels) == handshapes(predicted)).tolist() == [True, True, True, True, False]


def test_calibration_error_is_the_gap_between_sure_and_correct() -> None:
    confidence, correct = np.full(100, 0.9), np.arange(100) < 60
    assert calibration_error(confidence, correct) == pytest.approx(0.3)
    assert calibration_error(np.full(10, 1.0), np.ones(10)) == 0
    # Bins are weighted by their images: 60 of 80 correct at 75 %, and 20 that claim 25 % and are never correct.
    confidence = np.concatenate([np.full(80, 0.75), np.full(20, 0.25)])
    correct = np.concatenate([np.arange(80) < 60, np.zeros(20, bool)])
    assert calibration_error(confidence, correct) == pytest.approx(0.2 * 0.25)
    assert [b.images for b in calibration_bins(confidence, correct)] == [20, 80]


def test_confusions_are_counted_true_sign_by_row() -> None:
    counts = confusion_counts(np.array([0, 0, 35]), np.array([0, 1, 35]))
    assert counts.shape == (36, 36)
    assert (counts.sum(), counts[0, 0], counts[0, 1], counts[35, 35]) == (3, 1, 1, 1)


def test_what_validation_logs_is_what_the_record_says_of_it() -> None:
    val = random_predictions(8)
    logged = validation_metrics(val.labels, val.probabilities)
    assert list(logged) == [metric.name for metric in registered()]
    assert {name: round(value, 6) for name, value in logged.items()} == measure(val)


def test_a_metric_of_ones_own_is_measured_logged_recorded_and_shown(worst_sign: Metric, tmp_path: Path) -> None:
    test = random_predictions(9)
    everyone = np.full(400, "set:p1", dtype=object)
    scored = Scored(test, [str(i) for i in range(400)], np.full(400, "set"), everyone, np.arange(400), "signer")
    figures = measured(scored, Calibration(1.5, 0.3))
    recall = [(test.predicted[test.labels == sign] == sign).mean() for sign in range(NUM_SIGNS)]
    assert figures["test"]["worst_sign"] == pytest.approx(min(recall), abs=1e-6)
    assert validation_metrics(test.labels, test.probabilities)["worst_sign"] == pytest.approx(min(recall))
    record = run_record(val=measure(test), **figures)
    record.write(tmp_path / METRICS)
    again = read_run(tmp_path)
    assert again == record
    assert again.figure("test/worst_sign") == again.figure("val/worst_sign") == figures["test"]["worst_sign"]
    assert worst_sign in shown(again.test)
    assert worst_sign.text(again.test["worst_sign"]).endswith("%")


def test_a_figure_whose_metric_is_not_known_here_goes_by_its_name() -> None:
    names = [metric.title for metric in shown({**RUN.test, "worst_sign": 0.5})]
    assert names == ["accuracy", "macro F1", "top-3 accuracy", "handshape accuracy", "calibration error", "worst_sign"]
    assert described("worst_sign").text(0.5) == "0.5"
    assert described("ece_calibrated").title == "calibration error, calibrated"


def test_a_metric_without_a_value_is_none_in_records_and_a_dash_in_tables() -> None:
    metric = register(Metric("nothing", "nothing", "never has a value", lambda predictions: math.nan))
    try:
        assert measure(random_predictions(10))["nothing"] is None
        assert metric.text(None) == metric.text(math.nan) == "–"
    finally:
        unregister("nothing")


def test_a_metric_that_fails_says_which_it_is() -> None:
    register(Metric("broken", "broken", "always fails", lambda predictions: 1 / 0))
    try:
        with pytest.raises(ZeroDivisionError) as caught:
            measure(random_predictions(10))
        assert "'broken'" in caught.value.__notes__[0]
    finally:
        unregister("broken")


@pytest.mark.parametrize(
    "name", ["accuracy", "ece_calibrated", "answered_share", "Worst", "test/worst", "", "x_ci_low"]
)
def test_a_metric_needs_a_name_of_its_own(name: str) -> None:
    with pytest.raises(UserError, match="another name"):
        register(Metric(name, "title", "meaning", lambda predictions: 0.0))
