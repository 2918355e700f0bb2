"""Loggers: which are chosen, several at once, what they keep without an account, and what is said without one."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from src.settings.composing import PROJECT
from tests.conftest import TINY_CNN, tiny_places


def logged(file: Path, key: str) -> list[float]:
    """A column of what Lightning's CSVLogger wrote, row by row where it says anything."""
    with file.open(newline="") as stream:
        return [float(row[key]) for row in csv.DictReader(stream) if row.get(key)]


def test_one_logger_is_chosen_by_its_name_and_several_by_a_list(train_door: Any) -> None:
    alone = train_door(*TINY_CNN, "logger=csv", folder="alone")
    assert alone.status == 0, alone.err
    assert len(logged(alone.folder / "csv" / "metrics.csv", "val/accuracy")) == 2
    assert logged(alone.folder / "csv" / "metrics.csv", "test/accuracy") == [alone.metrics["test/accuracy"]]
    assert not list(alone.folder.glob("events.*"))
    assert "tensorboard --logdir" not in alone.out

    both = train_door(*TINY_CNN, "logger=[tensorboard,csv]", folder="both")
    assert both.status == 0, both.err
    assert (both.folder / "csv" / "metrics.csv").is_file()
    assert list(both.folder.glob("events.*"))
    assert "tensorboard --logdir" in both.out


@pytest.mark.parametrize("nobody", ["logger=none", "logger=[]"])
def test_a_run_without_a_logger_still_leaves_its_curves(nobody: str, train_door: Any) -> None:
    run = train_door(*TINY_CNN, nobody, "trainer.max_epochs=1")
    assert run.status == 0, run.err
    assert (run.folder / "curves.csv").is_file()
    assert not list(run.folder.glob("events.*"))


def in_a_new_process(first: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m src.train`, after a line of Python; trackers and Lightning remember what they once found."""
    code = f"import runpy, sys; {first}\nsys.argv = {['src.train', *arguments]!r}\n"
    code += "runpy.run_module('src.train', run_name='__main__')\n"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_library_that_is_missing_is_one_sentence(name: str, tiny_root: Path, tmp_path: Path) -> None:
    arguments = (*TINY_CNN, f"datamodule.root={tiny_root}", f"logger={name}", f"hydra.run.dir={tmp_path}/run")
    refused = in_a_new_process(f"sys.modules[{name!r}] = None", *arguments)  # as where it is not installed
    assert refused.returncode == 2
    said = refused.stderr.strip()
    assert said.startswith(f"error: logger.{name} needs a library that is not installed (")
    assert said.endswith("pip install -e .[loggers].")
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_wandb_keeps_every_job_of_a_sweep_as_a_run_of_its_own_without_an_account(
    train_door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="needs the extra loggers")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")  # as Lightning sets it, so that it is gone afterwards
    swept = train_door("-m", *TINY_CNN, "logger=[wandb,csv]", "seed=1,2", "trainer.max_epochs=1")
    assert swept.status == 0, swept.err
    for job in ("0_seed-1", "1_seed-2"):
        (kept,) = (swept.folder / job / "wandb").glob("offline-run-*/run-*.wandb")
        content = kept.read_bytes()
        assert job.encode() in content
        assert b"val/accuracy" in content
        assert b"test/accuracy" in content


def test_wandb_without_a_login_says_so_before_the_work(tiny_root: Path, tiny_cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="needs the extra loggers")
    nobody = {name: str(tmp_path / "nobody") for name in ("HOME", "NETRC", "WANDB_CONFIG_DIR")}
    arguments = (*TINY_CNN, *tiny_places(tiny_root, tiny_cache), "logger=wandb", "logger.wandb.offline=false")
    refused = in_a_new_process("", *arguments, f"hydra.run.dir={tmp_path}/run", **nobody, WANDB_API_KEY="")
    assert refused.returncode == 2
    said = refused.stderr.strip().splitlines()[-1]
    assert said.startswith("error: logger.wandb cannot begin (No API key configured")
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_mlflow_keeps_runs_in_one_store_beside_them_by_the_names_of_their_folders(
    launcher: str, train_door: Any
) -> None:
    pytest.importorskip("mlflow", reason="needs the extra loggers")
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="needs the extra launchers")
    from mlflow.tracking import MlflowClient

    swept = train_door("-m", *TINY_CNN, "logger=mlflow", "seed=1,2", f"hydra/launcher={launcher}")
    assert swept.status == 0, swept.err
    client = MlflowClient(f"sqlite:///{swept.folder}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'fingerspell'")
    kept = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert sorted(kept) == ["0_seed-1", "1_seed-2"]
    for name, run in kept.items():
        measured = json.loads((swept.folder / name / "metrics.json").read_text())
        assert run.info.status == "FINISHED"
        assert run.data.metrics["test/accuracy"] == pytest.approx(measured["test/accuracy"])
        assert len(client.get_metric_history(run.info.run_id, "val/accuracy")) == 2
        assert run.data.params["optimizer.name"] == "adamw"
