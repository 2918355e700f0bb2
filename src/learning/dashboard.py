"""What TensorBoard shows beside the curves: rates and trained stages, inputs, confusions, mistakes, hyperparameters."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import TensorBoardLogger

from src.data.datamodule import SignDataModule
from src.data.loading import Draw
from src.evaluation.figures import captioned_grid, confusion_figure
from src.evaluation.predictions import Predictions
from src.learning.freezing import FreezePolicy
from src.reports.tables import protocol
from src.signs.labels import SIGNS

_GRID_IMAGES = 24
# What the HPARAMS tab offers as columns: the settings that a study varies.
_HPARAMS = (
    "seed", "model.family", "model.name", "model.weights", "freeze.policy", "freeze.k", "optimizer.name",
    "optimizer.lr", "optimizer.layer_decay", "optimizer.weight_decay", "scheduler.name", "augmentation.name",
    "split.name", "datamodule.image_size_px", "datamodule.batch_size", "trainer.max_epochs", "label_smoothing",
)  # fmt: skip
_HPARAM_FIGURES = ("test/accuracy", "test/f1_macro", "val/accuracy", "stages_trained", "parameters_trained", "seconds")


class Dashboard(pl.Callback):
    """Writes learning rates and trained stages while a run goes on, and pictures at its ends."""

    def __init__(self, policy: FreezePolicy) -> None:
        self.policy = policy

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        data: SignDataModule = trainer.datamodule
        writer = _writer(trainer)
        if writer is None:
            return
        dataset = data.dataset("train")
        order = np.random.default_rng(0).permutation(len(dataset))[:_GRID_IMAGES]
        pictures = [dataset.picture(Draw(int(index), trainer.current_epoch)) for index in order]
        captions = [SIGNS[dataset.labels[index]] for index in order]
        title = f"inputs/augmentation={data.cfg.augmentation.name}"
        writer.add_image(title, captioned_grid(pictures, captions), trainer.current_epoch, dataformats="HWC")

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        writer = _writer(trainer)
        if writer is None:
            return
        trained = self.policy.trained(trainer.current_epoch)
        for place, stage in enumerate(self.policy.stages):
            # Numbered, so that TensorBoard's alphabetical order is the network's.
            writer.add_scalar(f"stage_trained/{place:02d}_{stage}", float(stage in trained), trainer.current_epoch)
        rates = {group["stage"]: group["lr"] for group in trainer.optimizers[0].param_groups}
        for place, stage in enumerate(self.policy.stages):
            if stage in rates:
                rate = rates[stage] if stage in trained else 0.0
                writer.add_scalar(f"learning_rate/{place:02d}_{stage}", rate, trainer.current_epoch)

    def summarise(
        self, trainer: pl.Trainer, data: SignDataModule, test: Predictions, metrics: Mapping[str, Any]
    ) -> None:
        """The test set's confusion matrix and worst mistakes, and the run's line in the HPARAMS tab."""
        writer = _writer(trainer)
        if writer is None:
            return
        title = f"{protocol(metrics)}: accuracy {metrics['test/accuracy']:.1%} of {len(test.labels)} images"
        writer.add_figure("test/confusion_matrix_percent", confusion_figure(test.labels, test.predicted, title))
        mistakes = worst_mistakes(test)
        if len(mistakes):
            pictures = [data.pixels[int(test.indices[place])] for place in mistakes]
            captions = [f"{SIGNS[test.labels[place]]} read as {SIGNS[test.predicted[place]]}" for place in mistakes]
            writer.add_image("test/worst_mistakes", captioned_grid(pictures, captions), dataformats="HWC")
        logger = trainer.logger
        leak = "leaked_test_percent"
        # What "strictest" came to, and what it leaks, beside the figures.
        hyperparameters = _hparams(data.cfg) | {"split.name": metrics["split"], f"split.{leak}": metrics[leak]}
        logger.log_hyperparams(hyperparameters, {name: metrics[name] for name in _HPARAM_FIGURES})
        logger.save()
        logger.finalize("success")


def worst_mistakes(predictions: Predictions, most: int = _GRID_IMAGES) -> np.ndarray:
    """Places of the wrong answers, the most confident first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    confidence = predictions.probabilities[wrong, predictions.predicted[wrong]]
    return wrong[np.argsort(-confidence, kind="stable")][:most]


def _writer(trainer: pl.Trainer) -> Any:
    return (
        trainer.logger.experiment if isinstance(trainer.logger, TensorBoardLogger) and trainer.is_global_zero else None
    )


def _hparams(cfg: DictConfig) -> dict[str, Any]:
    values = {name: OmegaConf.select(cfg, name) for name in _HPARAMS}
    return {name: "none" if value is None else value for name, value in values.items()}
