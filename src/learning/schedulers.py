"""Learning-rate schedules: the rate at a step as a factor of the first, pure functions, so a resume cannot drift."""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from src.errors import UserError
from src.evaluation.metrics import better, check_monitored
from src.settings.options import Field, Option, settings

if TYPE_CHECKING:
    import torch

_ONE_CYCLE_RISE = 0.3  # share of the run spent on the way up, as in Smith (2018), arXiv:1708.07120
_ONE_CYCLE_START = 1 / 25


@settings
class Scheduler(Option, group="scheduler"):
    """A schedule over the steps of a run."""

    interval: Literal["step", "epoch"] = Field(default="epoch", description="how often the learning rate moves")
    warmup_epochs: float = Field(default=0.0, ge=0, description="epochs of a straight way up")

    @abstractmethod
    def factor(self, step: int, steps_per_epoch: int, total: int) -> float:
        """The learning rate after the warm-up as a factor of the first, at one of the run's `total` steps."""

    def factors(self, steps_per_epoch: int, epochs: int) -> Callable[[int], float]:
        """Step → factor. With `interval=epoch` it stands still within an epoch."""
        total = max(1, steps_per_epoch * epochs)
        warmup, by_epoch = self.warmup_epochs * steps_per_epoch, self.interval == "epoch"

        def at(step: int) -> float:
            if by_epoch:
                step = step // steps_per_epoch * steps_per_epoch
            if step < warmup:
                return (step + 1) / (warmup + 1)
            return self.factor(step, steps_per_epoch, total)

        return at

    def over(self, optimizer: "torch.optim.Optimizer", steps_per_epoch: int, epochs: int) -> dict[str, Any]:
        """Lightning's entry for this schedule."""
        import torch

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.factors(steps_per_epoch, epochs))
        # Asked for at each step always: `factors` holds still within an epoch where the settings say so.
        return {"scheduler": schedule, "interval": "step"}


def _cosine(progress: float, first: float, last: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * min(1.0, max(0.0, progress)))) / 2


@settings
class Constant(Scheduler):
    """One learning rate from first to last."""

    def factor(self, step: int, steps_per_epoch: int, total: int) -> float:
        return 1.0


@settings
class Cosine(Scheduler):
    """Half a cosine down (Loshchilov and Hutter, 2017, arXiv:1608.03983)."""

    final_fraction: float = Field(default=0.01, ge=0, le=1, description="last learning rate / first")

    def factor(self, step: int, steps_per_epoch: int, total: int) -> float:
        warmup = self.warmup_epochs * steps_per_epoch
        return _cosine((step - warmup) / max(1.0, total - warmup), 1.0, self.final_fraction)


@settings
class OneCycle(Scheduler):
    """Up for 30 % of the run, down for the rest (Smith, 2018, arXiv:1708.07120)."""

    final_fraction: float = Field(default=0.001, ge=0, le=1, description="last learning rate / highest")

    def factor(self, step: int, steps_per_epoch: int, total: int) -> float:
        rise = _ONE_CYCLE_RISE * total
        if step < rise:
            return _cosine(step / rise, _ONE_CYCLE_START, 1.0)
        return _cosine((step - rise) / max(1.0, total - rise), 1.0, self.final_fraction)


@settings
class Step(Scheduler):
    """Times `gamma` every few epochs."""

    step_epochs: int = Field(default=10, ge=1)
    gamma: float = Field(default=0.1, ge=0.0001, le=1)

    def factor(self, step: int, steps_per_epoch: int, total: int) -> float:
        return self.gamma ** (step // steps_per_epoch // self.step_epochs)


@settings
class Plateau(Scheduler):
    """Times `gamma` when `monitor` has not got better for a while. `PlateauSteps` steps it."""

    gamma: float = Field(default=0.3, ge=0.0001, le=1)
    patience_epochs: int = Field(default=3, ge=0)
    monitor: str = "val/loss"

    def check(self) -> None:
        check_monitored("scheduler.monitor", self.monitor)
        if self.interval == "step":
            raise UserError(
                "scheduler=plateau looks at validation, which comes once an epoch: scheduler.interval=epoch."
            )

    def factor(self, step: int, steps_per_epoch: int, total: int) -> float:
        return 1.0

    def over(self, optimizer: "torch.optim.Optimizer", steps_per_epoch: int, epochs: int) -> dict[str, Any]:
        import torch

        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            mode=better(self.monitor),  # type: ignore[arg-type]
            factor=self.gamma,
            patience=self.patience_epochs,
        )
        return {"scheduler": schedule, "interval": "epoch", "monitor": self.monitor}
