"""Averaged weights: what is scored and kept, and what training goes on with."""

from typing import Any

import pytest
import torch

from src.learning.averaging import AveragedWeights
from src.nets.build import build_network
from src.nets.weights import read_tensors
from src.runs import folder as run_folder
from tests.conftest import TINY_CNN, TINY_MOBILENET


def test_checkpoints_hold_the_mean_and_what_training_goes_on_with(train_door: Any) -> None:
    plain = train_door(*TINY_CNN, folder="plain")
    averaged = train_door(*TINY_CNN, "callbacks=averaged", folder="averaged")
    assert averaged.status == 0, averaged.err
    last = torch.load(averaged.folder / run_folder.LAST, weights_only=True)
    weights = torch.load(plain.folder / run_folder.LAST, weights_only=True)["state_dict"]
    # Training itself is not touched: it is the same to the bit without averaging.
    assert all(torch.equal(weights[name], last["current_model_state"][name]) for name in weights)
    assert any(not torch.equal(weights[name], last["state_dict"][name]) for name in weights)


def test_a_decay_of_nothing_is_no_average(train_door: Any) -> None:
    plain = train_door(*TINY_CNN, folder="plain")
    same = train_door(*TINY_CNN, "callbacks=averaged", "callbacks.averaging.decay=0", folder="same")
    assert (plain.folder / "predictions.csv").read_text() == (same.folder / "predictions.csv").read_text()


@pytest.mark.parametrize("freeze", [["freeze=top_k", "freeze.k=1"], ["freeze=gradual", "freeze.k=1"]])
def test_frozen_stages_are_in_the_mean_what_they_were_to_the_last_bit(
    freeze: list[str], train_door: Any, tiny_settings: Any
) -> None:
    overrides = [*TINY_MOBILENET, *freeze, "callbacks=averaged"]
    run = train_door(*overrides)
    assert run.status == 0, run.err
    assert run.metrics["frozen_unchanged"] is True
    start = build_network(tiny_settings(*overrides).model, 32, 1).network.state_dict()
    best = read_tensors(run.folder / run_folder.BEST)
    assert {name.split(".")[1] for name in start if not torch.equal(start[name], best[name])} == {"neck", "head"}


def test_the_mean_begins_short_and_grows() -> None:
    mean = AveragedWeights(decay=0.9)._kwargs["avg_fn"]
    zero, one = torch.zeros(1), torch.ones(1)
    assert float(mean(zero, one, 1)) == pytest.approx(1 - 2 / 11)
    assert float(mean(zero, one, 1000)) == pytest.approx(0.1)


def test_a_decay_that_is_no_share_is_refused(train_door: Any) -> None:
    refused = train_door(*TINY_CNN, "callbacks=averaged", "callbacks.averaging.decay=1.5")
    assert refused.status == 2
    assert "callbacks.averaging.decay=1.5 is out of range" in refused.err
