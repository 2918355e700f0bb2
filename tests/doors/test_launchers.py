"""A sweep is named, failed and added up alike under every launcher, and jobs side by side compute nothing twice."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from src.settings.composing import PROJECT
from tests.conftest import TINY, TINY_CNN

LAUNCHERS = {
    "basic": ("hydra", []),
    "joblib": ("hydra_plugins.hydra_joblib_launcher", ["hydra.launcher.n_jobs=2"]),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", []),
}

_DIES = """
import os
import pytorch_lightning as pl


class Dies(pl.Callback):
    def on_train_start(self, trainer, pl_module):
        if pl_module.settings.seed == 2:
            os._exit(1)
"""


def launched(name: str) -> list[str]:
    module, settings = LAUNCHERS[name]
    pytest.importorskip(module, reason="needs the extra launchers")
    return [f"hydra/launcher={name}", *settings]


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_sweep_leaves_the_same_under_every_launcher(launcher: str, train_door: Any, tmp_path: Path) -> None:
    swept = train_door(
        "-m", *TINY, "model.weights=hands", "freeze=top_k", "freeze.k=0,99", "seed=1,2", "split.seed=0",
        "cache.views=1", "trainer.max_epochs=1", *launched(launcher), last=(f"datamodule.cache_dir='{tmp_path}/own'",),
    )  # fmt: skip
    assert swept.status == 1
    folders = sorted(file.parent.parent.name for file in swept.folder.glob("*/.hydra/overrides.yaml"))
    assert folders == ["0_k-0__seed-1", "1_k-0__seed-2", "2_k-99__seed-1", "3_k-99__seed-2"]
    for failed in folders[2:]:
        assert "freeze.k=99 is beyond this network" in (swept.folder / failed / "error.txt").read_text()
    assert [(row["freeze.k"], row["runs"], row["failed"]) for row in table(swept.folder)] == [
        ("0", "2", "0"), ("99", "0", "2")
    ]  # fmt: skip
    assert (swept.folder / "sweep.png").stat().st_size > 10_000
    assert "freeze.k=99 is beyond this network" in (swept.folder / "report.html").read_text()
    assert "Sweep: split=random on asl_dataset" in swept.out
    assert "failed: 3_k-99__seed-2: freeze.k=99 is beyond this network" in swept.out
    assert "2 of the jobs failed: 2_k-99__seed-1, 3_k-99__seed-2." in swept.err
    filled = [json.loads(file.read_text())["cache_fill_seconds"] > 0 for file in swept.folder.glob("*/metrics.json")]
    assert sorted(filled) == [False, True]  # the other one waited, and read


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_a_job_that_dies_without_a_word_leaves_the_others_and_the_table(
    launcher: str, train_door: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly.py").write_text(_DIES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    swept = train_door(
        "-m", *TINY_CNN, "seed=1,2", "trainer.max_epochs=1", "+callbacks.dies._target_=deadly.Dies", *launched(launcher)
    )
    assert swept.status == 1
    assert "unfinished: 1_seed-2" in swept.out
    assert (swept.folder / "sweep.csv").is_file()
    assert "1_seed-2" in swept.err.splitlines()[-1]


def test_a_job_takes_no_more_threads_than_its_launcher_gives_it() -> None:
    code = "from src import hardware; print(hardware.cores())"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    said = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert said.stdout == "1\n"
