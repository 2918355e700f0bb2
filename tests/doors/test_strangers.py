"""A run's folder may come from anybody: what its files name is built only where the project or the user named it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from src import evaluate, predict, report, train
from src.errors import UserError
from src.settings.composing import PROJECT
from tests.conftest import TINY_CNN, tiny_places

# Whatever imports or builds anything of it leaves a file beside it.
_STRANGE = """
import pathlib
import pytorch_lightning as pl
from src.learning.freezing import FreezePolicy

pathlib.Path(__file__).with_name("imported").touch()


class Policy(FreezePolicy):
    def trained(self, epoch, stages):
        return frozenset(stages)


class Callback(pl.Callback):
    pass
"""
_OWN = """
from src.learning.freezing import FreezePolicy
from src.settings.options import settings


@settings
class HeadAndFirst(FreezePolicy):
    def trained(self, epoch, stages):
        return frozenset({stages[0], stages[-1]})
"""
Tampered = Callable[[str, Any], Path]


@pytest.fixture
def tampered(train_door: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tampered:
    """A function that makes a run whose recorded config says something else at a key; `strange` could be imported."""
    (tmp_path / "strange.py").write_text(_STRANGE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    run = train_door(*TINY_CNN, "trainer.max_epochs=1").folder

    def with_setting(key: str, value: Any) -> Path:
        config = OmegaConf.load(run / ".hydra" / "config.yaml")
        OmegaConf.update(config, key, value, merge=False, force_add=True)
        OmegaConf.save(config, run / ".hydra" / "config.yaml")
        return run

    return with_setting


def opened_by_every_door(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> list[str]:
    """What each door that opens a run's folder says; resume is asked last, of a run that seems unfinished."""
    said = []
    picture = next(Path(str(OmegaConf.load(run / ".hydra" / "config.yaml").datamodule.root)).rglob("*.jpeg"))
    for door, arguments in (
        (evaluate, [f"run={run}"]), (evaluate, [f"run={run}", "split=everything"]), (report, [f"run={run}"]),
        (predict, [f"run={run}", f"input={picture}"]),
    ):  # fmt: skip
        with pytest.raises(UserError) as refused:
            door.main(arguments)
        said.append(str(refused.value))
    (run / "metrics.json").unlink()
    monkeypatch.setattr(sys, "argv", ["src.train", f"resume={run}"])
    with pytest.raises(SystemExit) as end:
        train.main([f"resume={run}"])
    assert end.value.code == 2
    said.append(capsys.readouterr().err.strip().removeprefix("error: "))
    return said


@pytest.mark.parametrize(
    ("key", "value", "asks"),
    [
        ("model._target_", "os.system", "model asks for os.system"),
        ("freeze", {"_target_": "strange.Policy"}, "freeze asks for strange.Policy"),
        ("split", {"_target_": "strange.Policy"}, "split asks for strange.Policy"),
        ("optimizer._target_", "builtins.exec", "optimizer asks for builtins.exec"),
        ("scheduler._target_", "src.train.main", "scheduler asks for src.train.main"),
        (
            "callbacks.evil",
            {"_target_": "subprocess.Popen", "args": ["touch", "executed"]},
            "callbacks.evil asks for subprocess.Popen",
        ),
        ("callbacks.evil", {"_target_": "strange.Callback"}, "callbacks.evil asks for strange.Callback"),
        ("logger.evil", {"_target_": "strange.Callback"}, "logger.evil asks for strange.Callback"),
    ],
)
def test_a_class_that_a_recorded_config_asks_for_is_neither_imported_nor_built(
    key: str, value: Any, asks: str, tampered: Tampered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = tampered(key, value)
    for sentence in opened_by_every_door(run, monkeypatch, capsys):
        assert sentence.startswith(asks)
        assert sentence.count("\n") == 0
        assert "if you trust the module, name it with plugins=[" in sentence
    assert not (tmp_path / "imported").exists()
    assert not (tmp_path / "executed").exists()


def test_plugins_and_overrides_that_a_run_recorded_are_words_and_no_orders(
    tampered: Tampered, tmp_path: Path, train_door: Any
) -> None:
    run = tampered("plugins", ["strange"])
    orders = ["plugins=[strange]", "+hydra.callbacks.evil._target_=strange.Callback", "hydra/launcher=strange"]
    OmegaConf.save(OmegaConf.create(orders), run / ".hydra" / "overrides.yaml")
    evaluate.main([f"run={run}"])
    report.main([f"run={run}"])
    (run / "metrics.json").unlink()
    assert train_door(f"resume={run}").status == 0
    assert not (tmp_path / "imported").exists()


def test_a_checkpoint_that_would_run_code_is_refused_when_a_run_goes_on(
    tampered: Tampered, tmp_path: Path, train_door: Any
) -> None:
    class Order:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "executed",))

    run = tampered("trainer.max_epochs", 2)
    (run / "metrics.json").unlink()
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    torch.save({**checkpoint, "callbacks": Order()}, run / "checkpoints" / "last.ckpt")
    refused = train_door(f"resume={run}")
    assert refused.status == 2
    assert "last.ckpt cannot be read as a run's checkpoint" in refused.err
    assert not (tmp_path / "executed").exists()


def test_a_run_with_a_class_of_the_users_own_is_scored_shown_and_gone_on_with_once_the_module_is_named(
    tiny_root: Path, tiny_cache: Path, tmp_path: Path, train_door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_own.py").write_text(_OWN)
    run = tmp_path / "run"
    arguments = [
        *TINY_CNN, *tiny_places(tiny_root, tiny_cache), "freeze._target_=my_own.HeadAndFirst",
        "freeze.allow_untrained=true", "trainer.max_epochs=1", f"hydra.run.dir={run}",
    ]  # fmt: skip
    # Trained in another process: in this one nobody has imported the module yet.
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "src.train", *arguments], cwd=PROJECT, env=environment, check=True)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(UserError, match=r"freeze asks for my_own.HeadAndFirst.*name it with plugins=\[my_own\]"):
        evaluate.main([f"run={run}"])
    evaluate.main([f"run={run}", "plugins=[my_own]"])
    report.main([f"run={run}", "plugins=[my_own]"])
    assert "No images here" not in (run / "report.html").read_text()

    config = OmegaConf.load(run / ".hydra" / "config.yaml")
    config.trainer.max_epochs = 2  # as if it had been stopped after its first epoch
    OmegaConf.save(config, run / ".hydra" / "config.yaml")
    (run / "metrics.json").unlink()
    resumed = train_door(f"resume={run}", "plugins=[my_own]")
    assert resumed.status == 0, resumed.err
    assert '"freeze": "head_and_first"' in (run / "metrics.json").read_text()
    assert '"epochs": 2' in (run / "metrics.json").read_text()
