"""The cached prefix: the same training from activations as from images, computed once, whoever asks first."""

import json
import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from src.errors import UserError
from src.learning.feature_cache import CachedPrefix, PrefixPlan
from src.learning.feature_store import PLAIN, Part, Shelf, filling, make_room
from src.learning.freezing import FreezePolicy
from src.learning.run_settings import compose
from tests.conftest import TINY, TINY_CNN, TINY_MOBILENET

STAGES = ("stem", "block1", "block2", "neck", "head")
FROZEN_CNN = (*(o for o in TINY_CNN if o != "freeze=none"), "freeze.allow_untrained=true", "model.batch_norm=true")


def plan_of(*overrides: str, epochs: int = 6) -> PrefixPlan:
    return PrefixPlan.of(FreezePolicy(compose(overrides).freeze, STAGES), epochs)


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


def test_a_sweep_fills_every_cut_in_one_pass(train_door: Any, tmp_path: Path, monkeypatch: Any) -> None:
    passes = []
    original = CachedPrefix._fill

    def counted(self: CachedPrefix, trainer: Any, lacking: dict[tuple[int, int], np.ndarray]) -> None:
        passes.append(sorted({cut for cut, _ in lacking}))
        original(self, trainer, lacking)

    monkeypatch.setattr(CachedPrefix, "_fill", counted)
    sweep = train_door(
        "-m", *TINY, "model.weights=hands", "freeze=top_k", "freeze.k=0,1", "seed=1,2", "split.seed=0",
        "cache.views=1", "trainer.max_epochs=1", last=(f"datamodule.cache_dir='{tmp_path / 'own'}'",),
    )  # fmt: skip
    assert sweep.status == 0, sweep.err
    assert passes[0] == [8, 9]
    runs = sorted(sweep.folder.glob("*/metrics.json"))
    assert len(runs) == 4
    filled = [json.loads(run.read_text())["cache_fill_seconds"] for run in runs]
    assert filled[0] > 0
    assert not any(filled[1:])


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, {"cut": 1}, images=10)


def rows(images: np.ndarray) -> torch.Tensor:
    """(batch, 2, 3, 3) bfloat16, told apart by image."""
    return (torch.from_numpy(images).float()[:, None, None, None] + torch.arange(18.0).view(2, 3, 3) / 32).bfloat16()


def fill(shelf: Shelf, view: int, images: np.ndarray) -> None:
    parts = [Part.of(rows(images))]
    shelf.describe(parts, 0.0)
    writer = shelf.writer(view, parts)
    writer.write(images, [rows(images)])
    writer.close()


def test_rows_come_back_bit_for_bit_in_any_order_and_of_mixed_views(shelf: Shelf) -> None:
    fill(shelf, 0, np.array([7, 2, 3]))
    fill(shelf, 1, np.array([5]))
    shelf.open([0, 1])
    (read,) = shelf.read(np.array([3, 5, 7]), np.array([0, 1, 0]))
    assert read.dtype == torch.bfloat16
    assert torch.equal(read, rows(np.array([3, 5, 7])))
    assert shelf.lacking(0, np.arange(10)).tolist() == [0, 1, 4, 5, 6, 8, 9]
    assert shelf.lacking(PLAIN, np.array([2])).tolist() == [2]


def test_rows_written_by_a_job_that_died_are_filled_again(shelf: Shelf) -> None:
    parts = [Part.of(rows(np.arange(2)))]
    shelf.describe(parts, 0.0)
    shelf.writer(0, parts).write(np.arange(2), [rows(np.arange(2))])  # never closed
    assert shelf.lacking(0, np.arange(10)).tolist() == list(range(10))


@pytest.mark.parametrize("damage", ["cut", "deleted", "nonsense"])
def test_a_damaged_file_is_filled_again_and_never_read(damage: str, shelf: Shelf) -> None:
    fill(shelf, 0, np.arange(10))
    file = shelf.folder / "view0.0.npy"
    if damage == "deleted":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:200] if damage == "cut" else b"nonsense")
    assert len(shelf.lacking(0, np.arange(10))) == 10
    fill(shelf, 0, np.arange(10))
    shelf.open([0])
    assert torch.equal(shelf.read(np.arange(10), np.zeros(10, int))[0], rows(np.arange(10)))


def test_the_longest_unused_makes_room_and_a_run_too_large_for_the_budget_is_refused(tmp_path: Path) -> None:
    shelves = [Shelf(tmp_path, {"run": number}, images=2000) for number in range(3)]
    for age, shelf in enumerate(shelves):
        fill(shelf, 0, np.arange(2000))
        shelf.touch()
        os.utime(shelf.folder / "last_used", (1000 - age, 1000 - age))
    one = 2000 * 36
    make_room(tmp_path, needed_bytes=one, budget_bytes=3.9 * one, keep=[shelves[2]])
    assert shelves[0].folder.exists()
    assert not shelves[1].folder.exists()  # shelves[2] is older, but this run reads it
    assert shelves[2].folder.exists()
    with pytest.raises(UserError, match=r"cache\.budget_gb.*raise it, lower cache\.views, or use cache=off"):
        make_room(tmp_path, needed_bytes=5 * one, budget_bytes=3 * one, keep=[])


def test_a_reader_keeps_what_it_opened_when_another_job_makes_room(shelf: Shelf) -> None:
    fill(shelf, 0, np.arange(10))
    shelf.open([0])
    shutil.rmtree(shelf.folder)
    assert torch.equal(shelf.read(np.arange(10), np.zeros(10, int))[0], rows(np.arange(10)))


def _fill_when_free(folder: Path, order: Any) -> None:
    shelf = Shelf(folder, {"cut": 1}, images=10)
    with filling(folder):
        lacking = shelf.lacking(0, np.arange(10))
        order.put(len(lacking))
        if len(lacking):
            fill(shelf, 0, lacking)


def test_two_jobs_that_want_the_same_rows_compute_them_once(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    order = fork.Queue()
    jobs = [fork.Process(target=_fill_when_free, args=(tmp_path, order)) for _ in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(timeout=60)
    assert [order.get(timeout=5), order.get(timeout=5)] == [10, 0]
