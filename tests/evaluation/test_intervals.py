"""Intervals come from whole people or whole bursts, and hold the truth about as often as they say."""

import numpy as np
import pytest

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
from tests.evaluation.predicted import random_predictions


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


def test_predictions_that_are_all_correct_give_no_interval_rather_than_one_of_no_width() -> None:
    labels, signers = np.arange(30) % 5, np.array([f"set:p{i % 6}" for i in range(30)], dtype=object)
    assert intervals(labels, labels, units_of(signers, np.arange(30), "signer")) == {}
    scores = group_scores(labels, labels, signers, np.full(30, "set", dtype=object), np.arange(30), "signer")
    assert [(score.accuracy, score.low, score.high) for score in scores] == [(1.0, None, None)] * 7


def test_the_interval_of_signers_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    held, repetitions, people, images = 0, 120, 6, 40
    for _ in range(repetitions):
        accuracy = np.clip(rng.normal(0.7, 0.1, people), 0, 1)
        correct = rng.random((people, images)) < accuracy[:, None]
        labels = np.zeros(people * images, np.int64)
        signers = np.repeat([f"set:p{i}" for i in range(people)], images).astype(object)
        one_source, one_group = np.full(people * images, "set", dtype=object), np.zeros(people * images, np.int64)
        source = group_scores(labels, (~correct).ravel().astype(np.int64), signers, one_source, one_group, "signer")[-1]
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
    correct = sum(score.accuracy * score.images for score in people)
    assert correct == pytest.approx((test.labels == test.predicted).sum())
    assert all(score.low < score.accuracy < score.high and score.unit == GROUPS for score in people)
