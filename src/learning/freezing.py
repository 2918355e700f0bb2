"""Freeze policies: from an epoch to the set of trained stages, as pure functions. No torch here.

Everything that depends on freezing asks these functions and keeps no state of its own, so an epoch means the same
in a fresh run and in a resumed one.
"""

from collections.abc import Sequence

from omegaconf import DictConfig

from src.errors import UserError

HEAD = "head"


class FreezePolicy:
    """Which stages are trained in which epoch.

    Args:
        cfg: the `freeze` section of the config.
        stages: the network's stage names, input to head.

    Raises:
        UserError: the section asks for stages that the network does not have.
    """

    def __init__(self, cfg: DictConfig, stages: Sequence[str]) -> None:
        self.cfg = cfg
        self.stages = tuple(stages)
        below_head = len(self.stages) - 1
        if cfg.k is not None and cfg.k > below_head:
            raise UserError(
                f"freeze.k={cfg.k} is beyond this network: it has {below_head} stages below the head "
                f"({', '.join(self.stages[:-1])}); freeze=none trains them all."
            )
        unknown = [name for name in cfg.train if name not in self.stages]
        if unknown:
            raise UserError(
                f"freeze.train names '{unknown[0]}', which is not a stage: choose from {', '.join(self.stages)}."
            )

    def _top(self, k: int) -> frozenset[str]:
        return frozenset(self.stages[max(0, len(self.stages) - 1 - k) :])

    def trained(self, epoch: int) -> frozenset[str]:
        """The names of the stages that learn in `epoch` (counted from 0)."""
        everything = frozenset(self.stages)
        match self.cfg.policy:
            case "none":
                return everything
            case "all":
                return self._top(0)
            case "top_k":
                return self._top(self.cfg.k)
            case "mask":
                return frozenset({*self.cfg.train, HEAD})
            case "gradual":
                most = len(self.stages) - 1 if self.cfg.k is None else self.cfg.k
                return self._top(min(most, epoch // self.cfg.epochs_per_stage))
            case "lp_ft":
                return self._top(0) if epoch < self.cfg.head_epochs else everything
        raise UserError(f"freeze.policy={self.cfg.policy} is not an option.")

    def trained_within(self, epochs: int) -> frozenset[str]:
        """The stages that learn in at least one of the first `epochs` epochs."""
        return frozenset().union(*(self.trained(epoch) for epoch in range(epochs)))

    def frozen_prefix(self, epoch: int) -> int:
        """The number of stages, from the input, before the first one that learns: a fixed function in this epoch."""
        trained = self.trained(epoch)
        return next((index for index, name in enumerate(self.stages) if name in trained), len(self.stages))

    def freezes_anything(self) -> bool:
        """Whether any stage is frozen at the start: schedules freeze most in their first epoch."""
        return self.trained(0) != frozenset(self.stages)
