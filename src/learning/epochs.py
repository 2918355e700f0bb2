"""What is kept and shown of every epoch: a line or a bar, the curves, and how long it took."""

import sys
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar, RichProgressBar
from pytorch_lightning.callbacks.progress.rich_progress import RichProgressBarTheme

from src.runs import folder as run_folder
from src.storage.files import write_csv

# What everybody looks at first, of runs, of pretraining and of finders.
_SHOWN = (
    "train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/keypoint_error_of_side", "val/angle_error_deg",
    "val/found", "val/joint_error", "val/false_alarms",
)  # fmt: skip


def progress_bar() -> ProgressBar | None:
    """A live bar in a terminal; None where output goes to a file, which `EpochLines` serves."""
    if not sys.stdout.isatty():
        return None
    return RichProgressBar(leave=True, theme=RichProgressBarTheme(metrics_format=".3f"))


def _figures(trainer: pl.Trainer) -> dict[str, float]:
    """The epoch's losses and metrics, those of `_SHOWN` first."""
    found = {name: float(value) for name, value in trainer.callback_metrics.items()}
    known = [name for name in (*_SHOWN, *sorted(found)) if name in found and name.startswith(("train/", "val/"))]
    return {name: found[name] for name in known}


class EpochLines(pl.Callback):
    """One line an epoch, for logs and pipes."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        figures = "  ".join(f"{name} {value:.4f}" for name, value in _figures(trainer).items() if name in _SHOWN)
        if trainer.is_global_zero:
            print(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {figures}", flush=True)


class Curves(pl.Callback):
    """`curves.csv` in the run's folder: a row an epoch, counted from 1, with every loss and metric.

    Lightning's CSVLogger begins a new file when a run is resumed; these rows travel in the checkpoint.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.rows = [*self.rows[: trainer.current_epoch], _figures(trainer)]
        if trainer.is_global_zero:
            columns = list(dict.fromkeys(name for row in self.rows for name in row))
            lines = [[epoch, *(row.get(name, "") for name in columns)] for epoch, row in enumerate(self.rows, start=1)]
            write_csv(Path(trainer.default_root_dir) / run_folder.CURVES, ("epoch", *columns), lines)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = [dict(row) for row in state_dict["rows"]]


class Stopwatch(pl.Callback):
    """Seconds of the run and of its training epochs without validation, and images trained on; all survive a resume.

    Attributes:
        started: `time.perf_counter()` when this process began the run.
    """

    def __init__(self) -> None:
        self.started = time.perf_counter()
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
