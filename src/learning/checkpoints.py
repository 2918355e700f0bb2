"""Lightning's checkpoint and early-stopping callbacks, made to survive a resume from anywhere."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint


class RunCheckpoint(ModelCheckpoint):
    """A checkpoint that belongs to its run's folder, wherever the folder has been moved to since.

    Lightning forgets the best score when the folder's path has changed, and the next epoch would replace a better one.
    """

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
    """Early stopping that still holds when a run is resumed after it stopped."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True
