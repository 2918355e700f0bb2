"""What loggers show beside the curves: rates and trained stages, inputs, confusions, mistakes, hyperparameters."""

from typing import Any

import numpy as np
import pytorch_lightning as pl
from omegaconf import OmegaConf
from pytorch_lightning.loggers import TensorBoardLogger

from src.data.datamodule import images_of
from src.data.loading import Draw
from src.evaluation.figures import captioned_grid, confusion_figure
from src.evaluation.predictions import Predictions
from src.evaluation.promises import protocol_line
from src.learning.classifier import trained_module
from src.learning.run_settings import RunSettings
from src.runs.record import RunRecord
from src.signs.labels import SIGNS

_GRID_IMAGES = 24
# What the HPARAMS tab offers as columns: the settings that a study varies.
_HPARAMS = (
    "seed", "model.name", "model.weights", "freeze.k", "optimizer.lr", "optimizer.layer_decay",
    "optimizer.weight_decay", "augmentation.name", "datamodule.image_size_px", "datamodule.batch_size",
    "trainer.max_epochs", "label_smoothing",
)  # fmt: skip


class Dashboard(pl.Callback):
    """Writes learning rates and trained stages while a run goes on, and pictures at its ends."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        writer = _tensorboard(trainer)
        if writer is None:
            return
        data = images_of(trainer)
        dataset = data.dataset("train")
        order = np.random.default_rng(0).permutation(len(dataset))[:_GRID_IMAGES]
        pictures = [dataset.picture(Draw(int(index), trainer.current_epoch)) for index in order]
        captions = [SIGNS[dataset.labels[index]] for index in order]
        title = f"inputs/augmentation={data.augmentation.name}"
        writer.add_image(title, captioned_grid(pictures, captions), trainer.current_epoch, dataformats="HWC")

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        schedule = trained_module(pl_module).freeze_schedule
        trained = schedule.trained(trainer.current_epoch)
        rates = {group["stage"]: group["lr"] for group in trainer.optimizers[0].param_groups}
        figures = {}
        for index, stage in enumerate(schedule.stages):
            # Numbered, so that alphabetical order is the network's.
            figures[f"stage_trained/{index:02d}_{stage}"] = float(stage in trained)
            if stage in rates:
                figures[f"learning_rate/{index:02d}_{stage}"] = rates[stage] if stage in trained else 0.0
        for logger in trainer.loggers:
            step = trainer.current_epoch if isinstance(logger, TensorBoardLogger) else trainer.global_step
            logger.log_metrics(figures, step)

    def summarise(self, trainer: pl.Trainer, settings: RunSettings, test: Predictions, record: RunRecord) -> None:
        """The test set's confusion matrix and worst mistakes, and the run's hyperparameters with its figures."""
        if (writer := _tensorboard(trainer)) is not None:
            data = images_of(trainer)
            title = f"{protocol_line(record)}: accuracy {record.test['accuracy']:.1%} of {len(test.labels)} images"
            writer.add_figure("test/confusion_matrix_percent", confusion_figure(test.labels, test.predicted, title))
            mistakes = worst_mistakes(test)
            if len(mistakes):
                pictures = [data.pixels[int(test.indices[index])] for index in mistakes]
                captions = [f"{SIGNS[test.labels[index]]} read as {SIGNS[test.predicted[index]]}" for index in mistakes]
                writer.add_image("test/worst_mistakes", captioned_grid(pictures, captions), dataformats="HWC")
        figures: dict[str, float] = {f"test/{name}": value for name, value in record.test.items() if value is not None}
        figures |= {"best/val/accuracy": record.val["accuracy"] or 0.0, "stages_trained": record.stages_trained}
        figures |= {"parameters_trained": record.parameters_trained, "seconds": record.seconds}
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(_hparams(settings, record), figures)
            else:
                logger.log_hyperparams(_hparams(settings, record))
                logger.log_metrics(figures, trainer.global_step)
            logger.save()
            logger.finalize("success")


def worst_mistakes(predictions: Predictions, most: int = _GRID_IMAGES) -> np.ndarray:
    """Indices of the wrong predictions, the most confident first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    confidence = predictions.probabilities[wrong, predictions.predicted[wrong]]
    return wrong[np.argsort(-confidence, kind="stable")][:most]


def _tensorboard(trainer: pl.Trainer) -> Any:
    """The writer of the first TensorBoard logger, or None where there is none or this is not the first process."""
    found = (logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger))
    return next((logger.experiment for logger in found if trainer.is_global_zero), None)


def _hparams(settings: RunSettings, record: RunRecord) -> dict[str, Any]:
    config = OmegaConf.create(settings.plain())
    values = {name: OmegaConf.select(config, name) for name in _HPARAMS}
    values |= {f"{key}.name": getattr(settings, key).slug for key in ("freeze", "optimizer", "scheduler")}
    # What "strictest" came to, and what it leaks, beside the figures.
    values |= {"split.name": record.split, "split.leaked_test_percent": record.leaked_test_percent}
    return {name: "none" if value is None else value for name, value in values.items()}
