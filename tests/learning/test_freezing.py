"""Freeze policies, optimizer groups and schedules: pure functions."""

import math

import pytest
import torch

from src.errors import UserError
from src.learning.freezing import FreezeSchedule, Rest
from src.learning.run_settings import RunSettings, compose
from src.nets.cnn import build_cnn
from src.nets.mobilenetv2 import build_mobilenetv2

STAGES = ("stem", "block1", "block2", "neck", "head")


def policy(*overrides: str) -> FreezeSchedule:
    return compose(["trainer.max_epochs=20", *overrides]).freeze.over(STAGES)


@pytest.mark.parametrize(
    ("overrides", "trained"),
    [
        (["freeze=none"], STAGES),
        (["freeze=all"], ["head"]),
        (["freeze=top_k", "freeze.k=0"], ["head"]),
        (["freeze=top_k", "freeze.k=2"], ["block2", "neck", "head"]),
        (["freeze=top_k", "freeze.k=4"], STAGES),
        (["freeze=mask", "freeze.train=[block1]"], ["block1", "head"]),
    ],
)
def test_a_standing_policy_trains_the_same_stages_in_every_epoch(overrides: list[str], trained: list[str]) -> None:
    for epoch in (0, 1, 19):
        assert policy(*overrides).trained(epoch) == set(trained)


def test_gradual_thaws_one_stage_more_every_so_many_epochs_from_the_head_down() -> None:
    gradual = policy("freeze=gradual", "freeze.epochs_per_stage=2", "freeze.k=3")
    assert [len(gradual.trained(epoch)) for epoch in range(10)] == [1, 1, 2, 2, 3, 3, 4, 4, 4, 4]
    assert gradual.trained(2) == {"neck", "head"}
    assert [gradual.frozen_prefix(epoch) for epoch in (0, 2, 9)] == [4, 3, 1]


def test_lp_ft_trains_the_head_first_and_then_everything() -> None:
    lp_ft = policy("freeze=lp_ft", "freeze.head_epochs=3")
    assert [lp_ft.trained(epoch) == set(STAGES) for epoch in range(5)] == [False, False, False, True, True]


def test_rest_trains_everything_and_then_leaves_the_early_stages_alone() -> None:
    rest = Rest(last="block1", from_epoch=2).over(STAGES)
    assert [rest.trained(epoch) == set(STAGES) for epoch in range(4)] == [True, True, False, False]
    assert rest.trained(3) == {"block2", "neck", "head"}
    with pytest.raises(UserError, match=r"freeze.last=head is not a stage that can rest: choose from stem, block1"):
        Rest(last="head", from_epoch=2).over(STAGES)


def test_a_mask_with_a_hole_has_a_prefix_up_to_its_first_trained_stage() -> None:
    assert policy("freeze=mask", "freeze.train=[block1]").frozen_prefix(0) == 1


def test_a_k_beyond_the_network_is_said_with_the_stages_there_are() -> None:
    with pytest.raises(UserError, match=r"freeze.k=5 is beyond this network: it has 4 stages below the head"):
        policy("freeze=top_k", "freeze.k=5")


def test_an_unknown_stage_in_a_mask_is_said_with_the_stages_there_are() -> None:
    with pytest.raises(UserError, match=r"'blok1', which is not a stage: choose from stem, block1"):
        policy("freeze=mask", "freeze.train=[blok1]")


@pytest.mark.parametrize("network", [build_cnn(36, 32, (4, 8), 8), build_mobilenetv2(36)])
def test_every_parameter_lands_in_exactly_one_group_frozen_ones_included(network) -> None:
    network.set_trained(["head"])
    groups = compose([]).optimizer.parameter_groups(network)
    grouped = [id(p) for group in groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())
    for group in groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_each_stage_learns_slower_than_the_one_above_it_by_the_layer_decay() -> None:
    optimizer = compose(["optimizer.lr=0.01", "optimizer.layer_decay=0.5"]).optimizer
    network = build_mobilenetv2(36)
    rates = {group["stage"]: group["lr"] for group in optimizer.over(network).param_groups}
    expected = [0.01 * 0.5**depth for depth in range(len(network.stage_names))]
    assert [rates[stage] for stage in reversed(network.stage_names)] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_an_optimizer_leaves_a_frozen_weight_alone_even_with_decay_and_momentum(name: str) -> None:
    network = build_cnn(36, 32, (4, 8), 8)
    optimizer = compose([f"optimizer={name}", "optimizer.weight_decay=0.5"]).optimizer.over(network)
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    network(images).sum().backward()
    optimizer.step()  # momentum of every stage is now warm
    network.set_trained(["head"])
    before = {stage: network.fingerprint(stage) for stage in network.stage_names}
    network(images).sum().backward()
    optimizer.step()
    changed = {stage for stage in network.stage_names if network.fingerprint(stage) != before[stage]}
    assert changed == {"head"}


@pytest.mark.parametrize("name", ["constant", "cosine", "one_cycle", "step"])
@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_schedules_stay_between_nothing_and_the_full_rate_and_epoch_intervals_hold_still(
    name: str, interval: str
) -> None:
    schedule = compose([f"scheduler={name}", f"scheduler.interval={interval}"]).scheduler
    factor = schedule.factors(steps_per_epoch=10, epochs=12)
    factors = [factor(step) for step in range(120)]
    assert all(0 <= value <= 1 for value in factors)
    assert max(factors) > 0.9
    if interval == "epoch":
        assert all(len(set(factors[start : start + 10])) == 1 for start in range(0, 120, 10))


def test_cosine_warms_up_and_ends_near_its_final_fraction() -> None:
    schedule = compose(["scheduler=cosine", "scheduler.warmup_epochs=1", "scheduler.final_fraction=0.1"]).scheduler
    factor = schedule.factors(steps_per_epoch=10, epochs=10)
    assert factor(0) < factor(5) < factor(10) == pytest.approx(1.0)
    assert math.isclose(factor(99), 0.1, abs_tol=0.01)


def test_settings_survive_a_trip_through_plain_values() -> None:
    for overrides in ([], ["model=cnn"], ["freeze=gradual", "scheduler=plateau", "+trainer.accumulate_grad_batches=2"]):
        made = compose(overrides)
        again = RunSettings.of(made.plain(), from_file=True)
        assert again.plain() == made.plain()
        assert type(again.freeze) is type(made.freeze)
