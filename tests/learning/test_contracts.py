"""The promises of a run: frozen stages stay bit for bit, a resumed run equals one never interrupted, seeds decide."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from src.learning.epochs import Stopwatch
from src.learning.freeze_callback import FreezeBroken, Freezing
from src.nets.build import build_network
from src.nets.weights import read_tensors
from src.runs import folder as run_folder
from tests.conftest import TINY_CNN, TINY_JOINTS, TINY_MOBILENET

SCHEDULES = {
    "top_k": ["freeze=top_k", "freeze.k=1"],
    "mask": ["freeze=mask", "freeze.train=[block6]"],
    "gradual": ["freeze=gradual", "freeze.k=2"],
    "lp_ft": ["freeze=lp_ft", "freeze.head_epochs=2"],
}


def tensors(folder: Path, file: str = run_folder.LAST) -> dict[str, torch.Tensor]:
    return read_tensors(folder / file)


def differing(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    """Stage names in which any tensor differs in any bit."""
    assert one.keys() == other.keys()
    return {name.split(".")[1] for name in one if not torch.equal(one[name], other[name])}


@pytest.mark.parametrize(
    ("policy", "moved"),
    [("top_k", {"neck", "head"}), ("mask", {"block6", "head"}), ("gradual", {"block7", "neck", "head"})],
)
def test_what_was_frozen_is_bit_for_bit_what_it_was_batch_norm_included(
    policy: str, moved: set[str], train_door: Any, tiny_settings: Any
) -> None:
    overrides = [*TINY_MOBILENET, *SCHEDULES[policy], "trainer.max_epochs=3"]
    run = train_door(*overrides)
    assert run.status == 0, run.err
    cfg = tiny_settings(*overrides)
    start = build_network(cfg.model, 32, cfg.seed).network.state_dict()
    assert differing(tensors(run.folder), dict(start)) == moved
    assert run.metrics["frozen_unchanged"] is True
    rows = (run.folder / run_folder.STAGES).read_text().splitlines()[1:]
    for row in (line.split(",") for line in rows):
        stage, before, after = row[0], row[5], row[6]
        if stage not in moved:
            assert len(before) == 64
            assert before == after


def test_a_frozen_stage_that_moves_all_the_same_is_never_reported_as_kept(train_door: Any, monkeypatch: Any) -> None:
    def drift(self: Freezing, trainer: Any, module: Any, *_: Any) -> None:
        with torch.no_grad():
            module.network.stages["stem"][1].running_mean += 1e-6

    monkeypatch.setattr(Freezing, "on_train_batch_end", drift)
    with pytest.raises(FreezeBroken, match="stem"):
        train_door(*TINY_MOBILENET, *SCHEDULES["top_k"])


def test_freezing_a_network_without_trained_weights_is_refused_unless_asked_for(train_door: Any) -> None:
    refused = train_door(*(o for o in TINY_MOBILENET if "allow" not in o), "freeze=all")
    assert refused.status == 2
    assert "without trained weights" in refused.err
    assert "freeze.allow_untrained=true" in refused.err
    assert not refused.folder.exists()


def test_a_k_beyond_the_network_is_refused_before_any_image_is_read(train_door: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("src.data.datamodule.collected", lambda *_: pytest.fail("images were read"))
    refused = train_door(*TINY_MOBILENET, "freeze=top_k", "freeze.k=10")
    assert refused.status == 2
    assert "freeze.k=10 is beyond this network: it has 9 stages below the head" in refused.err


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes the next run stop, as by Ctrl-C, in the middle of an epoch (counted from 0)."""
    original = Stopwatch.on_train_batch_end

    def at(epoch: int | None) -> None:
        def stop(self: Stopwatch, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            original(self, trainer, module, outputs, batch, batch_idx)
            if epoch is not None and trainer.current_epoch == epoch and batch_idx == 1:
                raise KeyboardInterrupt

        monkeypatch.setattr(Stopwatch, "on_train_batch_end", stop)

    return at


@pytest.mark.parametrize(
    "overrides",
    [
        [*TINY_CNN, "model.dropout=0.5"],
        [*TINY_CNN, "model.batch_norm=true", "scheduler=step", "scheduler.step_epochs=1", "optimizer=sgd"],
        [*TINY_CNN, "scheduler=plateau", "scheduler.patience_epochs=0", "scheduler.gamma=0.5", "optimizer.lr=0.05"],
        [*TINY_MOBILENET, "freeze=gradual", "model.dropout=0.3"],
        [*TINY_MOBILENET, "freeze=lp_ft", "freeze.head_epochs=2"],
        [*TINY_CNN, "model.batch_norm=true", "callbacks=averaged"],
        [*TINY_CNN, *TINY_JOINTS],
    ],
    ids=["cosine", "step", "plateau", "gradual", "lp_ft", "averaged", "joints"],
)
@pytest.mark.parametrize("epoch", [2])
def test_an_interrupted_run_continued_equals_one_never_interrupted(
    overrides: list[str], epoch: int, train_door: Any, interrupt: Any
) -> None:
    overrides = [*overrides, "trainer.max_epochs=4"]
    whole = train_door(*overrides, folder="whole")
    assert whole.status == 0, whole.err
    interrupt(epoch)
    stopped = train_door(*overrides, folder="parts")
    assert stopped.status == 130
    assert "resume=" in stopped.err
    assert not (stopped.folder / run_folder.METRICS).exists()
    interrupt(None)
    resumed = train_door(f"resume={stopped.folder}")
    assert resumed.status == 0, resumed.err
    assert differing(tensors(whole.folder), tensors(stopped.folder)) == set()
    assert differing(tensors(whole.folder, run_folder.BEST), tensors(stopped.folder, run_folder.BEST)) == set()
    one, other = (torch.load(run.folder / run_folder.LAST, weights_only=True) for run in (whole, stopped))
    assert one["lr_schedulers"] == other["lr_schedulers"]
    figures = [name for name in whole.metrics if name.startswith(("test/", "val/"))]
    assert {n: whole.metrics[n] for n in figures} == {n: stopped.metrics[n] for n in figures}
    assert (whole.folder / "predictions.csv").read_text() == (stopped.folder / "predictions.csv").read_text()


def test_resuming_refuses_a_setting_that_would_make_it_another_run(train_door: Any) -> None:
    run = train_door(*TINY_CNN)
    refused = train_door(f"resume={run.folder}", "optimizer.lr=0.1")
    assert refused.status == 2
    assert "optimizer.lr cannot change" in refused.err


def test_a_finished_run_is_not_resumed_and_stays_as_it_is(train_door: Any) -> None:
    run = train_door(*TINY_MOBILENET, "freeze=all")
    before = (run.folder / "metrics.json").read_text(), (run.folder / "stages.csv").read_text()
    refused = train_door(f"resume={run.folder}")
    assert refused.status == 2
    assert "has finished: there is nothing to resume" in refused.err
    assert before == ((run.folder / "metrics.json").read_text(), (run.folder / "stages.csv").read_text())


@pytest.mark.parametrize(
    "overrides", [["freeze=all"], ["freeze=all", "optimizer.lr=1e-12", "trainer.early_stopping_epochs=1"]]
)
def test_a_run_interrupted_after_its_last_epoch_is_finished_by_a_resume(
    overrides: list[str], train_door: Any, monkeypatch: Any
) -> None:
    overrides = [*TINY_MOBILENET, *overrides, "trainer.max_epochs=5"]
    whole = train_door(*overrides, folder="whole")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("src.learning.training.predict", interrupted)
        assert train_door(*overrides, folder="parts").status == 130
    resumed = train_door(f"resume={whole.folder.parent / 'parts'}")
    assert resumed.status == 0, resumed.err
    parts = whole.folder.parent / "parts"
    figures = json.loads((parts / "metrics.json").read_text())
    assert figures["frozen_unchanged"] is True
    for name in ("epochs", "best_epoch", "test/accuracy", "test/loss"):
        assert figures[name] == whole.metrics[name]
    assert differing(tensors(whole.folder), tensors(parts)) == set()


def test_a_run_can_be_moved_between_its_interruption_and_its_resume(train_door: Any, interrupt: Any) -> None:
    overrides = [*TINY_CNN, "trainer.max_epochs=4"]
    whole = train_door(*overrides, folder="whole")
    interrupt(3)
    stopped = train_door(*overrides, folder="parts")
    interrupt(None)
    moved = stopped.folder.rename(stopped.folder.parent / "moved")
    resumed = train_door(f"resume={moved}")
    assert resumed.status == 0, resumed.err
    assert differing(tensors(whole.folder, run_folder.BEST), tensors(moved, run_folder.BEST)) == set()
    assert not stopped.folder.exists()


def test_one_job_of_a_recipe_is_resumed_as_that_job(train_door: Any, interrupt: Any) -> None:
    interrupt(1)
    recipe = [o for o in TINY_CNN if not o.startswith(("model=", "freeze=", "split="))]
    stopped = train_door("+seen_and_unseen=cnn_random", "hydra.mode=RUN", *recipe)
    assert stopped.status == 130, stopped.err
    interrupt(None)
    resumed = train_door(f"resume={stopped.folder}")
    assert resumed.status == 0, resumed.err
    assert stopped.metrics["epochs"] == 2


def test_the_same_seed_gives_the_same_run_and_another_seed_another(train_door: Any) -> None:
    one, same, other = (
        train_door(*TINY_CNN, f"seed={seed}", folder=folder) for seed, folder in ((1, "a"), (1, "b"), (2, "c"))
    )
    assert differing(tensors(one.folder), tensors(same.folder)) == set()
    assert (one.folder / "predictions.csv").read_text() == (same.folder / "predictions.csv").read_text()
    assert differing(tensors(one.folder), tensors(other.folder))


def test_any_number_of_loader_processes_gives_the_same_run(train_door: Any) -> None:
    none, two = (train_door(*TINY_CNN, f"datamodule.workers={n}", folder=f"w{n}") for n in (0, 2))
    assert differing(tensors(none.folder), tensors(two.folder)) == set()


def test_early_stopping_ends_a_run_that_gets_no_better(train_door: Any) -> None:
    run = train_door(*TINY_CNN, "optimizer.lr=1e-12", "trainer.early_stopping_epochs=1", "trainer.max_epochs=9")
    assert run.status == 0, run.err
    assert run.metrics["epochs"] < 9
