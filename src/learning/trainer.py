"""From a trained network and a set of images to probabilities and figures."""

import logging
import warnings
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader

from src import hardware
from src.errors import UserError
from src.evaluation.predictions import Predictions
from src.learning.classifier import SignClassifier


def predict(
    trainer: pl.Trainer, classifier: SignClassifier, loader: DataLoader, labels_by_index: np.ndarray
) -> Predictions:
    """Run a network over a loader that keeps the images' order.

    Args:
        labels_by_index: `(images in the manifest,) int64` class indices.
    """
    parts = trainer.predict(classifier, loader)
    indices = torch.cat([indices for indices, _ in parts]).numpy()
    probabilities = torch.cat([probabilities for _, probabilities in parts]).numpy()
    return Predictions(indices, labels_by_index[indices], probabilities)


def number_format(cfg: DictConfig) -> str:
    """Lightning's name of the precision that `trainer.precision` means on this machine."""
    chosen = cfg.trainer.precision
    return hardware.best_precision(cfg.trainer.accelerator) if chosen == "auto" else chosen


def build_trainer(**arguments: Any) -> pl.Trainer:
    """A Lightning trainer.

    Raises:
        UserError: this machine has not the hardware that the settings ask for.
    """
    try:
        return pl.Trainer(**arguments)
    except (MisconfigurationException, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"This machine cannot run trainer.accelerator={arguments['accelerator']} "
            f"trainer.devices={arguments['devices']} trainer.precision={arguments['precision']} ({reason})."
        ) from None


def scoring_trainer(cfg: DictConfig, precision: str) -> pl.Trainer:
    """A trainer for scoring on one device, whole sets in order, without callbacks or files."""
    return build_trainer(
        accelerator=cfg.trainer.accelerator,
        devices=1,
        precision=precision,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_predict_batches=cfg.trainer.limit_batches,
    )


def quiet_lightning() -> None:
    """Silence the notes of Lightning that say nothing about this run; each filter has its reason."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # hardware and sponsor notes at every start
    # The number of loader processes is chosen in src/learning/hardware.py.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # A smoke run has fewer batches than the logging interval.
    warnings.filterwarnings("ignore", message=".*number of training batches.*smaller than the logging interval.*")
    # checkpoints/ of a resumed run exists: that is the point.
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
    # Frozen stages are in evaluation mode on purpose.
    warnings.filterwarnings("ignore", message=".*module.* in eval mode at the start of training.*")
    # Lightning asks torch for tree specs in a way that torch has since renamed.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
