"""What a person sees while a run is under way, and how long it really took."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar, RichProgressBar
from pytorch_lightning.callbacks.progress.rich_progress import RichProgressBarTheme


def progress_bar() -> ProgressBar | None:
    """A live bar in a terminal; None where output goes to a file, which `EpochLines` serves."""
    if not sys.stdout.isatty():
        return None
    return RichProgressBar(leave=True, theme=RichProgressBarTheme(metrics_format=".3f"))


class EpochLines(pl.Callback):
    """One line an epoch, for logs and pipes."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        shown = {name: float(value) for name, value in trainer.callback_metrics.items() if name in _SHOWN}
        figures = "  ".join(f"{name} {shown[name]:.4f}" for name in _SHOWN if name in shown)
        if trainer.is_global_zero:
            print(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {figures}", flush=True)


_SHOWN = ("train/loss", "train/accuracy", "val/loss", "val/accuracy")


class Stopwatch(pl.Callback):
    """Seconds of the run and of its training epochs without validation, and images trained on; all survive a resume.

    Args:
        started: `time.perf_counter()` when this process began the run.
    """

    def __init__(self, started: float) -> None:
        self.started = started
        self.train_seconds = 0.0
        self.images = 0
        self._earlier_seconds = 0.0
        self._since: float | None = None

    @property
    def elapsed_seconds(self) -> float:
        """Since the run was started, pauses between an interruption and a resume left out."""
        return self._earlier_seconds + time.perf_counter() - self.started

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.perf_counter()
        self.train_seconds += now - (self._since or now)
        self._since = now
        self.images += len(batch.labels) * trainer.world_size

    def state_dict(self) -> dict[str, float | int]:
        return {"train": self.train_seconds, "elapsed": self.elapsed_seconds, "images": self.images}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.train_seconds, self.images = float(state_dict["train"]), int(state_dict["images"])
        self._earlier_seconds = float(state_dict["elapsed"])
