"""`trainer=ddp`: two processes on the CPU, gradients averaged."""

import json
import subprocess
import sys
from pathlib import Path

from src.composition import PROJECT
from tests.conftest import TINY_MOBILENET


def test_two_processes_train_one_network_through_a_thaw_and_leave_one_run(tiny_root: Path, tmp_path: Path) -> None:
    overrides = [override for override in TINY_MOBILENET if override != "trainer=cpu"]
    finished = subprocess.run(
        [
            sys.executable, "-m", "src.train", "trainer=ddp", "trainer.accelerator=cpu", *overrides, "freeze=gradual",
            "freeze.k=1", f"datamodule.root='{tiny_root}'", f"datamodule.cache_dir='{tmp_path}/cache'",
            f"hydra.run.dir='{tmp_path}/run'",
        ],
        cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-2000:]
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["frozen_unchanged"] is True
    assert metrics["stages_trained_names"] == "neck+head"
    assert finished.stdout.count("Result on asl_dataset") == 1
