"""The LightningDataModule: sources to manifest, manifest to split, split to loaders."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset

from src import hardware
from src.data.augment import Augmentation, Draws
from src.data.balance import shares
from src.data.collect import NO_HAND, Collection, collect
from src.data.duplicates import find_duplicates
from src.data.hand_crop import finder_for
from src.data.loading import BalancedSampler, Batch, CutBatch, EpochSampler, PixelDataset, as_it_is, limit_threads
from src.data.manifest import Manifest
from src.data.masks import Masks, masks_of
from src.data.pixels import Pixels
from src.data.settings import AugmentationSettings, DatamoduleSettings
from src.data.split import Split, SplitProtocol
from src.errors import UserError
from src.signs.labels import NUM_SIGNS, SIGNS
from src.sources.catalog import refuse_training_on, source_named
from src.sources.decoding import Decoding
from src.sources.records import Finding
from src.sources.source import Places


def places_of(settings: DatamoduleSettings) -> Places:
    """Where the settings say that images are."""
    return Places(
        root=Path(settings.root),
        folder=Path(settings.folder) if settings.folder else None,
        npy_label_order=settings.npy_label_order or None,
        rendered=settings.rendered,
    )


def collected(settings: DatamoduleSettings) -> Collection:
    """What the settings ask for: found, decoded and cached, reduced to the signs that are wanted.

    Raises:
        UserError: see `src.data.collect.collect`, or none of the images shows a wanted sign.
    """
    collection = collect(
        settings.sources,
        places_of(settings),
        _decoding(settings),
        Path(settings.cache_dir),
        settings.irregular,
        settings.unfound,
    )
    wanted = settings.wanted_signs()
    if len(wanted) == NUM_SIGNS:
        return collection
    chosen = [index for index, record in enumerate(collection.manifest) if record.label in wanted]
    if not chosen:
        signs = " ".join(SIGNS[label] for label in wanted)
        raise UserError(f"datamodule.signs={signs} leaves no image of {', '.join(settings.sources)}.")
    return replace(collection, manifest=collection.manifest.subset(chosen), pixels=collection.pixels.subset(chosen))


def _decoding(settings: DatamoduleSettings) -> Decoding:
    decoding = Decoding(image_size_px=settings.image_size_px, fit=settings.fit, max_megapixels=settings.max_megapixels)
    if settings.crop == "none":
        return decoding
    return replace(decoding, crop="hand", crop_margin=settings.crop_margin, finder=finder_for(settings.sources))


@runtime_checkable
class ShowsInputs(Protocol):
    """A callback that shows something else than images to the network, such as what leaves its frozen stages."""

    def inputs(self, part: str, images: PixelDataset) -> Dataset[Batch | CutBatch]:
        """What stands for the images of a part (`train`, `val`, `test`)."""
        ...

    def still_reads_images(self) -> bool:
        """Whether any epoch of training still starts from images."""
        ...


class SignDataModule(pl.LightningDataModule):
    """All images of a run, divided by its protocol.

    Callbacks of its trainer that are `ShowsInputs` are asked what loaders show; nobody changes it from outside.

    Args:
        settings: which images, and how they become batches.
        augmentation: of the images of training.
        protocol: what divides them.
        draws: which random draw an image gets in which epoch, and the seed of the order of training.
        accelerator: `trainer.accelerator`, which decides how many processes load.
        with_joints: whether batches of training tell where the hand's joints are.

    Attributes (after `setup`):
        manifest: every usable image.
        pixels: their pixels; `pixels[i]` belongs to `manifest[i]`.
        findings: files left out or converted.
        groups: `(images,) int64`: duplicates, near-duplicates and bursts share a number; see `src.data.duplicates`.
        split: which image is in which part.
    """

    manifest: Manifest
    pixels: Pixels
    findings: list[Finding]
    groups: np.ndarray
    split: Split

    def __init__(
        self,
        settings: DatamoduleSettings,
        augmentation: AugmentationSettings,
        protocol: SplitProtocol,
        draws: Draws,
        accelerator: str = "auto",
        with_joints: bool = False,
    ) -> None:
        super().__init__()
        self.with_joints = with_joints
        self.settings, self.protocol, self.draws, self.accelerator = settings, protocol, draws, accelerator
        self.augmentation = Augmentation(augmentation)
        self._collection: Collection | None = None

    def prepare_data(self) -> None:
        """Find, decode and compare the images, all of it once for this machine.

        Raises:
            UserError: there are none.
        """
        self._collection = collected(self.settings)
        self._groups(self._collection)

    def setup(self, stage: str = "fit") -> None:
        """Divide the images by the protocol.

        Raises:
            UserError: they do not allow it.
        """
        if hasattr(self, "split"):
            return
        collection = self._collection or collected(self.settings)
        self.manifest, self.pixels, self.findings = collection.manifest, collection.pixels, collection.findings
        self.groups = self._groups(collection)
        split = self.protocol.divide(self.manifest, self.groups)
        self.split = replace(split, notes=(*split.notes, *_unfound_notes(self.findings)))

    def _groups(self, collection: Collection) -> np.ndarray:
        return find_duplicates(collection.manifest, collection.pixels, Path(self.settings.cache_dir)).groups

    @cached_property
    def masks(self) -> Masks | None:
        """Where the hands are, for an augmentation that asks; computed when training first needs it.

        Raises:
            UserError: what the augmentation reads from disk cannot be read, or the cache not be written.
        """
        cache_dir = Path(self.settings.cache_dir)
        self.augmentation.prepare(cache_dir)
        if not self.augmentation.needs_masks:
            return None
        places, decoding = places_of(self.settings), _decoding(self.settings)
        masks = masks_of(self.manifest, self.pixels, places, decoding, cache_dir)
        trained = self.split.train
        if self.trainer and not self.trainer.is_global_zero:
            return masks
        for name in dict.fromkeys(self.manifest.sources[trained]):
            images = trained[self.manifest.sources[trained] == name]
            known = masks.known(images)
            advice = "" if known or self.settings.crop == "hand" else " (datamodule.crop=hand finds them)"
            print(f"Hands that can be set before other rooms: {known} of {len(images)} of {name}{advice}.", flush=True)
        return masks

    def dataset(self, part: str) -> PixelDataset:
        """The images of `train` (augmented), `val` or `test`."""
        if part != "train":
            return PixelDataset(self.pixels, self.manifest, self.split.part(part), None, self.draws)
        masks, augmentation = self.masks, None if self.augmentation.is_identity else self.augmentation
        return PixelDataset(
            self.pixels, self.manifest, self.split.train, augmentation, self.draws, masks, self.with_joints
        )

    def _inputs(self) -> Iterator[ShowsInputs]:
        callbacks = getattr(self.trainer, "callbacks", ())
        yield from (callback for callback in callbacks if isinstance(callback, ShowsInputs))

    def _shown(self, part: str) -> Dataset[Batch | CutBatch]:
        images = self.dataset(part)
        shown: Dataset[Batch | CutBatch] = images
        for callback in self._inputs():
            shown = callback.inputs(part, images)
        return shown

    def train_dataloader(self) -> DataLoader[Batch | CutBatch]:
        """What is trained on, shuffled anew every epoch.

        Raises:
            UserError: the split has images in training or validation that are for measuring only.
        """
        for name in set(self.manifest.sources[np.union1d(self.split.train, self.split.val)]):
            if source_named(name).for_measuring_only:
                refuse_training_on(name)
        rank, ranks = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        dataset, sampler = self._shown("train"), self.train_sampler(rank, ranks)
        workers = self.settings.workers
        if not all(callback.still_reads_images() for callback in self._inputs()):
            workers = 0
        return self._loader(
            dataset,
            sampler,
            workers=hardware.loader_workers(self.accelerator) if workers is None else workers,
            # The batch that an epoch leaves over is dropped, but never the only one: batch norm dislikes tiny batches.
            drop_last=len(sampler) > self.settings.batch_size,
        )

    @cached_property
    def shares(self) -> np.ndarray:
        """`(train,) float64`: the probability of each image of training at each draw of a balanced epoch.

        Raises:
            UserError: `datamodule.weights` name no image, or leave none.
        """
        return shares(self.manifest, self.split.train, self.settings.balance, self.settings.weights or {})

    def train_sampler(self, rank: int = 0, ranks: int = 1) -> EpochSampler:
        """What an epoch of training shows, in which order.

        Raises:
            UserError: see `shares`.
        """
        train, settings = self.split.train, self.settings
        if settings.balance == "none":
            return EpochSampler(len(train), self.draws.seed, rank, ranks)
        columns = [self.manifest.sources[train], self.manifest.signers[train], self.manifest.labels[train]]
        together = np.zeros(len(train), dtype=np.int64)
        for column in columns:
            values = np.unique(column, return_inverse=True)[1]
            together = together * (values.max(initial=0) + 1) + values
        return BalancedSampler(self.shares, together, settings.epoch_images or len(train), self.draws.seed, rank, ranks)

    def val_dataloader(self) -> DataLoader[Batch | CutBatch]:
        return self._in_order("val")

    def test_dataloader(self) -> DataLoader[Batch | CutBatch]:
        return self._in_order("test")

    def _in_order(self, part: str) -> DataLoader[Batch | CutBatch]:
        # Slices of a memory map: a loader process would cost more than it brings.
        sampler = EpochSampler(len(self.split.part(part)), seed=None)
        return self._loader(self._shown(part), sampler, workers=0, drop_last=False)

    def _loader(
        self, dataset: Dataset[Batch | CutBatch], sampler: EpochSampler, workers: int, drop_last: bool
    ) -> DataLoader[Batch | CutBatch]:
        return DataLoader(
            dataset,
            batch_size=self.settings.batch_size,
            sampler=sampler,
            num_workers=workers,
            drop_last=drop_last,
            collate_fn=as_it_is,
            worker_init_fn=limit_threads,
            persistent_workers=workers > 0,
            prefetch_factor=4 if workers > 0 else None,
            pin_memory=hardware.on_gpu(self.accelerator),
        )


def _unfound_notes(findings: Iterable[Finding]) -> list[str]:
    """What a reader of the figures must know of the images that no hand was found in."""
    counts = Counter(finding.source for finding in findings if finding.reason == NO_HAND)
    if not counts:
        return []
    named = " and ".join(f"{count} of {source}" for source, count in counts.items())
    return [
        f"Images in which no hand was found are left out and count in no figure: {named} "
        "(datamodule.unfound=whole uses them)."
    ]


def images_of(trainer: pl.Trainer) -> SignDataModule:
    """The datamodule of a trainer, which must be one of this project.

    Raises:
        TypeError: it has none, or another one.
    """
    data = getattr(trainer, "datamodule", None)
    if not isinstance(data, SignDataModule):
        raise TypeError(f"{type(data).__name__} is no SignDataModule.")
    return data
