"""The cached prefix: what leaves the frozen stages is computed once, and the rest is trained from it.

The longest run of frozen stages from the input is a fixed function; the freeze contract (no gradient, batch norm still)
guarantees it. So its activations are computed once for a few augmented views of each training image, and for the plain
validation and test images. One pass serves every cut that a schedule, or a whole sweep, asks for.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import albumentations
import numpy as np
import pytorch_lightning as pl
import timm
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from src import hardware
from src.data.datamodule import SignDataModule
from src.data.loading import Batch, CutBatch, Draw, EpochSampler, PixelDataset, as_it_is, limit_threads
from src.errors import UserError
from src.learning.feature_store import PLAIN, Part, Shelf, ViewWriter, filling, make_room
from src.learning.freezing import FreezePolicy
from src.nets.stages import StagedNetwork
from src.terminal import progress

# Raise it whenever the same settings would keep other numbers than before; changed code below does it by itself.
VERSION = 1
_SOURCE = Path(__file__).parent.parent
_CODE = ("nets/*.py", "data/augment.py", "data/loading.py")
_NO_ARCHITECTURE = ("weights", "dropout", "lr", "layer_decay")


@dataclass(frozen=True)
class PrefixPlan:
    """For each epoch, after how many stages its network can be cut.

    Attributes:
        cuts: by epoch, stages from the input that are frozen and were never trained before; 0 is no cut.
        last: stages that no epoch trains: where the finished network can be cut.
    """

    cuts: tuple[int, ...]
    last: int

    @classmethod
    def of(cls, policy: FreezePolicy, epochs: int) -> "PrefixPlan":
        """The plan of a freeze policy over `epochs` epochs."""
        cuts: list[int] = []
        for epoch in range(epochs):
            cuts.append(min([policy.frozen_prefix(epoch), *cuts[-1:]]))  # a stage once trained is no fixed function
        return cls(tuple(cuts), min(cuts))

    @property
    def cut_epochs(self) -> frozenset[int]:
        """The epochs that start from activations."""
        return frozenset(epoch for epoch, cut in enumerate(self.cuts) if cut)


class CachedPrefix:
    """The activations that one run trains from, and the datasets that show them.

    Args:
        cfg: the run's config.
        network: with its first weights; its frozen stages are what is computed.
        plan: where each epoch cuts it.
        data: prepared, its draws already those of the run.
        precision: Lightning's name of the number format.
        ranks: processes that share an epoch.

    Attributes:
        epoch: the epoch that validation belongs to; None scores the finished network.
        fill_seconds: what computing activations took in this run.
    """

    def __init__(
        self,
        cfg: DictConfig,
        network: StagedNetwork,
        plan: PrefixPlan,
        data: SignDataModule,
        precision: str,
        ranks: int = 1,
    ) -> None:
        self.cfg, self.network, self.plan, self.data, self.ranks = cfg, network, plan, data, ranks
        self.cache_dir = Path(cfg.datamodule.cache_dir)
        self.epoch: int | None = None
        self.fill_seconds = 0.0
        self._depends_on = self._all_but_the_cut(precision)
        self._shelves: dict[int, Shelf] = {}

    def _all_but_the_cut(self, precision: str) -> dict[str, Any]:
        cfg = self.cfg
        code = hashlib.sha256()
        for file in sorted(file for pattern in _CODE for file in _SOURCE.glob(pattern)):
            code.update(file.read_bytes())
        on_gpu = hardware.on_gpu(cfg.trainer.accelerator)
        return {
            "version": [VERSION, torch.__version__, timm.__version__, albumentations.__version__, code.hexdigest()],
            "model": {str(key): value for key, value in cfg.model.items() if key not in _NO_ARCHITECTURE}
            if cfg.model.family != "cnn"
            else OmegaConf.to_container(OmegaConf.masked_copy(cfg.model, ["family", "filters", "batch_norm"])),
            "images": self._images_digest(),
            "image_size_px": cfg.datamodule.image_size_px,
            "augmentation": OmegaConf.to_container(cfg.augmentation.transforms),
            "views_seed": cfg.cache.seed,
            # In float32 the last bits depend on the size of the batch.
            "batch_size": cfg.datamodule.batch_size,
            "precision": precision,
            "channels_last": cfg.trainer.channels_last,
            "device": torch.cuda.get_device_name() if on_gpu else f"cpu {torch.backends.cpu.get_cpu_capability()}",
        }

    def _images_digest(self) -> str:
        pixels, every = self.data.pixels, hashlib.sha256()
        files = [f"{file.parent.name}/{file.name}" for file in pixels.files]  # names that say what is in them
        for record, file, row in zip(self.data.manifest, pixels.file_of, pixels.row_of, strict=True):
            every.update(f"{record.name}\0{files[file]}\0{row}\n".encode("utf-8", "surrogateescape"))
        return every.hexdigest()

    def shelf(self, cut: int) -> Shelf:
        """Where the activations of a cut are kept."""
        if cut not in self._shelves:
            stages = [[stage, self.network.fingerprint(stage)] for stage in self.network.stage_names[:cut]]
            about = {**self._depends_on, "stages": stages}
            self._shelves[cut] = Shelf(self.cache_dir, about, len(self.data.manifest))
        return self._shelves[cut]

    def prepare(self, trainer: pl.Trainer, swept: Iterable[DictConfig] = ()) -> None:
        """Fill what this run needs and nobody has filled, and what the other jobs of its sweep will need beside it.

        Args:
            trainer: whose device and number format are used.
            swept: `freeze` sections of the other jobs.

        Raises:
            UserError: no room on the disk or in the budget, or a network that cannot be cut.
        """
        needed = self._needed(self.plan)
        wanted = dict(needed)
        for freeze in swept:
            try:
                policy = FreezePolicy(freeze, self.network.stage_names)
            except UserError:
                continue  # that job says so itself when its turn comes
            for place, images in self._needed(PrefixPlan.of(policy, self.cfg.trainer.max_epochs)).items():
                wanted[place] = np.union1d(wanted[place], images) if place in wanted else images
        started = time.perf_counter()
        with filling(self.cache_dir):
            lacking = {
                (cut, view): rows
                for (cut, view), images in wanted.items()
                if len(rows := self.shelf(cut).lacking(view, images))
            }
            if lacking:
                self._fill(trainer, lacking)
                self.fill_seconds = time.perf_counter() - started
            for cut in {cut for cut, _ in needed}:
                self.shelf(cut).open(view for at, view in needed if at == cut)

    def _needed(self, plan: PrefixPlan) -> dict[tuple[int, int], np.ndarray]:
        """(cut, view) → sorted places of the images whose rows a run with this plan reads."""
        split, wanted = self.data.split, {}

        def want(cut: int, view: int, images: np.ndarray) -> None:
            if cut and len(images):
                wanted[cut, view] = np.union1d(wanted.get((cut, view), np.empty(0, np.int64)), images)

        for epoch, cut in enumerate(plan.cuts):
            if not cut:
                continue
            images = self._shown_in(epoch)
            views = self.views(images, epoch)
            for view in np.unique(views):
                want(cut, int(view), images[views == view])
        batches = self.cfg.trainer.limit_batches
        first = slice(None) if batches is None else slice(batches * self.cfg.datamodule.batch_size)
        for cut in {*plan.cuts, plan.last}:
            want(cut, PLAIN, split.val[first])
        want(plan.last, PLAIN, split.test[first])
        return wanted

    def _shown_in(self, epoch: int) -> np.ndarray:
        train, batches = self.data.split.train, self.cfg.trainer.limit_batches
        if batches is None:
            return train
        sampler = EpochSampler(len(train), self.cfg.seed)
        sampler.set_epoch(epoch)
        first = batches * self.cfg.datamodule.batch_size * self.ranks
        return np.sort(train[[draw.index for draw in sampler][:first]])

    @cached_property
    def _first_views(self) -> np.ndarray:
        return np.array([self.data.draws.view(0, record.name) for record in self.data.manifest], dtype=np.int64)

    def views(self, images: np.ndarray, epoch: int) -> np.ndarray:
        """The view that an epoch shows of each of some images; `PLAIN` where nothing is augmented."""
        if self.data.augmentation.is_identity:
            return np.full(len(images), PLAIN, dtype=np.int64)
        return (self._first_views[images] + epoch) % self.data.draws.views

    def _fill(self, trainer: pl.Trainer, lacking: dict[tuple[int, int], np.ndarray]) -> None:
        device = trainer.strategy.root_device
        network = trainer.precision_plugin.convert_module(self.network).to(device)
        # Frozen stages and nothing else: batch norm still, no dropout.
        was_training = network.training
        network.eval()
        cuts = sorted({cut for cut, _ in lacking})
        parts = self._parts(trainer, network, cuts)
        bytes_needed = sum(
            sum(part.row_bytes for part in parts[cut]) * len(images) for (cut, _), images in lacking.items()
        )
        shelves = [self.shelf(cut) for cut in {*cuts, *(cut for cut in self.plan.cuts if cut)}]
        make_room(self.cache_dir, bytes_needed, self.cfg.cache.budget_gb * 1e9, shelves)
        for cut in cuts:
            self.shelf(cut).describe(parts[cut], self.shelf(cut).seconds_per_image)
        passes = {
            view: np.unique(np.concatenate([images for (_, v), images in lacking.items() if v == view]))
            for view in sorted({view for _, view in lacking})
        }
        total = sum(len(images) for images in passes.values())
        seconds = dict.fromkeys(cuts, 0.0)
        title = f"frozen stages, {len(passes)} views of {max(len(images) for images in passes.values())} images"
        closed: list[Future[None]] = []
        # The disk takes its time to say that a view is there; the next view is computed meanwhile.
        with progress(title, total) as advance, ThreadPoolExecutor(1) as closing:
            for view, images in passes.items():
                writers = {cut: self.shelf(cut).writer(view, parts[cut]) for cut, v in sorted(lacking) if v == view}
                try:
                    self._fill_view(trainer, network, view, images, lacking, writers, seconds, advance)
                finally:  # what is done is done, also for a job that is stopped
                    closed += [closing.submit(writer.close) for writer in writers.values()]
            for writer in closed:
                writer.result()
        for cut in cuts:
            self.shelf(cut).describe(parts[cut], seconds[cut] / total)
            self.shelf(cut).touch()
        network.train(was_training)

    def _parts(self, trainer: pl.Trainer, network: StagedNetwork, cuts: Sequence[int]) -> dict[int, tuple[Part, ...]]:
        """What crosses each cut, found out with two blank images."""
        size = self.cfg.datamodule.image_size_px
        blank = torch.zeros(2, 3, size, size, dtype=torch.uint8)
        return {
            cut: tuple(Part.of(part) for part in crossing)
            for cut, crossing in self._through(trainer, network, blank, cuts)
        }

    def _through(
        self, trainer: pl.Trainer, network: StagedNetwork, images: Tensor, cuts: Sequence[int]
    ) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
        images = images.to(trainer.strategy.root_device, non_blocking=True)
        with torch.inference_mode(), trainer.precision_plugin.forward_context():
            yield from network.prefix(images, cuts)

    def _fill_view(
        self,
        trainer: pl.Trainer,
        network: StagedNetwork,
        view: int,
        images: np.ndarray,
        lacking: dict[tuple[int, int], np.ndarray],
        writers: dict[int, ViewWriter],
        seconds: dict[int, float],
        advance: Any,
    ) -> None:
        # Whether a row is lacking, by cut and place in the manifest.
        is_lacking = {cut: np.isin(images, lacking[cut, view]) for cut in writers}
        done, mark = 0, time.perf_counter()
        for batch in self._batches(view, images):
            count = min(self.cfg.datamodule.batch_size, len(images) - done)
            here = slice(done, done + count)
            for cut, crossing in self._through(trainer, network, batch.images, list(writers)):
                seconds[cut] += time.perf_counter() - mark
                chosen = np.flatnonzero(is_lacking[cut][here])
                if len(chosen):
                    rows = torch.from_numpy(chosen).to(crossing[0].device)
                    writers[cut].write(images[here][chosen], [part[rows] for part in crossing])
            done, mark = done + count, time.perf_counter()
            advance(count)

    def _batches(self, view: int, images: np.ndarray) -> Iterable[Batch]:
        """One view of some images in full batches, the last one filled up: its size would change the last bits."""
        size = self.cfg.datamodule.batch_size
        order = np.concatenate([images, np.resize(images, -len(images) % size)])
        workers = 0 if view == PLAIN else self.cfg.datamodule.workers
        accelerator = self.cfg.trainer.accelerator
        return DataLoader(
            _OneView(self.data, view),
            batch_sampler=[order[start : start + size].tolist() for start in range(0, len(order), size)],
            num_workers=hardware.loader_workers(accelerator, is_training=False) if workers is None else workers,
            collate_fn=as_it_is,
            worker_init_fn=limit_threads,
            pin_memory=hardware.on_gpu(accelerator),
        )

    def inputs(self, part: str, images: PixelDataset) -> Dataset[Batch | CutBatch]:
        """The dataset of a part (`train`, `val`, `test`), starting from activations wherever the network is cut."""
        return CutDataset(self, images, is_training=part == "train")

    def cut_for_scoring(self) -> int:
        """Where the network is cut while it is scored."""
        return self.plan.last if self.epoch is None else self.plan.cuts[self.epoch]

    def saved_seconds(self, epochs: int) -> float:
        """What the frozen stages would have taken in `epochs` epochs, less what filling took: an estimate.

        Drawing and computing are counted at the rate of the pass that filled the rows.
        """
        images = len(self.data.split.train) + len(self.data.split.val)
        plain = sum(self.shelf(cut).seconds_per_image * images for cut in self.plan.cuts[:epochs] if cut)
        return plain - self.fill_seconds


class _OneView(Dataset[Batch]):
    """One view of the images of a manifest, by their places in it."""

    def __init__(self, data: SignDataModule, view: int) -> None:
        self.view = view
        augmentation = None if view == PLAIN else data.augmentation
        every = np.arange(len(data.manifest), dtype=np.int64)
        self.images = PixelDataset(data.pixels, data.manifest, every, augmentation, data.draws)

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, places: list[int]) -> Batch:
        if self.view == PLAIN:
            return self.images.batch([self.images.pixels[place] for place in places], places)
        return self.images.batch([self.images.view(place, self.view) for place in places], places)


class CutDataset(Dataset[Batch | CutBatch]):
    """Batches that start from activations in the epochs that cut the network, and from images in the others."""

    def __init__(self, prefix: CachedPrefix, images: PixelDataset, is_training: bool) -> None:
        self.prefix, self.images, self.is_training = prefix, images, is_training
        self.channels_last = bool(prefix.cfg.trainer.channels_last)

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, draws: list[Draw]) -> Batch | CutBatch:
        epoch = draws[0].epoch
        cut = self.prefix.plan.cuts[epoch] if self.is_training else self.prefix.cut_for_scoring()
        if not cut:
            return self.images.__getitems__(draws)
        places = np.array([draw.index for draw in draws])
        images = self.images.part[places]
        views = self.prefix.views(images, epoch) if self.is_training else np.full(len(images), PLAIN)
        activations = self.prefix.shelf(cut).read(images, views)
        if not self.channels_last:
            activations = tuple(part.contiguous() for part in activations)
        return CutBatch(activations, cut, torch.from_numpy(self.images.labels[places]), torch.from_numpy(images))


class FollowsEpochs(pl.Callback):
    """Tells the cached prefix which epoch validation belongs to."""

    def __init__(self, prefix: CachedPrefix) -> None:
        self.prefix = prefix

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.prefix.epoch = trainer.current_epoch

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.prefix.epoch = None
