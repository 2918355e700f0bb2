"""Figures equal scikit-learn's, and their intervals come from whole people or bursts."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support, top_k_accuracy_score

from src.evaluation.intervals import (
    FEWEST_UNITS,
    GROUPS,
    SIGNERS,
    Units,
    expanded_tail,
    group_scores,
    intervals,
    units_of,
)
from src.evaluation.metrics import calibration_bins, calibration_error, class_scores, handshapes
from src.evaluation.predictions import Predictions
from src.signs.labels import INDEX_OF, NUM_SIGNS, SIGNS


def random_predictions(seed: int, images: int = 400, classes: int = NUM_SIGNS) -> Predictions:
    """Answers a little better than chance; with fewer classes than 36, the others never occur as labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    logits = rng.standard_normal((images, NUM_SIGNS)).astype(np.float32)
    logits[np.arange(images), labels] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Predictions(np.arange(images), labels, probabilities)


@pytest.mark.parametrize(("seed", "classes"), [(1, NUM_SIGNS), (2, 10), (3, 3)])
def test_figures_equal_those_of_scikit_learn(seed: int, classes: int) -> None:
    test = random_predictions(seed, classes=classes)
    scores = test.scores()
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


def test_calibration_error_is_the_gap_between_sure_and_right() -> None:
    confidence, right = np.full(100, 0.9), np.arange(100) < 60
    assert calibration_error(confidence, right) == pytest.approx(0.3)
    assert calibration_error(np.full(10, 1.0), np.ones(10)) == 0
    # Bins are weighted by their images: 60 of 80 right at 75 %, and 20 that claim 25 % and are never right.
    confidence = np.concatenate([np.full(80, 0.75), np.full(20, 0.25)])
    right = np.concatenate([np.arange(80) < 60, np.zeros(20, bool)])
    assert calibration_error(confidence, right) == pytest.approx(0.2 * 0.25)
    assert [b.images for b in calibration_bins(confidence, right)] == [20, 80]


def test_an_image_more_of_the_same_burst_changes_no_interval() -> None:
    test = random_predictions(4, images=120)
    groups = np.arange(120) // 6
    unknown = np.full(120, "", dtype=object)
    once = intervals(test.labels, test.predicted, units_of(unknown, groups, "signer"))
    copied = np.repeat(np.arange(120), 4)
    twice = intervals(test.labels[copied], test.predicted[copied], units_of(unknown[copied], groups[copied], "signer"))
    assert once["accuracy"][1] - once["accuracy"][0] > 0.05
    for name, ends in once.items():
        assert twice[name] == pytest.approx(ends, abs=1e-12), name
    frames = intervals(test.labels[copied], test.predicted[copied], Units("frames", np.arange(480), 480, ""))
    assert frames["accuracy"][1] - frames["accuracy"][0] < 0.8 * (once["accuracy"][1] - once["accuracy"][0])


def test_signers_are_drawn_where_there_are_enough_and_bursts_where_there_are_not() -> None:
    groups = np.arange(70)
    enough = np.array([f"set:p{i % FEWEST_UNITS}" for i in range(70)], dtype=object)
    few = np.array([f"set:p{i % (FEWEST_UNITS - 1)}" for i in range(70)], dtype=object)
    partly = np.where(np.arange(70) < 3, "", enough)
    for split in ("signer", "source", "everything"):
        units = units_of(enough, groups, split)
        assert (units.name, units.count) == (SIGNERS, FEWEST_UNITS)
    nobody = np.full(70, "", dtype=object)
    # Where the people of the test set were trained on, no number of them speaks for others.
    for signers, split in (
        (few, "signer"),
        (partly, "source"),
        (nobody, "signer"),
        (enough, "random"),
        (enough, "group"),
    ):
        units = units_of(signers, groups, split)
        assert (units.name, units.count) == (GROUPS, 70)
        assert "not for other people" in units.note


def test_one_burst_gives_no_interval_and_a_sentence_why() -> None:
    units = units_of(np.full(30, "set:one", dtype=object), np.zeros(30, np.int64), "signer")
    assert (units.name, units.count) == ("", 1)
    assert units.note.startswith("No interval: the test set names 1 signer, fewer than 5, and its images are 1 group")
    test = random_predictions(5, images=30)
    assert intervals(test.labels, test.predicted, units) == {}


def test_answers_that_are_all_right_give_no_interval_rather_than_one_of_no_width() -> None:
    labels, signers = np.arange(30) % 5, np.array([f"set:p{i % 6}" for i in range(30)], dtype=object)
    assert intervals(labels, labels, units_of(signers, None, "signer")) == {}
    scores = group_scores(labels, labels, signers, np.full(30, "set", dtype=object), np.arange(30), "signer")
    assert [(score.accuracy, score.low, score.high) for score in scores] == [(1.0, None, None)] * 7


def test_the_interval_of_signers_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    held, repetitions, people, images = 0, 120, 6, 40
    for _ in range(repetitions):
        accuracy = np.clip(rng.normal(0.7, 0.1, people), 0, 1)
        right = rng.random((people, images)) < accuracy[:, None]
        labels = np.zeros(people * images, np.int64)
        signers = np.repeat([f"set:p{i}" for i in range(people)], images).astype(object)
        one_source = np.full(people * images, "set", dtype=object)
        source = group_scores(labels, (~right).ravel().astype(np.int64), signers, one_source, None, "signer")[-1]
        assert source.unit == SIGNERS
        held += source.low <= 0.7 <= source.high
    assert 0.86 <= held / repetitions <= 0.99
    assert expanded_tail(5) < expanded_tail(20) < expanded_tail(10_000) == pytest.approx(0.025, abs=1e-4)


def test_signers_and_sources_are_ranked_and_their_accuracies_add_up() -> None:
    test = random_predictions(7, images=300)
    signers = np.array([f"set:p{i % 6}" for i in range(300)], dtype=object)
    sources = np.array(["set" if i < 200 else "other" for i in range(300)], dtype=object)
    scores = group_scores(test.labels, test.predicted, signers, sources, np.arange(300) // 4, "signer")
    people = [score for score in scores if score.kind == "signer"]
    assert [score.accuracy for score in people] == sorted((s.accuracy for s in people), reverse=True)
    assert {score.name for score in scores if score.kind == "source"} == {"set", "other"}
    right = sum(score.accuracy * score.images for score in people)
    assert right == pytest.approx((test.labels == test.predicted).sum())
    assert all(score.low < score.accuracy < score.high and score.unit == GROUPS for score in people)
