"""Freeze policies: from an epoch to the set of trained stages, as pure functions.

Everything that depends on freezing asks these functions and keeps no state of its own, so an epoch means the same in a
fresh run and in a resumed one.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.errors import UserError
from src.settings.options import Field, Option, settings

if TYPE_CHECKING:
    from src.learning.run_settings import RunSettings


class Stages(tuple[str, ...]):
    """A network's stage names, input to head."""

    @property
    def below_head(self) -> int:
        """How many stages lie below the head."""
        return len(self) - 1

    def top(self, k: int) -> frozenset[str]:
        """The head and the `k` stages below it."""
        return frozenset(self[max(0, self.below_head - k) :])

    def check_depth(self, k: int) -> None:
        """Refuse a `freeze.k` beyond the network.

        Raises:
            UserError: it has fewer stages.
        """
        if k > self.below_head:
            raise UserError(
                f"freeze.k={k} is beyond this network: it has {self.below_head} stages below the head "
                f"({', '.join(self[:-1])}); freeze=none trains them all."
            )


@settings
class FreezePolicy(Option, group="freeze"):
    """Which stages are trained in which epoch: all that a policy says."""

    allow_untrained: bool = Field(default=False, description="freeze a network whose weights are random")

    @abstractmethod
    def trained(self, epoch: int, stages: Stages) -> frozenset[str]:
        """The names of the stages that learn in `epoch` (counted from 0)."""

    def check_stages(self, stages: Stages) -> None:
        """What can only be said beside a network.

        Raises:
            UserError: the settings ask for stages that it does not have.
        """

    def over(self, stages: Sequence[str]) -> "FreezeSchedule":
        """The policy for one network.

        Raises:
            UserError: the settings ask for stages that it does not have.
        """
        schedule = FreezeSchedule(self, Stages(stages))
        self.check_stages(schedule.stages)
        return schedule


@dataclass(frozen=True)
class FreezeSchedule:
    """A policy and the stages that it speaks of."""

    policy: FreezePolicy
    stages: Stages

    def trained(self, epoch: int) -> frozenset[str]:
        """The names of the stages that learn in `epoch` (counted from 0)."""
        return self.policy.trained(epoch, self.stages)

    def trained_within(self, epochs: int) -> frozenset[str]:
        """The stages that learn in at least one of the first `epochs` epochs."""
        return frozenset().union(*(self.trained(epoch) for epoch in range(epochs)))

    def frozen_prefix(self, epoch: int) -> int:
        """The number of stages, from the input, before the first one that learns: a fixed function in this epoch."""
        trained = self.trained(epoch)
        return next((index for index, name in enumerate(self.stages) if name in trained), len(self.stages))

    def freezes_anything(self) -> bool:
        """Whether any stage is frozen at the start; one that freezes later has learned something by then."""
        return self.trained(0) != frozenset(self.stages)

    def changes_within(self, epochs: int) -> bool:
        """Whether a stage thaws or freezes in the first `epochs` epochs."""
        return any(self.trained(epoch) != self.trained(0) for epoch in range(epochs))


@settings
class Nothing(FreezePolicy, slug="none"):
    """Every stage is trained from the first step."""

    def trained(self, epoch: int, stages: Stages) -> frozenset[str]:
        return frozenset(stages)


@settings
class All(FreezePolicy):
    """Everything below the head is frozen: a linear probe."""

    def trained(self, epoch: int, stages: Stages) -> frozenset[str]:
        return stages.top(0)


@settings
class TopK(FreezePolicy):
    """The head and the `k` stages below it are trained."""

    k: int = Field(default=4, ge=0, description="stages trained below the head")

    def check_stages(self, stages: Stages) -> None:
        stages.check_depth(self.k)

    def trained(self, epoch: int, stages: Stages) -> frozenset[str]:
        return stages.top(self.k)


@settings
class Mask(FreezePolicy):
    """The head and the stages named in `train` are trained."""

    train: tuple[str, ...] = Field(default=(), description="stages trained beside the head")

    def check_stages(self, stages: Stages) -> None:
        unknown = [name for name in self.train if name not in stages]
        if unknown:
            raise UserError(
                f"freeze.train names '{unknown[0]}', which is not a stage: choose from {', '.join(stages)}."
            )

    def trained(self, epoch: int, stages: Stages) -> frozenset[str]:
        return stages.top(0) | frozenset(self.train)


@settings
class Gradual(FreezePolicy):
    """The head alone at first, then one stage more every few epochs (Howard and Ruder, 2018, arXiv:1801.06146)."""

    epochs_per_stage: int = Field(default=1, ge=1, description="epochs between one thaw and the next")
    k: int | None = Field(default=None, ge=0, description="stages thawed at most below the head; null thaws all")

    def check_stages(self, stages: Stages) -> None:
        stages.check_depth(self.k or 0)

    def trained(self, epoch: int, stages: Stages) -> frozenset[str]:
        most = stages.below_head if self.k is None else self.k
        return stages.top(min(most, epoch // self.epochs_per_stage))


@settings
class LpFt(FreezePolicy):
    """The head alone for some epochs, then everything (Kumar et al., 2022, arXiv:2202.10054)."""

    head_epochs: int = Field(default=3, ge=1, description="epochs of the head alone")

    def check_with(self, run: "RunSettings") -> None:
        if self.head_epochs >= run.trainer.max_epochs:
            raise UserError(
                f"freeze.head_epochs={self.head_epochs} leaves no epoch for fine-tuning: "
                f"keep it below trainer.max_epochs={run.trainer.max_epochs}."
            )

    def trained(self, epoch: int, stages: Stages) -> frozenset[str]:
        return stages.top(0) if epoch < self.head_epochs else frozenset(stages)


@settings
class Rest(FreezePolicy):
    """Everything at first; from an epoch on the early stages rest, since what edges look like is learned first.

    Brock et al., "FreezeOut", 2017, arXiv:1706.04983, with one step in place of many.
    """

    last: str = Field(description="the last stage that rests")
    from_epoch: int = Field(ge=0, description="epochs that train everything")

    def check_stages(self, stages: Stages) -> None:
        if self.last not in stages[:-1]:
            raise UserError(
                f"freeze.last={self.last} is not a stage that can rest: choose from {', '.join(stages[:-1])}."
            )

    def trained(self, epoch: int, stages: Stages) -> frozenset[str]:
        return frozenset(stages if epoch < self.from_epoch else stages[stages.index(self.last) + 1 :])
