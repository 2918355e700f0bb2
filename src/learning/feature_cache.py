"""The feature cache: what leaves the frozen stages is computed once, and the rest is trained from it.

The longest run of frozen stages from the input is a fixed function; the freeze contract (no gradient, batch norm still)
guarantees it. So its features are computed once for a few augmented views of each training image, and for the plain
validation and test images. One pass serves every cut that a schedule, or a whole sweep, asks for.
"""

import hashlib
import time
from pathlib import Path
from typing import Any

import albumentations
import numpy as np
import pytorch_lightning as pl
import timm
import torch
from torch.utils.data import Dataset

from src import hardware
from src.data.datamodule import images_of
from src.data.loading import Batch, CutBatch, Draw, PixelDataset
from src.errors import UserError
from src.learning.classifier import SignClassifier
from src.learning.feature_filling import Filling, FrozenStages
from src.learning.feature_plan import FeaturePlan, FeatureReads
from src.learning.feature_store import PLAIN, FeatureStore, Part, filling, make_room
from src.learning.run_settings import FeatureCacheSettings
from src.learning.sweep_plan import swept_policies
from src.nets.stages import StagedNetwork

# Raise it when the same key would stand for other rows than before.
_VERSION = 2
_PROBE_DRAWS = 8


class FeatureCache(pl.Callback):
    """Fills what the run needs and nobody has filled, and shows it to the network in place of images.

    Attributes:
        epoch: the epoch that validation belongs to; None scores the finished network.
        fill_seconds: what computing features took in this run.
    """

    def __init__(self) -> None:
        self.epoch: int | None = None
        self.fill_seconds = 0.0
        self._plan: FeaturePlan | None = None
        self._stores: dict[int, FeatureStore] = {}

    @property
    def is_used(self) -> bool:
        """Whether any epoch of the run starts from features."""
        return self._plan is not None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Fill, before any weight changes.

        Raises:
            UserError: no room on the disk or in the budget, or a network that cannot be cut.
        """
        if stage != "fit" or not isinstance(pl_module, SignClassifier):
            return
        module, epochs = pl_module, trainer.max_epochs or 1
        plan = FeaturePlan.of(module.freeze_schedule, epochs)
        self._settings: FeatureCacheSettings = module.settings.cache
        if self._settings.mode == "off" or not plan.cut_epochs:
            return
        if module.settings.joints_weight:
            print("The cached prefix is not used: joints are learned from pictures (joints_weight).", flush=True)
            return
        data = images_of(trainer)
        self._data, self._plan, self._epochs = data, plan, epochs
        self._cache_dir = Path(data.settings.cache_dir)
        self._channels_last = module.settings.trainer.channels_last
        limit = module.settings.trainer.limit_batches
        self._reads = FeatureReads(data, limit, trainer.world_size)
        plans = [plan]
        for policy in swept_policies(module.settings):
            try:
                plans.append(FeaturePlan.of(policy.over(module.network.stage_names), epochs))
            except UserError:
                continue  # that job says so itself when its turn comes
        self._fill(trainer, module.network, plans)

    def _fill(self, trainer: pl.Trainer, network: StagedNetwork, plans: list[FeaturePlan]) -> None:
        """Fill what any of `plans`, the first being this run's, reads and lacks."""
        started = time.perf_counter()
        needed = self._reads.of(plans[0])
        wanted: dict[tuple[int, int], np.ndarray] = {}
        for plan in plans:
            for key, images in self._reads.of(plan).items():
                wanted[key] = np.union1d(wanted[key], images) if key in wanted else images
        # Frozen stages and nothing else: batch norm still, no dropout.
        was_training = network.training
        network = trainer.precision_plugin.convert_module(network).to(trainer.strategy.root_device).eval()  # type: ignore[assignment]
        stages = FrozenStages(trainer, network)
        self._stores = self._opened_stores(stages, sorted({cut for cut, _ in wanted}))
        with filling(self._cache_dir):
            lacking = {
                (cut, view): rows
                for (cut, view), images in wanted.items()
                if len(rows := self._stores[cut].lacking(view, images))
            }
            if lacking:
                self._fill_lacking(stages, lacking, {cut for cut in plans[0].cuts if cut})
                self.fill_seconds = time.perf_counter() - started
            for cut in {cut for cut, _ in needed}:
                self._stores[cut].open(view for at, view in needed if at == cut)
        network.train(was_training)

    def _fill_lacking(self, stages: FrozenStages, lacking: dict[tuple[int, int], np.ndarray], own: set[int]) -> None:
        cuts = sorted({cut for cut, _ in lacking})
        size = self._data.settings.image_size_px
        blank = torch.zeros(2, 3, size, size, dtype=torch.uint8)
        parts = {cut: tuple(Part.of(part) for part in crossing) for cut, crossing in stages.through(blank, cuts)}
        bytes_needed = sum(sum(part.row_bytes for part in parts[cut]) * len(rows) for (cut, _), rows in lacking.items())
        kept = [self._stores[cut] for cut in {*cuts, *own}]
        make_room(self._cache_dir, bytes_needed, self._settings.budget_gb * 1e9, kept)
        for cut in cuts:
            self._stores[cut].describe(parts[cut], self._stores[cut].seconds_per_image)
        Filling(stages, self._data, parts, self._stores).run(lacking)

    def _opened_stores(self, stages: FrozenStages, cuts: list[int]) -> dict[int, FeatureStore]:
        """Cut → its store, named by all that its rows depend on."""
        settings, network = self._data.settings, stages.network
        general: dict[str, Any] = {
            "version": [_VERSION, torch.__version__, timm.__version__, albumentations.__version__],
            "images": self._images_digest(),
            "views": self._views_digest(),
            # In float32 the last bits depend on the size of the batch.
            "batch_size": settings.batch_size,
            "precision": str(stages.trainer.precision),
            "channels_last": self._channels_last,
            "device": torch.cuda.get_device_name()
            if hardware.on_gpu(self._data.accelerator)
            else f"cpu {torch.backends.cpu.get_cpu_capability()}",
        }
        probed = {
            cut: _digest_of(*(part.float().cpu().numpy() for part in crossing))
            for cut, crossing in stages.through(_probe(settings.image_size_px), cuts)
        }
        weights = [[stage, network.fingerprint(stage)] for stage in network.stage_names]
        return {
            cut: FeatureStore(
                self._cache_dir,
                {**general, "stages": weights[:cut], "what they do": probed[cut]},
                len(self._data.manifest),
            )
            for cut in cuts
        }

    def _images_digest(self) -> str:
        pixels, every = self._data.pixels, hashlib.sha256()
        files = [f"{file.parent.name}/{file.name}" for file in pixels.files]  # names that say what is in them
        for record, file, row in zip(self._data.manifest, pixels.file_of, pixels.row_of, strict=True):
            every.update(f"{record.name}\0{files[file]}\0{row}\n".encode("utf-8", "surrogateescape"))
        return every.hexdigest()

    def _views_digest(self) -> str:
        """What augmentation makes of a picture under a few seeds: its settings, its code and its library in one."""
        size, augmentation, masks = self._data.settings.image_size_px, self._data.augmentation, self._data.masks
        picture = _probe(size)[0].permute(1, 2, 0).contiguous().numpy()
        mask = None if masks is None else (picture[..., 0] > 127).astype(np.uint8) * 255
        drawn = [augmentation(picture.copy(), seed, mask) for seed in range(_PROBE_DRAWS)]
        seed = self._data.draws.seed_of_view(0, "probe")
        settings = augmentation.key if masks is None else f"{augmentation.key} {masks.key}"
        return _digest_of(*drawn, np.array(seed), np.frombuffer(settings.encode(), np.uint8))

    def inputs(self, part: str, images: PixelDataset) -> Dataset[Batch | CutBatch]:
        """The dataset of a part (`train`, `val`, `test`), starting from features wherever the network is cut."""
        return CutDataset(self, images, is_training=part == "train") if self.is_used else images

    def still_reads_images(self) -> bool:
        """Whether any epoch of training still starts from images."""
        return self._plan is None or len(self._plan.cut_epochs) < self._epochs

    def cut(self, epoch: int, is_training: bool) -> int:
        """Where the network is cut: while it is trained in `epoch`, or while it is scored."""
        assert self._plan is not None
        if is_training:
            return self._plan.cuts[epoch]
        return self._plan.last if self.epoch is None else self._plan.cuts[self.epoch]

    def read(
        self, cut: int, images: np.ndarray, epoch: int | None, again: np.ndarray | int = 0
    ) -> tuple[torch.Tensor, ...]:
        """What leaves the stages before `cut`, for the view that `epoch` shows of each image; None: the plain image."""
        views = np.full(len(images), PLAIN) if epoch is None else self._reads.views(images, epoch, again)
        features = self._stores[cut].read(images, views)
        return features if self._channels_last else tuple(part.contiguous() for part in features)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epoch = trainer.current_epoch

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epoch = None

    def saved_seconds(self, epochs: int) -> float:
        """What the frozen stages would have taken in `epochs` epochs, less what filling took: an estimate.

        Drawing and computing are counted at the rate of the pass that filled the rows.
        """
        if self._plan is None:
            return 0.0
        images = len(self._data.train_sampler()) + len(self._data.split.val)
        plain = sum(self._stores[cut].seconds_per_image * images for cut in self._plan.cuts[:epochs] if cut)
        return plain - self.fill_seconds


class CutDataset(Dataset[Batch | CutBatch]):
    """Batches that start from features in the epochs that cut the network, and from images in the others."""

    def __init__(self, cache: FeatureCache, images: PixelDataset, is_training: bool) -> None:
        self.cache, self.images, self.is_training = cache, images, is_training

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, draws: list[Draw]) -> Batch | CutBatch:
        epoch = draws[0].epoch
        cut = self.cache.cut(epoch, self.is_training)
        if not cut:
            return self.images.__getitems__(draws)
        rows = np.array([draw.index for draw in draws])
        images = self.images.part[rows]
        again = np.array([draw.again for draw in draws])
        features = self.cache.read(cut, images, epoch if self.is_training else None, again)
        return CutBatch(features, cut, torch.from_numpy(self.images.labels[rows]), torch.from_numpy(images))


def _probe(size_px: int) -> torch.Tensor:
    """`(2, 3, size, size) uint8`: noise, the same on every machine; what is made of it names what made it."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 3, size_px, size_px), dtype=np.uint8)
    return torch.from_numpy(noise)


def _digest_of(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
