"""Filling the feature cache: frozen stages run over every view of every image that somebody will read, in one pass."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from src import hardware
from src.data.datamodule import SignDataModule
from src.data.loading import Batch, PixelDataset, as_it_is, limit_threads
from src.learning.feature_store import PLAIN, FeatureStore, Part, ViewWriter
from src.nets.stages import StagedNetwork
from src.terminal import progress

Lacking = Mapping[tuple[int, int], np.ndarray]


@dataclass(frozen=True)
class FrozenStages:
    """A network's frozen stages on the device and in the number format of a trainer."""

    trainer: pl.Trainer
    network: StagedNetwork

    def through(self, images: Tensor, cuts: Sequence[int]) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
        """For each of `cuts`, ascending: what leaves the stages before it, from `(batch, 3, size, size) uint8`."""
        images = images.to(self.trainer.strategy.root_device, non_blocking=True)
        with torch.inference_mode(), self.trainer.precision_plugin.forward_context():
            yield from self.network.prefix(images, cuts)


class OneView(Dataset[Batch]):
    """One view of the images of a manifest, by their indices in it."""

    def __init__(self, data: SignDataModule, view: int) -> None:
        self.view = view
        augmentation = None if view == PLAIN else data.augmentation
        every = np.arange(len(data.manifest), dtype=np.int64)
        masks = None if view == PLAIN else data.masks
        self.images = PixelDataset(data.pixels, data.manifest, every, augmentation, data.draws, masks)

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, indices: list[int]) -> Batch:
        if self.view == PLAIN:
            return self.images.batch([self.images.pixels[index] for index in indices], indices)
        return self.images.batch([self.images.view(index, self.view) for index in indices], indices)


class Filling:
    """One pass that fills what is lacking.

    Args:
        stages: the frozen stages.
        data: whose images are shown.
        parts: cut → what a row of it consists of.
        stores: cut → where its rows go.
    """

    def __init__(
        self,
        stages: FrozenStages,
        data: SignDataModule,
        parts: Mapping[int, tuple[Part, ...]],
        stores: Mapping[int, FeatureStore],
    ) -> None:
        self.stages, self.data, self.parts, self.stores = stages, data, parts, stores
        self.seconds = dict.fromkeys(parts, 0.0)

    def run(self, lacking: Lacking) -> None:
        """Fill the rows of `lacking`: (cut, view) → sorted indices of images."""
        passes = {
            view: np.unique(np.concatenate([images for (_, v), images in lacking.items() if v == view]))
            for view in sorted({view for _, view in lacking})
        }
        total = sum(len(images) for images in passes.values())
        title = f"frozen stages, {len(passes)} views of {max(len(images) for images in passes.values())} images"
        closed: list[Future[None]] = []
        # The disk takes its time to say that a view is there; the next view is computed meanwhile.
        with progress(title, total) as advance, ThreadPoolExecutor(1) as closing:
            for view, images in passes.items():
                writers = {
                    cut: self.stores[cut].writer(view, self.parts[cut]) for cut, v in sorted(lacking) if v == view
                }
                try:
                    self._fill_view(view, images, lacking, writers, advance)
                finally:  # what is done is done, also for a job that is stopped
                    closed += [closing.submit(writer.close) for writer in writers.values()]
            for writer in closed:
                writer.result()
        for cut, parts in self.parts.items():
            self.stores[cut].describe(parts, self.seconds[cut] / total)
            self.stores[cut].touch()

    def _fill_view(
        self,
        view: int,
        images: np.ndarray,
        lacking: Lacking,
        writers: Mapping[int, ViewWriter],
        advance: Callable[[int], None],
    ) -> None:
        is_lacking = {cut: np.isin(images, lacking[cut, view]) for cut in writers}
        done, mark = 0, time.perf_counter()
        for batch in self._batches(view, images):
            count = min(self.data.settings.batch_size, len(images) - done)
            here = slice(done, done + count)
            for cut, crossing in self.stages.through(batch.images, list(writers)):
                self.seconds[cut] += time.perf_counter() - mark
                chosen = np.flatnonzero(is_lacking[cut][here])
                if len(chosen):
                    rows = torch.from_numpy(chosen).to(crossing[0].device)
                    writers[cut].write(images[here][chosen], [part[rows] for part in crossing])
            done, mark = done + count, time.perf_counter()
            advance(count)

    def _batches(self, view: int, images: np.ndarray) -> Iterable[Batch]:
        """One view of some images in full batches, the last one filled up: its size would change the last bits."""
        settings, accelerator = self.data.settings, self.data.accelerator
        size = settings.batch_size
        order = np.concatenate([images, np.resize(images, -len(images) % size)])
        workers = 0 if view == PLAIN else settings.workers
        return DataLoader(
            OneView(self.data, view),
            batch_sampler=[order[start : start + size].tolist() for start in range(0, len(order), size)],
            num_workers=hardware.loader_workers(accelerator, is_training=False) if workers is None else workers,
            collate_fn=as_it_is,
            worker_init_fn=limit_threads,
            pin_memory=hardware.on_gpu(accelerator),
        )
