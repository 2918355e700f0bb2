"""`train_finder(recipe, …)`: from pictures and a teacher's joints to the averaged weights of a finder."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytorch_lightning as pl
import torch

from src.errors import UserError
from src.learning.averaging import AveragedWeights
from src.learning.checkpoints import RunCheckpoint
from src.learning.finding.data import ViewDataModule
from src.learning.finding.module import FinderModule
from src.learning.finding.recipe import BACKBONE, FinderTraining
from src.learning.freeze_callback import Freezing
from src.learning.trainer import fit, run_trainer, settle_process
from src.nets.finder import FinderNetwork, build_finder
from src.nets.weights import load_weights, read_tensors
from src.runs import folder as run_folder
from src.storage.cache import Cache
from src.synthetic.spec import POSES_VERSIONS, SIGNS_VERSIONS


@dataclass(frozen=True)
class TrainedFinder:
    """A finder and what is known of it.

    Attributes:
        network: with averaged weights, in evaluation mode.
        figures: of its validation, `all` and each person.
        epochs: that were trained.
        views: (count, size, size, 3) uint8, some that it was validated on.
    """

    network: FinderNetwork
    figures: dict[str, dict[str, float]]
    epochs: int
    views: np.ndarray


class _KeepsFigures(pl.Callback):
    """Carries the last validation's figures along in the checkpoint."""

    def __init__(self) -> None:
        self.figures: dict[str, dict[str, float]] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, FinderModule)
        self.figures = pl_module.figures

    def state_dict(self) -> dict[str, Any]:
        return {"figures": self.figures}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.figures = dict(state_dict["figures"])


def train_finder(
    recipe: FinderTraining,
    root: Path,
    joints: Path,
    cache_dir: Path,
    start: str | None = None,
    callbacks: Sequence[pl.Callback] = (),
    as_it_is: bool = False,
) -> TrainedFinder:
    """Train a finder; run again after an interruption, it goes on from the last finished epoch.

    Args:
        recipe: what to train, and for how long.
        root: the data root that the teacher's paths are below.
        joints: the teacher's table.
        cache_dir: where pictures, rendered hands and checkpoint lie.
        start: what the lower stages begin with, as `model.weights` of a run says it; None for random weights.
        callbacks: of your own.
        as_it_is: train no more, and take what the last finished epoch left.

    Raises:
        UserError: pictures, table or start cannot be read, the cache cannot be written, or nothing was trained yet.
    """
    settle_process(recipe.seed)
    cv2.setNumThreads(1)  # views are too small to be shared out, and are made beside the network's own threads
    module = FinderModule(_first_network(recipe, start), recipe)
    figures, freezing = _KeepsFigures(), Freezing()
    folder = Cache(cache_dir).entry("finder", _key(recipe, joints, start))
    every = [freezing, AveragedWeights(recipe.averaging), figures, *callbacks, RunCheckpoint("last")]
    checkpoint = folder / run_folder.LAST
    data = ViewDataModule(recipe, root, joints, cache_dir)
    if not as_it_is:
        trainer = run_trainer(recipe.trainer, folder, every, [], stages_move=False)
        if checkpoint.is_file():
            print(f"{_epochs(checkpoint)} of {recipe.epochs} epochs were done before.", flush=True)
        fit(trainer, module, data, checkpoint if checkpoint.is_file() else None)
    elif not checkpoint.is_file():
        raise UserError(f"No epoch of this training is finished in {cache_dir}: leave out as_it_is=true.")
    else:
        data.setup()
    # Checkpoints hold the averaged weights as their network.
    module.network.load_state_dict(read_tensors(checkpoint))
    state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    kept = next(value["figures"] for name, value in state["callbacks"].items() if _KeepsFigures.__name__ in name)
    network = module.network
    assert isinstance(network, FinderNetwork)
    views = next(iter(data.val_dataloader())).images.permute(0, 2, 3, 1).numpy()
    return TrainedFinder(network.to("cpu").eval(), kept, state["epoch"] + 1, views)


def _epochs(checkpoint: Path) -> int:
    return torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["epoch"] + 1


def _first_network(recipe: FinderTraining, start: str | None) -> FinderNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network, backbone = build_finder()
    load_weights(backbone, start, BACKBONE)
    return network.to(memory_format=torch.channels_last)


def _key(recipe: FinderTraining, joints: Path, start: str | None) -> dict[str, Any]:
    """Everything that decides the weights, as plain values."""
    file = Path(start) if start is not None else None
    started_from = hashlib.sha256(file.read_bytes()).hexdigest() if file is not None and file.is_file() else start
    try:
        taught_by = hashlib.sha256(joints.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"joints={joints} cannot be read ({error.strerror or error}).") from None
    return {
        **recipe.plain(),
        **SIGNS_VERSIONS,
        **POSES_VERSIONS,
        "start": started_from,
        "joints": taught_by,
        "views_version": 1,
    }
