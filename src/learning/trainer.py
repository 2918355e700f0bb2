"""Lightning's Trainer for a run and for scoring, on the hardware that the settings ask for."""

import logging
import signal
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import DDPStrategy
from torch.utils.data import DataLoader

from src import hardware
from src.errors import UserError
from src.evaluation.predictions import Predictions
from src.learning.classifier import SignScorer
from src.learning.epochs import EpochLines, progress_bar
from src.learning.trainer_settings import TrainerSettings
from src.nets.weights import read_tensors


def settle_process(seed: int) -> None:
    """Seeds, threads and memory of this process."""
    quiet_lightning()
    pl.seed_everything(seed, workers=True, verbose=False)
    torch.set_num_threads(hardware.cores())
    hardware.keep_freed_memory()


def run_trainer(
    settings: TrainerSettings, run_dir: Path, callbacks: Iterable[pl.Callback], loggers: list[Logger], stages_move: bool
) -> pl.Trainer:
    """The trainer of a run.

    Args:
        settings: of the run.
        run_dir: where callbacks and loggers write.
        callbacks, loggers: in the order of the config.
        stages_move: whether a stage thaws or freezes in the course of the run: distributed training must be told.

    Raises:
        UserError: this machine has not the hardware that the settings ask for.
    """
    bar = progress_bar() if settings.progress else None
    lines: list[pl.Callback] = [bar] if bar else [EpochLines()] if settings.progress else []
    distributed = settings.strategy == "ddp" or settings.devices != 1
    # A stage that thaws later has no gradient before.
    strategy: Any = DDPStrategy(find_unused_parameters=stages_move) if distributed else "auto"
    arguments: Mapping[str, Any] = {
        "default_root_dir": run_dir,
        "max_epochs": settings.max_epochs,
        "strategy": strategy,
        "logger": loggers or False,
        "callbacks": [*callbacks, *lines],
        "enable_progress_bar": bar is not None,
        "enable_model_summary": False,  # the table of stages says more
        "deterministic": "warn" if settings.deterministic else False,
        "gradient_clip_val": settings.gradient_clip,
        "limit_train_batches": settings.limit_batches,
        "limit_val_batches": settings.limit_batches,
        "limit_predict_batches": settings.limit_batches,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 10,
        "use_distributed_sampler": False,  # our sampler shares out the images itself
    }
    return build_trainer(settings, devices=_devices(settings), **{**arguments, **settings.arguments})


def scoring_trainer(settings: TrainerSettings) -> pl.Trainer:
    """A trainer for scoring on one device, whole sets in order, without callbacks or files.

    Raises:
        UserError: this machine has not the hardware that the settings ask for.
    """
    return build_trainer(
        settings,
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_predict_batches=settings.limit_batches,
    )


def build_trainer(settings: TrainerSettings, **arguments: Any) -> pl.Trainer:
    """A Lightning trainer with the hardware and number format of the settings.

    Raises:
        UserError: this machine has not that hardware, or Lightning refuses an argument.
    """
    precision = number_format(settings)
    try:
        return pl.Trainer(accelerator=settings.accelerator, precision=precision, **arguments)  # type: ignore[arg-type]
    except (MisconfigurationException, TypeError, ValueError) as error:
        hardware_alone = {"accelerator": settings.accelerator, "devices": arguments["devices"], "precision": precision}
        try:
            pl.Trainer(**hardware_alone, logger=False, enable_checkpointing=False)
        except (MisconfigurationException, TypeError, ValueError):
            raise UserError(
                f"This machine cannot run trainer.accelerator={settings.accelerator} "
                f"trainer.devices={settings.devices} trainer.precision={precision} ({_reason(error)})."
            ) from None
        raise UserError(f"Lightning's Trainer refuses these settings ({_reason(error)}).") from None


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].strip().rstrip(".")


def _devices(settings: TrainerSettings) -> Any:
    return list(settings.devices) if isinstance(settings.devices, tuple) else settings.devices


def number_format(settings: TrainerSettings) -> str:
    """Lightning's name of the precision that `trainer.precision` means on this machine."""
    return hardware.best_precision(settings.accelerator) if settings.precision == "auto" else settings.precision


def fit(trainer: pl.Trainer, module: pl.LightningModule, data: pl.LightningDataModule, checkpoint: Path | None) -> None:
    """Train, from the beginning or from a checkpoint.

    Raises:
        KeyboardInterrupt: as such, with the run's folder.
        UserError: the checkpoint is damaged or holds more than tensors and plain values, or Lightning refuses a
            callback beside the others and the trainer, or lacks a library for it.
    """
    if checkpoint is not None:
        read_tensors(checkpoint)
    try:
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:  # Lightning turns Ctrl-C into a plain exit and leaves the signal ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt(trainer.default_root_dir) from None
    except (MisconfigurationException, ModuleNotFoundError) as error:
        raise UserError(f"Lightning cannot train with these callbacks and loggers ({_reason(error)}).") from None


def predict(
    trainer: pl.Trainer, module: SignScorer, loader: DataLoader[Any], labels_by_index: np.ndarray
) -> Predictions:
    """Run a network over a loader that keeps the images' order.

    Args:
        labels_by_index: `(images in the manifest,) int64` class indices.
    """
    parts: Any = trainer.predict(module, loader)
    indices = torch.cat([indices for indices, _ in parts]).numpy()
    probabilities = torch.cat([probabilities for _, probabilities in parts]).numpy()
    return Predictions(indices, labels_by_index[indices], probabilities)


def quiet_lightning() -> None:
    """Silence the notes of Lightning that say nothing about this run; each filter has its reason."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # hardware and sponsor notes at every start
    # The number of loader processes is chosen in src/hardware.py.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # A smoke run has fewer batches than the logging interval.
    warnings.filterwarnings("ignore", message=".*number of training batches.*smaller than the logging interval.*")
    # checkpoints/ of a resumed run exists: that is the point.
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
    # Frozen stages are in evaluation mode on purpose.
    warnings.filterwarnings("ignore", message=".*module.* in eval mode at the start of training.*")
    # Lightning asks torch for tree specs in a way that torch has since renamed.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
