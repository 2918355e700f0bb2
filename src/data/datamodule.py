"""The LightningDataModule: sources to manifest, manifest to split, split to loaders."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from torch.utils.data import DataLoader, Dataset

from src import hardware
from src.data.augment import Augmentation, Draws
from src.data.collect import Collection, collect
from src.data.duplicates import find_duplicates
from src.data.loading import Batch, CutBatch, EpochSampler, PixelDataset, as_it_is, limit_threads
from src.data.manifest import Manifest
from src.data.pixel_cache import Pixels
from src.data.split import Split, split_manifest
from src.errors import UserError
from src.settings.config import signs_of
from src.signs.labels import NUM_SIGNS, SIGNS
from src.sources.decoding import Decoding
from src.sources.records import Finding
from src.sources.rendered import RenderedHands
from src.sources.source import Places

Inputs = Callable[[str, PixelDataset], Dataset[Batch | CutBatch]]


def collected(cfg: DictConfig) -> Collection:
    """What the `datamodule` section of a config asks for: found, decoded and cached.

    Raises:
        UserError: see `src.data.collect.collect`.
    """
    places = Places(
        root=Path(cfg.root),
        folder=Path(cfg.folder) if cfg.folder else None,
        npy_label_order=tuple(cfg.npy_label_order) if cfg.npy_label_order else None,
        rendered=RenderedHands(images=cfg.rendered.images, signers=cfg.rendered.signers, seed=cfg.rendered.seed),
    )
    decoding = Decoding(image_size_px=cfg.image_size_px, fit=cfg.fit, max_megapixels=cfg.max_megapixels)
    return collect(list(cfg.sources), places, decoding, Path(cfg.cache_dir), cfg.irregular)


def chosen_signs(collection: Collection, cfg: DictConfig) -> Collection:
    """The images of `datamodule.signs`.

    Raises:
        UserError: there are none.
    """
    wanted = signs_of(cfg)
    if len(wanted) == NUM_SIGNS:
        return collection
    chosen = [i for i, record in enumerate(collection.manifest) if record.label in wanted]
    if not chosen:
        signs = " ".join(SIGNS[label] for label in wanted)
        raise UserError(f"datamodule.signs={signs} leaves no image of {', '.join(cfg.sources)}.")
    return replace(collection, manifest=collection.manifest.subset(chosen), pixels=collection.pixels.subset(chosen))


class SignDataModule(pl.LightningDataModule):
    """All images of a run, divided by its protocol.

    Attributes (after `prepare`):
        manifest: every usable image.
        findings: files left out or converted.
        groups: (images,) int64: duplicates, near-duplicates and bursts share a number; see `src.data.duplicates`.
        split: which image is in which part.
        draws: which random draw an image gets in which epoch.
        inputs: what loaders show in place of the images of a part, or None.
        reads_images: whether any epoch of training still starts from images.
    """

    manifest: Manifest
    findings: list[Finding]
    groups: np.ndarray
    split: Split
    pixels: Pixels

    def __init__(self, cfg: DictConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.augmentation = Augmentation(OmegaConf.to_container(cfg.augmentation.transforms))
        self.draws = Draws(cfg.seed)
        self.inputs: Inputs | None = None
        self.reads_images = True

    def prepare(self) -> None:
        """Find, decode and divide; called once before the loaders are asked for.

        Raises:
            UserError: no images, or a split that they do not allow.
        """
        collection = chosen_signs(collected(self.cfg.datamodule), self.cfg.datamodule)
        self.findings = collection.findings
        self.manifest, self.pixels = collection.manifest, collection.pixels
        self.groups = find_duplicates(self.manifest, self.pixels, Path(self.cfg.datamodule.cache_dir)).groups
        self.split = split_manifest(self.manifest, self.cfg.split, self.groups)

    def dataset(self, part: str) -> PixelDataset:
        """The images of `train` (augmented), `val` or `test`."""
        augmentation = self.augmentation if part == "train" and not self.augmentation.is_identity else None
        return PixelDataset(self.pixels, self.manifest, self.split.part(part), augmentation, self.draws)

    def _shown(self, part: str) -> Dataset[Batch | CutBatch]:
        images = self.dataset(part)
        return images if self.inputs is None else self.inputs(part, images)

    def train_dataloader(self) -> DataLoader[Batch | CutBatch]:
        rank, ranks = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        dataset = self._shown("train")
        # The batch that an epoch leaves over is dropped, but never the only one: batch norm dislikes tiny batches.
        per_rank = len(dataset) // ranks
        workers = self.cfg.datamodule.workers if self.reads_images else 0
        return self._loader(
            dataset,
            EpochSampler(len(dataset), self.cfg.seed, rank, ranks),
            workers=hardware.loader_workers(self.cfg.trainer.accelerator) if workers is None else workers,
            drop_last=per_rank > self.cfg.datamodule.batch_size,
        )

    def val_dataloader(self) -> DataLoader[Batch | CutBatch]:
        return self._in_order("val")

    def test_dataloader(self) -> DataLoader[Batch | CutBatch]:
        return self._in_order("test")

    def _in_order(self, part: str) -> DataLoader[Batch | CutBatch]:
        dataset = self._shown(part)
        # Slices of a memory map: a loader process would cost more than it brings.
        return self._loader(dataset, EpochSampler(len(dataset), seed=None), workers=0, drop_last=False)

    def _loader(
        self, dataset: Dataset[Batch | CutBatch], sampler: EpochSampler, workers: int, drop_last: bool
    ) -> DataLoader[Batch | CutBatch]:
        return DataLoader(
            dataset,
            batch_size=self.cfg.datamodule.batch_size,
            sampler=sampler,
            num_workers=workers,
            drop_last=drop_last,
            collate_fn=as_it_is,
            worker_init_fn=limit_threads,
            persistent_workers=workers > 0,
            prefetch_factor=4 if workers > 0 else None,
            pin_memory=hardware.on_gpu(self.cfg.trainer.accelerator),
        )
