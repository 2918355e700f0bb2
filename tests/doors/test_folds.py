"""Every signer held out once, as a user runs it."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from src import folds
from src.errors import UserError
from tests.conftest import TINY_CNN, Finished, tiny_places

CONFIGURATION = [o for o in TINY_CNN if not o.startswith(("split=", "trainer.max_epochs"))] + [
    "trainer.max_epochs=1",
    "trainer.limit_batches=1",
]

FoldsDoor = Callable[..., Finished]


@pytest.fixture
def folds_door(
    tiny_root: Path,
    tiny_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> FoldsDoor:
    """A function that runs `python -m src.folds …` in this process, over the tiny set, into a folder of the test."""

    def run(*arguments: str) -> Finished:
        monkeypatch.setattr(sys, "argv", ["src.folds"])
        capsys.readouterr()
        status = 0
        try:
            folds.main(
                [*CONFIGURATION, *tiny_places(tiny_root, tiny_cache), *arguments, f"folder={tmp_path / 'folds'}"]
            )
        except SystemExit as stop:
            status = int(stop.code or 0)
        printed = capsys.readouterr()
        return Finished(status, printed.out, printed.err, tmp_path / "folds")

    return run


def rows(file: Path) -> dict[str, dict[str, str]]:
    with file.open(newline="") as stream:
        return {row["fold"]: row for row in csv.DictReader(stream)}


def test_each_signer_is_held_out_once_a_failing_fold_hides_none_and_the_same_command_goes_on(
    folds_door: FoldsDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from src.learning import training

    train = training.train

    def fails_for_hand3(settings, run_dir, resume):
        if "asl_dataset:hand3" in settings.split.holdout:
            raise RuntimeError("planted")
        return train(settings, run_dir, resume)

    with monkeypatch.context() as broken:
        broken.setattr(training, "train", fails_for_hand3)
        first = folds_door("split=signer")
    assert first.status == 1
    table = rows(first.folder / "folds.csv")
    names = [f"asl_dataset:hand{n}" for n in (1, 2, 3, 4)]
    assert [name for name in table if name in names] == names
    assert [table[name]["runs"] for name in names] == ["1", "1", "0", "1"]
    assert "failed: RuntimeError: planted" in first.out
    assert "only 3 of 4 folds" in first.out

    metrics = {file: file.stat().st_mtime_ns for file in first.folder.glob("*/metrics.json")}
    assert len(metrics) == 3
    second = folds_door("split=signer")
    assert second.status == 0
    assert second.out.count("finished before, kept") == 3
    assert {file: file.stat().st_mtime_ns for file in metrics} == metrics
    table = rows(second.folder / "folds.csv")
    figures = []
    for file in second.folder.glob("*/metrics.json"):
        run = json.loads(file.read_text())
        assert float(table[run["holdout"]]["test/accuracy"]) == pytest.approx(run["test/accuracy"], abs=1e-5)
        figures.append(run["test/accuracy"])
    assert len(figures) == 4
    assert float(table["mean"]["test/accuracy"]) == pytest.approx(sum(figures) / 4, abs=1e-5)
    (worst,) = (row for name, row in table.items() if name.startswith("worst"))
    assert float(worst["test/accuracy"]) == pytest.approx(min(figures), abs=1e-5)

    with pytest.raises(UserError, match="holds folds with other settings"):
        folds_door("split=signer", "optimizer.lr=0.1")
    with pytest.raises(UserError, match="holds folds with other holdouts"):
        folds_door("split=signer", "folds=2")


def test_the_strictest_split_is_what_folds_go_over_and_seeds_are_averaged(folds_door: FoldsDoor) -> None:
    run = folds_door("folds=2", "seed=1,2")
    assert run.status == 0, run.err
    assert len(list(run.folder.glob("*/metrics.json"))) == 4
    table = rows(run.folder / "folds.csv")
    held_out = [name for fold in table if ":" in fold and "worst" not in fold for name in fold.split("+")]
    assert sorted(held_out) == [f"asl_dataset:hand{n}" for n in (1, 2, 3, 4)]
    assert {row["seeds"] for fold, row in table.items() if fold.startswith("asl")} == {"1 2"}
    assert "split=signer" in run.out


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("split.holdout=[hand1]", "does not go with folds"),
        ("optimizer.lr=0.1,0.2", "only seed=1,2,3 may have several values"),
        ("folds=1", "folds=1 is out of range: it must be at least 2"),
        ("split=random", "split=random holds out nobody by name"),
    ],
)
def test_what_folds_cannot_do_is_said_in_a_sentence(folds_door: FoldsDoor, argument: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        folds_door(argument)
