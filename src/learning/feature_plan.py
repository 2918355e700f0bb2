"""Where each epoch of a run can cut its network, and which features it then reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from src.data.datamodule import SignDataModule
from src.learning.feature_store import PLAIN
from src.learning.freezing import FreezeSchedule


@dataclass(frozen=True)
class FeaturePlan:
    """For each epoch, after how many stages its network can be cut.

    Attributes:
        cuts: by epoch, stages from the input that are frozen and were never trained before; 0 is no cut.
        last: stages that no epoch trains: where the finished network can be cut.
    """

    cuts: tuple[int, ...]
    last: int

    @classmethod
    def of(cls, schedule: FreezeSchedule, epochs: int) -> "FeaturePlan":
        """The plan of a freeze policy over `epochs` epochs."""
        cuts: list[int] = []
        for epoch in range(epochs):
            cuts.append(min([schedule.frozen_prefix(epoch), *cuts[-1:]]))  # a stage once trained is no fixed function
        return cls(tuple(cuts), min(cuts))

    @property
    def cut_epochs(self) -> frozenset[int]:
        """The epochs that start from features."""
        return frozenset(epoch for epoch, cut in enumerate(self.cuts) if cut)


class FeatureReads:
    """Which features a run reads.

    Args:
        data: set up, its draws already those of the run.
        limit_batches: of each loader in an epoch, or None for all.
        ranks: processes that share an epoch.
    """

    def __init__(self, data: SignDataModule, limit_batches: int | None = None, ranks: int = 1) -> None:
        self.data, self.limit_batches, self.ranks = data, limit_batches, ranks

    @cached_property
    def _first_views(self) -> np.ndarray:
        return np.array([self.data.draws.view(0, record.name) for record in self.data.manifest], dtype=np.int64)

    def views(self, images: np.ndarray, epoch: int, again: np.ndarray | int = 0) -> np.ndarray:
        """The view that an epoch shows of each of some images; `PLAIN` where nothing is augmented.

        Args:
            images: `(images,) int64` indices into the manifest.
            epoch: counted from 0.
            again: `(images,) int64`: how often the epoch has shown each before.
        """
        if self.data.augmentation.is_identity:
            return np.full(len(images), PLAIN, dtype=np.int64)
        return (self._first_views[images] + epoch + again) % self.data.draws.views

    def of(self, plan: FeaturePlan) -> Mapping[tuple[int, int], np.ndarray]:
        """(cut, view) → sorted indices of the images whose features a run with this plan reads."""
        split, wanted = self.data.split, dict[tuple[int, int], np.ndarray]()

        def want(cut: int, view: int, images: np.ndarray) -> None:
            if cut and len(images):
                wanted[cut, view] = np.union1d(wanted.get((cut, view), np.empty(0, np.int64)), images)

        for epoch, cut in enumerate(plan.cuts):
            if cut:
                images, again = self._shown_in(epoch)
                views = self.views(images, epoch, again)
                for view in np.unique(views):
                    want(cut, int(view), np.unique(images[views == view]))
        batches = self.limit_batches
        first = slice(None) if batches is None else slice(batches * self.data.settings.batch_size)
        for cut in {*plan.cuts, plan.last}:
            want(cut, PLAIN, split.val[first])
        want(plan.last, PLAIN, split.test[first])
        return wanted

    def _shown_in(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The images that an epoch shows, and how often it has shown each before."""
        train = self.data.split.train
        if self.limit_batches is None and self.data.settings.balance == "none":
            return train, np.zeros(len(train), dtype=np.int64)
        sampler = self.data.train_sampler()
        sampler.set_epoch(epoch)
        draws = sampler.draws()
        if self.limit_batches is not None:
            draws = draws[: self.limit_batches * self.data.settings.batch_size * self.ranks]
        return train[[draw.index for draw in draws]], np.array([draw.again for draw in draws], dtype=np.int64)
