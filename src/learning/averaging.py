"""Averaged weights: what is scored and kept is a running mean of the weights of the last steps.

Weights that jump from step to step lie around a flatter place than any of them, which is read better elsewhere than
the last step is (Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018,
arXiv:1803.05407; Cha et al., "SWAD", NeurIPS 2021, arXiv:2102.08604).
"""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from src.errors import UserError


class AveragedWeights(WeightAveraging):
    """Lightning's averaging, as an exponential mean that begins short and keeps what is frozen bit for bit.

    Validation, and so the choice of the best epoch, sees the mean. Checkpoints hold the mean as their network, and what
    training goes on with beside it. Batch-norm statistics are averaged like weights.

    Args:
        decay: of the mean at each step; it spans about the last `1 / (1 - decay)` steps.

    Raises:
        UserError: `decay` is no share of the past.
    """

    def __init__(self, decay: float = 0.998) -> None:
        if not 0 <= decay < 1:
            raise UserError(f"callbacks.averaging.decay={decay} is out of range: it must be at least 0 and below 1.")

        def mean(averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
            if not averaged.is_floating_point():  # batch norm counts its batches
                return current
            # The first steps would weigh for long after: the mean grows with what there is to average.
            kept = min(decay, (1 + int(steps)) / (10 + int(steps)))
            # In this form the mean of equal values is that value to the last bit, as frozen stages have to be.
            return torch.lerp(averaged, current, 1 - kept)

        super().__init__(avg_fn=mean)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The copy was made before the network went to its device; now it follows."""
        assert self._average_model is not None
        self._average_model.to(pl_module.device)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the trained weights, whose frozen stages are still to be proved; what is scored is read from a file."""

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if self._average_model is not None:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)
