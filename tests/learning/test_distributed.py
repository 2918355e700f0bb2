"""`trainer=ddp`: two processes on the CPU, gradients averaged."""

import json
import os
import subprocess
import sys
from pathlib import Path

from src.settings.composing import PROJECT
from tests.conftest import TINY_CNN, TINY_MOBILENET

RANKS_SCRIPT = """
import hashlib, sys
from pathlib import Path
from src.learning.run_settings import compose
from src.learning.training import train
import pytorch_lightning as pl

class Watch(pl.Callback):
    def on_train_end(self, trainer, module):
        weights = b"".join(p.detach().numpy().tobytes() for p in module.network.parameters())
        Path(sys.argv[1], f"rank{trainer.global_rank}").write_text(hashlib.sha256(weights).hexdigest())

if __name__ == "__main__":
    train(compose([*sys.argv[2:], "+callbacks.watch._target_=__main__.Watch"]), Path(sys.argv[1], "run"))
"""


def test_two_processes_train_one_network_through_a_thaw_and_leave_one_run(tiny_root: Path, tmp_path: Path) -> None:
    overrides = [override for override in TINY_MOBILENET if override != "trainer=cpu"]
    finished = subprocess.run(
        [
            sys.executable, "-m", "src.train", "trainer=ddp", "trainer.accelerator=cpu", *overrides, "freeze=gradual",
            "freeze.k=1", f"datamodule.root='{tiny_root}'", f"datamodule.cache_dir='{tmp_path}/cache'",
            f"hydra.run.dir='{tmp_path}/run'",
        ],
        cwd=PROJECT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-2000:]
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["frozen_unchanged"] is True
    assert metrics["stages_trained_names"] == "neck+head"
    assert finished.stdout.count("Result on asl_dataset") == 1


def test_the_ranks_see_other_images_and_end_with_the_same_weights(tiny_root: Path, tmp_path: Path) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(RANKS_SCRIPT)
    overrides = [override for override in TINY_CNN if override != "trainer=cpu"]
    finished = subprocess.run(
        [
            sys.executable, str(script), str(tmp_path), "trainer=ddp", "trainer.accelerator=cpu", *overrides,
            f"datamodule.root='{tiny_root}'", f"datamodule.cache_dir='{tmp_path}/cache'",
        ],
        cwd=PROJECT, capture_output=True, text=True, timeout=900, check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-2000:]
    weights = {file.read_text() for file in tmp_path.glob("rank?")}
    assert len(list(tmp_path.glob("rank?"))) == 2
    assert len(weights) == 1
