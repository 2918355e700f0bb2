"""The LightningModule around a staged network: loss, metrics, optimizer. Everything else is somebody else's subject."""

from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torchmetrics import MeanMetric

from src.data.augment import draw_seed
from src.data.loading import Batch, CutBatch
from src.evaluation.metrics import sign_metrics
from src.learning.optim import build_optimizer, build_scheduler
from src.nets.stages import StagedNetwork


class SignClassifier(pl.LightningModule):
    """Trains a network on signs.

    Args:
        network: logits `(batch, 36)` from images `(batch, 3, size, size) uint8`.
        config: the run's whole config as plain Python values; it travels in every checkpoint.
    """

    def __init__(self, network: StagedNetwork, config: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        self.config = OmegaConf.create(config)
        # Plain values only: a DictConfig in a checkpoint could not be read back with weights_only.
        self.save_hyperparameters({"config": config}, logger=False)
        self.loss = nn.CrossEntropyLoss(label_smoothing=self.config.label_smoothing)
        self.train_loss, self.train_accuracy = MeanMetric("disable"), MeanMetric("disable")
        self.val_loss, self.val_metrics = MeanMetric("disable"), sign_metrics().clone(prefix="val/")

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)

    def logits(self, batch: Batch | CutBatch) -> Tensor:
        """`(batch, 36)`, from images or from where the frozen stages have taken them."""
        if isinstance(batch, CutBatch):
            return self.network.suffix(batch.activations, batch.cut)
        return self(batch.images)

    def training_step(self, batch: Batch | CutBatch, batch_index: int) -> Tensor:
        # Dropout draws by (seed, epoch, batch, rank). Once an epoch would not do: a resumed Lightning makes its
        # loaders, which draw too, at another moment than a fresh one.
        draw = f"dropout of batch {batch_index}, rank {self.global_rank}"
        seed = draw_seed(self.config.seed, self.current_epoch, draw)
        # Not torch.manual_seed: for a CUDA that may wake up later it keeps a stack trace of every call.
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        logits = self.logits(batch)
        loss = self.loss(logits, batch.labels)
        count = len(batch.labels)
        right = (logits.detach().argmax(dim=1) == batch.labels).float().mean()
        self.train_loss.update(loss.detach(), count)
        self.train_accuracy.update(right, count)
        if self.trainer.is_last_batch:  # said once an epoch: in every step, Lightning's bookkeeping outweighs a head
            self.log_dict(
                {"train/loss": self.train_loss, "train/accuracy": self.train_accuracy}, on_step=False, on_epoch=True
            )
        return loss

    def validation_step(self, batch: Batch | CutBatch, batch_index: int) -> None:
        logits = self.logits(batch).float()
        # Without label smoothing, so that losses compare between runs.
        self.val_loss.update(nn.functional.cross_entropy(logits, batch.labels), len(batch.labels))
        self.val_metrics.update(logits, batch.labels)

    def on_validation_epoch_end(self) -> None:
        self.log("val/loss", self.val_loss)
        self.log_dict(self.val_metrics)

    def predict_step(self, batch: Batch | CutBatch, batch_index: int) -> tuple[Tensor, Tensor]:
        """Manifest indices `(batch,)` and probabilities `(batch, 36) float32`."""
        return batch.indices.cpu(), self.logits(batch).float().softmax(dim=1).cpu()

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step what Lightning asks for, except the plateau scheduler, which `PlateauSteps` steps in time."""
        if not isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            scheduler.step()

    def configure_optimizers(self) -> dict[str, Any]:
        clips = self.config.trainer.gradient_clip is not None
        optimizer = build_optimizer(self.network, self.config.optimizer, fused=not clips)
        epochs = self.trainer.max_epochs
        steps_per_epoch = max(1, int(self.trainer.estimated_stepping_batches) // epochs)
        return {
            "optimizer": optimizer,
            "lr_scheduler": build_scheduler(optimizer, self.config.scheduler, steps_per_epoch, epochs),
        }
