"""The settings of Lightning's Trainer: those that this project adds to, and any other argument of it as it is."""

import ast
import importlib.util
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from src.errors import UserError
from src.evaluation.metrics import check_monitored
from src.settings.options import Field, closest, plain, settings, validated

# Trainer's arguments that the project gives itself, and what to use in their place.
_OURS = {
    "callbacks": "callbacks=…", "logger": "logger=…", "default_root_dir": "hydra.run.dir=…",
    "gradient_clip_val": "trainer.gradient_clip=…", "limit_train_batches": "trainer.limit_batches=…",
    "limit_val_batches": "trainer.limit_batches=…", "limit_predict_batches": "trainer.limit_batches=…",
    "enable_progress_bar": "trainer.progress=…", "fast_dev_run": "trainer=smoke", "overfit_batches": "trainer=smoke",
    "enable_checkpointing": "nothing: a run keeps its best epoch and its last", "barebones": "logger=none",
    "use_distributed_sampler": "nothing: images are dealt out already",
}  # fmt: skip


@settings
class TrainerSettings:
    """How long, on what, in which number format; `arguments` go to `pl.Trainer` as they are."""

    max_epochs: int = Field(default=12, ge=1)
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int | str | tuple[int, ...] = 1
    strategy: Literal["auto", "ddp"] = "auto"
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed", "64-true"] = Field(
        default="auto", description="auto: bf16-mixed where the processor has it, else 32-true"
    )
    channels_last: bool = True
    deterministic: bool = True
    gradient_clip: float | None = Field(default=None, ge=0)
    early_stopping_epochs: int | None = Field(
        default=None, ge=1, description="epochs without a better `monitor`; null: never"
    )
    monitor: str = Field(default="val/accuracy", description="what chooses the best checkpoint")
    progress: bool = True
    limit_batches: int | None = Field(default=None, ge=1, description="of each loader, for a smoke run")
    arguments: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> "TrainerSettings":
        """The settings of a config's section, in which further arguments of `pl.Trainer` stand beside ours.

        Raises:
            UserError: a setting is neither ours nor Lightning's, or not what it may be.
        """
        own = {key: value for key, value in section.items() if key in cls.__dataclass_fields__ and key != "arguments"}
        others = {key: value for key, value in section.items() if key not in own}
        for key in others:
            if key in _OURS:
                raise UserError(f"trainer.{key} is given by this project itself: use {_OURS[key]}.")
            if key not in trainer_arguments():
                known = [*(name for name in cls.__dataclass_fields__ if name != "arguments"), *trainer_arguments()]
                raise UserError(
                    f"trainer.{key} is neither a setting of this project nor an argument of Lightning's Trainer"
                    f"{closest(key, known)}."
                )
        return validated(cls, {**own, "arguments": others}, "trainer")

    def plain(self) -> dict[str, Any]:
        """Plain values that `of` takes."""
        values = plain(self)
        return values | values.pop("arguments")

    def check(self) -> None:
        """What types and ranges cannot say.

        Raises:
            UserError: the devices are none, or the precision needs other hardware.
        """
        check_monitored("trainer.monitor", self.monitor)
        devices = self.devices
        is_count = isinstance(devices, int) and (devices >= 1 or devices == -1)
        is_list = isinstance(devices, tuple) and len(devices) > 0 and min(devices) >= 0
        if devices != "auto" and not is_count and not is_list:
            raise UserError(f"trainer.devices={devices} is not understood: give a number, a list of numbers, or auto.")
        if self.precision == "16-mixed" and self.accelerator == "cpu":
            raise UserError("trainer.precision=16-mixed needs a GPU: on the CPU use bf16-mixed or 32-true.")


@lru_cache(maxsize=1)
def trainer_arguments() -> tuple[str, ...]:
    """The arguments of `pl.Trainer`, read off its source: importing it takes seconds."""
    spec = importlib.util.find_spec("pytorch_lightning")
    locations = spec.submodule_search_locations if spec else None
    if not locations:
        return ()
    tree = ast.parse((Path(next(iter(locations))) / "trainer" / "trainer.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == "Trainer":
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    return tuple(one.arg for one in (*method.args.args[1:], *method.args.kwonlyargs))
    return ()
