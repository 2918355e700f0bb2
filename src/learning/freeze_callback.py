"""The freeze contract, kept by a callback: what is frozen stays bit for bit, and a hash proves it.

Lightning's own `BackboneFinetuning` lets batch norm drift, freezes again after a resume, and adds optimizer groups on
the way. Here the state of every stage is set anew at each epoch's start from a pure function of the epoch.
"""

from collections.abc import Iterable

import pytorch_lightning as pl

from src.learning.classifier import trained_module
from src.nets.stages import StagedNetwork


class FreezeBroken(RuntimeError):
    """A frozen stage changed: a defect of this project, never of the user."""


class Freezing(pl.Callback):
    """Applies the module's freeze policy at each epoch's start and checks that frozen stages did not change.

    A stage may freeze and thaw in any epoch, more than once.

    Attributes:
        before: stage → SHA-256 of its tensors when its latest rest began, at the start of training or later.
        after: stage → SHA-256 when that rest or training ended; equal to `before` by contract.
    """

    def __init__(self) -> None:
        self.before: dict[str, str] = {}
        self.after: dict[str, str] = {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            # Distributed training looks at gradients once, here: it must see every stage that will ever learn.
            module = trained_module(pl_module)
            module.network.set_trained(module.freeze_schedule.trained_within(trainer.max_epochs or 1))

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = trained_module(pl_module)
        network, trained = module.network, module.freeze_schedule.trained(trainer.current_epoch)
        self._check(network, (stage for stage in self._resting() if stage in trained))
        network.set_trained(trained)
        for stage in network.stage_names:
            if stage not in trained and stage not in self._resting():  # a resumed run knows them from its checkpoint
                self.before[stage] = network.fingerprint(stage)
                self.after.pop(stage, None)

    def _resting(self) -> list[str]:
        return [stage for stage in self.before if stage not in self.after]

    def check_all(self, network: StagedNetwork) -> None:
        """Check what is still frozen. Called after training, and not by a hook: a run resumed at its end has no loop.

        Raises:
            FreezeBroken: a frozen stage changed.
        """
        self._check(network, self._resting())

    def _check(self, network: StagedNetwork, stages: Iterable[str]) -> None:
        for stage in list(stages):
            self.after[stage] = network.fingerprint(stage)
            if self.after[stage] != self.before[stage]:
                raise FreezeBroken(f"stage {stage} was frozen and changed all the same")

    def state_dict(self) -> dict[str, dict[str, str]]:
        return {"before": self.before, "after": self.after}

    def load_state_dict(self, state_dict: dict[str, dict[str, str]]) -> None:
        self.before, self.after = dict(state_dict["before"]), dict(state_dict["after"])
