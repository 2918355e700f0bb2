"""The feature cache: the same training from activations as from images, computed once, whoever asks first."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from src.learning.feature_plan import FeaturePlan
from src.learning.run_settings import compose
from tests.conftest import TINY, TINY_CNN, TINY_MOBILENET

STAGES = ("stem", "block1", "block2", "neck", "head")
FROZEN_CNN = (*(o for o in TINY_CNN if o != "freeze=none"), "freeze.allow_untrained=true", "model.batch_norm=true")


def plan_of(*overrides: str, epochs: int = 6) -> FeaturePlan:
    return FeaturePlan.of(compose(overrides).freeze.over(STAGES), epochs)


def test_the_cut_follows_every_policy_and_never_crosses_a_stage_that_was_trained() -> None:
    assert plan_of("freeze=all").cuts == (4,) * 6
    assert plan_of("freeze=top_k", "freeze.k=2").cuts == (2,) * 6
    assert plan_of("freeze=none").cuts == (0,) * 6
    assert plan_of("freeze=gradual").cuts == (4, 3, 2, 1, 0, 0)
    assert plan_of("freeze=lp_ft", "freeze.head_epochs=2").cuts == (4, 4, 0, 0, 0, 0)
    # A hole: block2 is frozen above the trained block1, and is part of no prefix.
    assert plan_of("freeze=mask", "freeze.train=[block1]").cuts == (1,) * 6
    assert plan_of("freeze=gradual").last == 0
    assert plan_of("freeze=all").last == 4


def losses(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in ("train/loss", "train/accuracy", "val/loss", "val/accuracy")
    }


POLICIES = {
    "all": ["freeze=all"],
    "top_k": ["freeze=top_k", "freeze.k=1"],
    "mask": ["freeze=mask", "freeze.train=[conv2]"],
    "gradual": ["freeze=gradual", "trainer.max_epochs=4"],
    "lp_ft": ["freeze=lp_ft", "freeze.head_epochs=2", "trainer.max_epochs=3"],
}


@pytest.mark.parametrize("policy", POLICIES)
def test_training_from_activations_equals_training_from_the_same_views_bit_for_bit(
    policy: str, train_door: Any, tmp_path: Path
) -> None:
    overrides = [*FROZEN_CNN, *POLICIES[policy], "model.dropout=0.4", "cache.views=2"]
    cache = f"datamodule.cache_dir='{tmp_path / 'own'}'"
    plain = train_door(*overrides, "cache=off", "cache.views=2", folder="plain", last=(cache,))
    kept = train_door(*overrides, folder="kept", last=(cache,))
    again = train_door(*overrides, folder="again", last=(cache,))
    assert plain.status == kept.status == again.status == 0, plain.err + kept.err + again.err
    assert losses(plain.folder) == losses(kept.folder) == losses(again.folder)
    assert _weights(plain.folder).keys() == _weights(kept.folder).keys()
    for name, tensor in _weights(plain.folder).items():
        assert torch.equal(tensor, _weights(kept.folder)[name]), name
    assert (plain.folder / "predictions.csv").read_text() == (kept.folder / "predictions.csv").read_text()
    assert (plain.metrics["cache"], kept.metrics["cache"]) == ("off", "prefix")
    assert kept.metrics["cache_fill_seconds"] > 0
    assert again.metrics["cache_fill_seconds"] == 0
    assert again.metrics["cache_saved_seconds"] > 0


def test_hands_before_rooms_and_balanced_draws_are_the_same_from_activations(
    train_door: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.data.masks.mask_on_black", lambda picture: picture.max(axis=2) > 90)
    overrides = [*FROZEN_CNN, *POLICIES["top_k"], "augmentation=rooms", "datamodule.balance=people", "cache.views=3"]
    overrides.append("datamodule.epoch_images=400")  # more than there are, so that images come twice
    cache = f"datamodule.cache_dir='{tmp_path / 'own'}'"
    plain = train_door(*overrides, "cache=off", "cache.views=3", folder="plain", last=(cache,))
    kept = train_door(*overrides, folder="kept", last=(cache,))
    assert plain.status == kept.status == 0, plain.err + kept.err
    assert "An epoch draws 400 images: 100% asl_dataset (4 people)." in kept.out
    assert "before other rooms: 0 of" not in kept.out
    assert losses(plain.folder) == losses(kept.folder)
    assert kept.metrics["cache"] == "prefix"


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from src.nets.weights import read_tensors

    return read_tensors(folder / "checkpoints/last.ckpt")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize(
    "model",
    [[*TINY_MOBILENET], [*TINY, "model=timm", "model.name=resnet18", "model.weights=null"]],
    ids=["mnv2", "timm"],
)
def test_backbones_train_from_activations_as_from_images(
    model: list[str], precision: str, train_door: Any, tmp_path: Path
) -> None:
    overrides = [
        *model, "freeze=top_k", "freeze.k=1", "freeze.allow_untrained=true", "cache.views=1", "trainer.max_epochs=1",
        f"trainer.precision={precision}", "trainer.limit_batches=3",
    ]  # fmt: skip
    cache = f"datamodule.cache_dir='{tmp_path / 'own'}'"
    plain = train_door(*overrides, "cache=off", "cache.views=1", folder="plain", last=(cache,))
    kept = train_door(*overrides, folder="kept", last=(cache,))
    assert plain.status == kept.status == 0, plain.err + kept.err
    assert losses(plain.folder)["train/loss"] == losses(kept.folder)["train/loss"]


def test_the_first_job_of_a_sweep_fills_what_all_of_them_read(train_door: Any, tmp_path: Path) -> None:
    sweep = train_door(
        "-m", *TINY, "model.weights=hands", "freeze=top_k", "freeze.k=0,1", "seed=1,2", "split.seed=0",
        "cache.views=1", "trainer.max_epochs=1", last=(f"datamodule.cache_dir='{tmp_path / 'own'}'",),
    )  # fmt: skip
    assert sweep.status == 0, sweep.err
    runs = sorted(sweep.folder.glob("*/metrics.json"))
    assert len(runs) == 4
    filled = [json.loads(run.read_text())["cache_fill_seconds"] for run in runs]
    assert filled[0] > 0
    assert not any(filled[1:])
