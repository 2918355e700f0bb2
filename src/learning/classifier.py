"""The LightningModules around a staged network: what all training here has in common, and the loss of signs."""

from typing import Any, Protocol

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric
from torchmetrics.aggregation import CatMetric

from src.data.augment import draw_seed
from src.data.loading import Batch, CutBatch
from src.evaluation.metrics import validation_metrics
from src.learning.freezing import FreezePolicy, FreezeSchedule
from src.learning.joints import JointsTask, seen_by_head
from src.learning.optimizers import Optimizer
from src.learning.run_settings import RunSettings
from src.learning.schedulers import Scheduler
from src.nets.stages import StagedNetwork


class HowToTrain(Protocol):
    """What a network in training must be told; the settings of a run say it, and the recipe of pretraining."""

    @property
    def seed(self) -> int: ...
    @property
    def freeze(self) -> FreezePolicy: ...
    @property
    def optimizer(self) -> Optimizer: ...
    @property
    def scheduler(self) -> Scheduler: ...
    def plain(self) -> dict[str, Any]:
        """All of it as plain values, which travel in every checkpoint."""
        ...


class StagedModule(pl.LightningModule):
    """A network whose stages have names.

    Args:
        network: what is trained or scored.
    """

    def __init__(self, network: StagedNetwork) -> None:
        super().__init__()
        self.network = network


class SignScorer(StagedModule):
    """Scores images, or what a network's frozen stages have made of them: logits `(batch, 36)`."""

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)

    def logits(self, batch: Batch | CutBatch) -> Tensor:
        """`(batch, 36)`, from images or from where the frozen stages have taken them."""
        if isinstance(batch, CutBatch):
            return self.network.suffix(batch.activations, batch.cut)
        return self(batch.images)

    def predict_step(self, batch: Batch | CutBatch, batch_index: int) -> tuple[Tensor, Tensor]:
        """Manifest indices `(batch,)` and probabilities `(batch, 36) float32`."""
        return batch.indices.cpu(), self.logits(batch).float().softmax(dim=1).cpu()


class TrainedModule(StagedModule):
    """A network that is trained: optimizer, schedule, freeze policy, and draws that belong to (seed, epoch, batch).

    Args:
        network: to be trained.
        settings: how.

    Attributes:
        freeze_schedule: which stages learn when; the callback `Freezing` applies it.
    """

    def __init__(self, network: StagedNetwork, settings: HowToTrain) -> None:
        super().__init__(network)
        self.settings = settings
        self.freeze_schedule: FreezeSchedule = settings.freeze.over(network.stage_names)
        # Plain values only: anything else in a checkpoint could not be read back with weights_only.
        self.save_hyperparameters({"config": settings.plain()}, logger=False)

    def seed_draws(self, batch_index: int) -> None:
        """Seed what a training step draws, dropout above all.

        Once an epoch would not do: a resumed Lightning makes its loaders, which draw too, at another moment.
        """
        draw = f"dropout of batch {batch_index}, rank {self.global_rank}"
        seed = draw_seed(self.settings.seed, self.current_epoch, draw)
        # Not torch.manual_seed: for a CUDA that may wake up later it keeps a stack trace of every call.
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def beside_network(self) -> list[nn.Parameter]:
        """What learns and is no part of the network."""
        return []

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step what Lightning asks for, except the plateau scheduler, which `PlateauSteps` steps in time."""
        if not isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            scheduler.step()

    def configure_optimizers(self) -> Any:
        optimizer = self.settings.optimizer.over(self.network, fused=self.trainer.gradient_clip_val is None)
        if beside := self.beside_network():
            rate = self.settings.optimizer.lr
            optimizer.add_param_group({"params": beside, "lr": rate, "name": "beside the network", "stage": "beside"})
        epochs = self.trainer.max_epochs or 1
        steps_per_epoch = max(1, int(self.trainer.estimated_stepping_batches) // epochs)
        return {
            "optimizer": optimizer,
            "lr_scheduler": self.settings.scheduler.over(optimizer, steps_per_epoch, epochs),
        }


def trained_module(module: pl.LightningModule) -> TrainedModule:
    """The module that a callback of this project is called with, which must be one of its own.

    Raises:
        TypeError: it is another one.
    """
    if not isinstance(module, TrainedModule):
        raise TypeError(f"{type(module).__name__} is no TrainedModule: it has no stages to freeze or to cut at.")
    return module


class SignClassifier(TrainedModule, SignScorer):
    """Trains a network on signs: cross-entropy, and every metric of `src.evaluation.metrics` on validation images."""

    settings: RunSettings

    def __init__(self, network: StagedNetwork, settings: RunSettings) -> None:
        super().__init__(network, settings)
        self.loss = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
        self.joints_task = JointsTask(network) if settings.joints_weight else None
        self.joints_loss = MeanMetric("disable")
        self.train_loss, self.train_accuracy = MeanMetric("disable"), MeanMetric("disable")
        self.val_loss = MeanMetric("disable")
        self.val_probabilities, self.val_labels = CatMetric("disable"), CatMetric("disable")

    def training_step(self, batch: Batch | CutBatch, batch_index: int) -> Tensor:
        self.seed_draws(batch_index)
        if self.joints_task is None:
            logits = self.logits(batch)
        else:
            with seen_by_head(self.network) as features:
                logits = self.logits(batch)
        loss = self.loss(logits, batch.labels)
        count = len(batch.labels)
        correct = (logits.detach().argmax(dim=1) == batch.labels).float().mean()
        self.train_loss.update(loss.detach(), count)
        self.train_accuracy.update(correct, count)
        if self.trainer.is_last_batch:  # said once an epoch: in every step, Lightning's bookkeeping outweighs a head
            self.log_dict(
                {"train/loss": self.train_loss, "train/accuracy": self.train_accuracy}, on_step=False, on_epoch=True
            )
        if self.joints_task is None or not isinstance(batch, Batch) or batch.joints is None:
            return loss
        wrong = self.joints_task(features[-1], batch.joints)
        self.joints_loss.update(wrong.detach(), count)
        if self.trainer.is_last_batch:
            self.log("train/joints_loss", self.joints_loss, on_step=False, on_epoch=True)
        return loss + self.settings.joints_weight * wrong

    def beside_network(self) -> list[nn.Parameter]:
        return [] if self.joints_task is None else list(self.joints_task.parameters())

    def validation_step(self, batch: Batch | CutBatch, batch_index: int) -> None:
        logits = self.logits(batch).float()
        # Without label smoothing, so that losses compare between runs.
        self.val_loss.update(nn.functional.cross_entropy(logits, batch.labels), len(batch.labels))
        self.val_probabilities.update(logits.softmax(dim=1))
        self.val_labels.update(batch.labels)

    def on_validation_epoch_end(self) -> None:
        labels = self.val_labels.compute().cpu().numpy().astype("int64")
        probabilities = self.val_probabilities.compute().float().cpu().numpy()
        figures = {f"val/{name}": value for name, value in validation_metrics(labels, probabilities).items()}
        self.log_dict(figures | {"val/loss": self.val_loss.compute()})
        for metric in (self.val_loss, self.val_labels, self.val_probabilities):
            metric.reset()
