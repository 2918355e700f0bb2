"""From decoded pixels to batches: the order, the draw and the memory layout of what a network is shown."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from src.data.augment import Augmentation, Draws
from src.data.manifest import Manifest
from src.data.masks import Masks
from src.data.pixels import Pixels


class Draw(NamedTuple):
    """One image in one epoch. The sampler sends the epoch along, so a worker needs no memory of its own.

    Attributes:
        index: of the image.
        epoch: counted from 0.
        again: how often the epoch has shown this image before.
    """

    index: int  # type: ignore[assignment]  # a tuple has a method of that name, which nobody calls here
    epoch: int
    again: int = 0


class Batch(NamedTuple):
    """Images with what they show.

    Attributes:
        images: `(batch, 3, size, size) uint8`, stored channels-last.
        labels: `(batch,) int64` class indices.
        indices: `(batch,) int64` indices into the manifest.
        joints: `(batch, 21, 2) float32` x, y of the hand's joints as shares of the picture, NaN where unknown; None
            where nobody asks.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    joints: Tensor | None = None


class CutBatch(NamedTuple):
    """What left a network's frozen prefix, in place of the images that went in.

    Attributes:
        activations: one tensor `(batch, …)`, or several where branches cross the cut.
        cut: the number of stages that they have been through.
        labels, indices: as in `Batch`.
    """

    activations: tuple[Tensor, ...]
    cut: int
    labels: Tensor
    indices: Tensor


class EpochSampler(Sampler[Draw]):
    """Every image once an epoch, in an order that depends on (seed, epoch) alone; each rank takes every n-th.

    Args:
        count: number of images.
        seed: of the order; None keeps the images in order.
        rank, ranks: this process among those that share an epoch. Training drops the few images that would make the
            ranks uneven; evaluation must not, and runs on one rank's whole set.
    """

    def __init__(self, count: int, seed: int | None, rank: int = 0, ranks: int = 1) -> None:
        self.count, self.seed, self.rank, self.ranks = count, seed, rank, ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count // self.ranks

    def draws(self) -> list[Draw]:
        """All draws of the epoch, those of every rank."""
        order = np.arange(self.count)
        if self.seed is not None:
            order = np.random.default_rng((self.seed, self.epoch, 0x0D3)).permutation(self.count)
        return [Draw(index, self.epoch) for index in order.tolist()]

    def __iter__(self) -> Iterator[Draw]:
        yield from self.draws()[self.rank : len(self) * self.ranks : self.ranks]


class BalancedSampler(EpochSampler):
    """Images by their shares: as often in an epoch as these say, to within one draw, in a shuffled order.

    Systematic sampling (Madow, 1949, doi:10.1214/aoms/1177729988): one random offset decides all counts, so sources,
    people and signs, which lie side by side, get what is theirs in every epoch and not just on average. Which of a
    person's pictures of a sign are shown is drawn anew.

    Args:
        shares: `(images,) float64`, which sum to 1.
        together: `(images,) int64`: images with the same number (of one person and sign) lie side by side.
        count: draws in an epoch.
        seed: of the draws and their order.
        rank, ranks: as in `EpochSampler`.
    """

    def __init__(
        self, shares: np.ndarray, together: np.ndarray, count: int, seed: int, rank: int = 0, ranks: int = 1
    ) -> None:
        super().__init__(count, seed, rank, ranks)
        self.shares, self.together, self.draws_seed = shares, together, seed

    def draws(self) -> list[Draw]:
        rng = np.random.default_rng((self.draws_seed, self.epoch, 0xBA1))
        beside = np.lexsort((rng.random(len(self.shares)), self.together))
        ends = np.cumsum(self.shares[beside]) * (self.count / self.shares.sum())
        ends[-1] = self.count
        times = np.diff(np.floor(ends + rng.random()).astype(np.int64), prepend=0)
        index = np.repeat(beside, times)
        again = np.concatenate([np.arange(n) for n in times]) if len(times) else times
        shuffled = rng.permutation(len(index))
        pairs = zip(index[shuffled].tolist(), again[shuffled].tolist(), strict=True)
        return [Draw(image, self.epoch, before) for image, before in pairs]


class PixelDataset(Dataset[Batch]):
    """Decoded images out of memory-mapped arrays, augmented, a whole batch at a time.

    Args:
        pixels: the decoded images of the whole manifest.
        manifest: what they show, and the names that their draws are tied to.
        part: `(images,) int64` indices into the manifest that this dataset consists of.
        augmentation: the pipeline; None shows the images as they are.
        draws: which draw an image gets in which epoch.
        masks: where the hands of the whole manifest are, for an augmentation that asks.
        with_joints: whether batches tell where the joints are.
    """

    def __init__(
        self,
        pixels: Pixels,
        manifest: Manifest,
        part: np.ndarray,
        augmentation: Augmentation | None,
        draws: Draws,
        masks: Masks | None = None,
        with_joints: bool = False,
    ) -> None:
        self.with_joints = with_joints
        self.pixels, self.augmentation, self.draws, self.masks = pixels.subset(part), augmentation, draws, masks
        self.part = np.asarray(part, dtype=np.int64)
        self.labels = manifest.labels[self.part]
        self.names = [manifest[int(index)].name for index in self.part]

    def __len__(self) -> int:
        return len(self.labels)

    def picture(self, draw: Draw) -> np.ndarray:
        """`(size, size, 3) uint8` of one image as that epoch shows it."""
        return self._drawn(draw.index, self._seed(draw))[0]

    def view(self, index: int, view: int) -> np.ndarray:
        """`(size, size, 3) uint8` of one view of an image."""
        return self._drawn(index, self.draws.seed_of_view(view, self.names[index]))[0]

    def _seed(self, draw: Draw) -> int:
        return self.draws.seed_for(draw.epoch, self.names[draw.index], draw.again)

    def _drawn(self, index: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
        """One image as a seed shows it, and its joints where they are asked for."""
        image = self.pixels[index]
        joints = self.pixels.joints([index])[0] if self.with_joints else None
        if self.augmentation is None:
            return image, joints
        mask = None if self.masks is None else self.masks[int(self.part[index])]
        return self.augmentation.with_joints(np.array(image), seed, mask, joints)

    def __getitem__(self, draw: Draw) -> Batch:
        return self.__getitems__([draw])

    def __getitems__(self, draws: list[Draw]) -> Batch:
        """A batch in one piece, so that no image is copied twice."""
        shown = [self._drawn(draw.index, self._seed(draw)) for draw in draws]
        batch = self.batch([picture for picture, _ in shown], [draw.index for draw in draws])
        if not self.with_joints:
            return batch
        known = [joints for _, joints in shown if joints is not None]
        return batch._replace(joints=torch.from_numpy(np.stack(known)))

    def batch(self, pictures: Sequence[np.ndarray], indices: Sequence[int]) -> Batch:
        """Pictures `(size, size, 3) uint8` of the images at `indices` of this dataset."""
        return Batch(
            # Stored height × width × channels and only viewed the other way round: channels-last without a copy.
            torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2),
            torch.from_numpy(self.labels[indices]),
            torch.from_numpy(self.part[indices]),
        )


def as_it_is(batch: Any) -> Any:
    """The dataset already makes whole batches; nothing is left to collate."""
    return batch


def limit_threads(_: int) -> None:
    """In a loader process: OpenCV must not start its own threads beside those of the trainer."""
    import cv2

    cv2.setNumThreads(0)
