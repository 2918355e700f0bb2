"""Lightning's checkpoint, early-stopping and plateau callbacks, made to survive a resume from anywhere."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from src.evaluation.metrics import better
from src.runs import folder as run_folder


class RunCheckpoint(ModelCheckpoint):
    """A checkpoint that belongs to its run's folder, wherever the folder has been moved to since.

    Lightning forgets the best score when the folder's path has changed, and the next epoch would replace a better one.
    Nor does its `save_last=True` serve: Lightning 2.6 writes that only when the best changes, and a resumed run would
    lose epochs.

    Args:
        filename: `best` or `last`, without ending.
        monitor: what chooses the best; None keeps the newest.
    """

    def __init__(self, filename: str, monitor: str | None = None) -> None:
        super().__init__(
            filename=filename, monitor=monitor, mode=better(monitor) if monitor else "min", enable_version_counter=False
        )

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.dirpath = str(Path(trainer.default_root_dir) / run_folder.CHECKPOINTS)
        super().setup(trainer, pl_module, stage)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        folder = Path(str(self.dirpath))

        def here(file: str) -> str:
            return str(folder / Path(file).name) if file else file

        moved = dict(state_dict)
        moved["dirpath"] = str(folder)
        for name in ("best_model_path", "kth_best_model_path", "last_model_path"):
            moved[name] = here(moved.get(name, ""))
        moved["best_k_models"] = {here(file): score for file, score in moved.get("best_k_models", {}).items()}
        super().load_state_dict(moved)


class StopsForGood(EarlyStopping):
    """Early stopping that still holds when a run is resumed after it stopped.

    Args:
        monitor: the figure that must get better.
        patience: epochs without a better one before stopping; None never stops.
    """

    def __init__(self, monitor: str, patience: int | None = None) -> None:
        self.never = patience is None
        super().__init__(monitor, patience=patience or 1, mode=better(monitor))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self.never and self.wait_count >= self.patience:
            trainer.should_stop = True

    def _should_skip_check(self, trainer: pl.Trainer) -> bool:
        return self.never or super()._should_skip_check(trainer)


class PlateauSteps(pl.Callback):
    """Steps ReduceLROnPlateau when validation ends, before the checkpoint is written.

    Lightning would step it afterwards, and a resumed run would have forgotten the last validation.
    """

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for config in trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                config.scheduler.step(trainer.callback_metrics[str(config.monitor)])
