"""`pretrain(recipe, output, cache_dir)`: from rendered hands to a file of weights."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl
import torch

from src.learning.checkpoints import RunCheckpoint
from src.learning.freeze_callback import Freezing
from src.learning.pretraining.data import PoseDataModule
from src.learning.pretraining.module import PoseModule, PoseNetwork
from src.learning.pretraining.questions import NUM_OUTPUTS
from src.learning.pretraining.recipe import BACKBONE, Pretraining, digest
from src.learning.pretraining.weights_file import WeightsFile
from src.learning.trainer import fit, run_trainer, settle_process
from src.nets.mobilenetv2 import build_mobilenetv2
from src.nets.weights import load_weights
from src.runs import folder as run_folder
from src.storage.cache import Cache
from src.synthetic.spec import POSES_VERSIONS


def pretrain(
    recipe: Pretraining,
    output: Path,
    cache_dir: Path,
    processes: int = 1,
    start: Path | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> dict[str, float]:
    """Train and write the stages below the head to `output`, anew after each better epoch.

    Run again after an interruption, it goes on from the last finished epoch.

    Args:
        recipe: what to train, and for how long.
        output: a .safetensors file; it is written beside and renamed.
        cache_dir: where images and checkpoint lie.
        processes: how many render side by side.
        start: a file that an earlier call left, to learn on from; None starts from random weights.
        callbacks: of your own, beside those that freeze and write.

    Returns:
        The validation figures of the weights in the file.

    Raises:
        UserError: a file cannot be written, or `start` does not fit.
    """
    settle_process(recipe.seed)
    module = PoseModule(_first_network(recipe, start), recipe)
    freezing, weights = Freezing(), WeightsFile(output, _made(recipe, start))
    folder = Cache(cache_dir).entry("pretraining", recipe.key(start))
    every = [freezing, weights, *callbacks, RunCheckpoint("last")]
    trainer = run_trainer(recipe.trainer, folder, every, [], module.freeze_schedule.changes_within(recipe.epochs))
    checkpoint = folder / run_folder.LAST
    if checkpoint.is_file():
        done = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["epoch"] + 1
        print(f"{done} of {recipe.epochs} epochs were done before.", flush=True)
    data = PoseDataModule(recipe, cache_dir, processes)
    fit(trainer, module, data, checkpoint if checkpoint.is_file() else None)
    freezing.check_all(module.network)
    weights.write()  # by an interrupted run, or to another file
    return weights.figures


def _first_network(recipe: Pretraining, start: Path | None) -> PoseNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        backbone = build_mobilenetv2(NUM_OUTPUTS, dropout=0.0)
        network = PoseNetwork(backbone)
    if start is not None:
        load_weights(backbone, str(start), BACKBONE)
    return network.to(memory_format=torch.channels_last)


def _made(recipe: Pretraining, start: Path | None) -> dict[str, str]:
    started_from = digest(start)  # now: the file may be written to
    return {
        "architecture": "mobilenetv2_100, stages below the head, by their names in src/nets/mobilenetv2.py",
        "trained_on": "rendered hands in random poses; no sign label was read",
        "started_from": f"the file with SHA-256 {started_from}" if started_from else "random weights",
        "recipe": json.dumps(recipe.plain()),
        "seed": str(recipe.seed),
        "renderer_version": json.dumps(POSES_VERSIONS),
        "commit": run_folder.commit(),
    }
