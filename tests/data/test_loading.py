"""What a network is shown: the order, the draws and the memory layout."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from src.data.augment import Augmentation, Draws, draw_seed
from src.data.loading import EpochSampler, PixelDataset, as_it_is, limit_threads
from src.data.manifest import Manifest
from src.data.pixels import Pixels
from src.data.settings import AugmentationSettings
from src.errors import UserError
from src.learning.run_settings import compose
from src.sources.records import ImageRecord

COUNT = 48


@pytest.fixture
def dataset(tmp_path: Path) -> PixelDataset:
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    records = [ImageRecord("f", str(index), index % 36, "folder") for index in range(COUNT)]
    maps = Pixels([tmp_path / "pixels.npy"], np.zeros(COUNT, int), np.arange(COUNT), 32)
    strong = Augmentation(compose(["augmentation=strong"]).augmentation)
    return PixelDataset(maps, Manifest(records), np.arange(COUNT), strong, Draws(seed=7))


def epochs(dataset: PixelDataset, workers: int, numbers: list[int]) -> list[torch.Tensor]:
    sampler = EpochSampler(len(dataset), seed=7)
    loader = DataLoader(
        dataset, 8, sampler=sampler, num_workers=workers, collate_fn=as_it_is, worker_init_fn=limit_threads,
        persistent_workers=workers > 0,
    )  # fmt: skip
    shown = []
    for number in numbers:
        sampler.set_epoch(number)
        shown.append(torch.cat([batch.images for batch in loader]))
    return shown


def test_a_draw_belongs_to_seed_epoch_and_image_whatever_the_workers_and_wherever_one_starts(
    dataset: PixelDataset,
) -> None:
    alone = epochs(dataset, workers=0, numbers=[0, 1, 2])
    shared = epochs(dataset, workers=2, numbers=[0, 1, 2])
    resumed = epochs(dataset, workers=1, numbers=[2])
    assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))
    assert torch.equal(resumed[0], alone[2])


def test_no_two_draws_of_an_epoch_or_of_two_epochs_are_the_same(dataset: PixelDataset) -> None:
    # Each image is the same here, so equal pictures could only come from equal draws.
    dataset.pixels = Pixels(dataset.pixels.files, np.zeros(COUNT, int), np.zeros(COUNT, int), 32)
    pictures = torch.cat(epochs(dataset, workers=2, numbers=[0, 1]))
    assert len({picture.numpy().tobytes() for picture in pictures}) == 2 * COUNT


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own(dataset: PixelDataset) -> None:
    sampler = EpochSampler(COUNT, seed=3)
    orders = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        orders.append([draw.index for draw in sampler])
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(COUNT))
    assert orders[0] != orders[1]


def test_ranks_share_an_epoch_without_overlap() -> None:
    ranks = [[draw.index for draw in EpochSampler(COUNT + 1, 3, rank, 2)] for rank in (0, 1)]
    assert len(ranks[0]) == len(ranks[1]) == COUNT // 2
    assert not set(ranks[0]) & set(ranks[1])


def test_batches_are_bytes_stored_channels_last(dataset: PixelDataset) -> None:
    batch = dataset.__getitems__([*EpochSampler(8, 1)])
    assert batch.images.dtype == torch.uint8
    assert batch.images.shape == (8, 3, 32, 32)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.labels.dtype == batch.indices.dtype == torch.int64


def test_a_dataset_sent_to_a_worker_takes_no_pixels_along(dataset: PixelDataset) -> None:
    import pickle

    dataset.picture(next(iter(EpochSampler(1, None))))
    assert len(pickle.dumps(dataset.pixels)) < 5_000


def test_draw_seeds_differ_by_seed_epoch_and_name() -> None:
    assert len({draw_seed(s, e, n) for s in range(3) for e in range(3) for n in ("a", "b")}) == 18


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"Rotat": {}}, "'Rotat' is no image transform"),
        ({"Compose": {}}, "'Compose' is no image transform"),
        ({"HorizontalFlip": {"prob": 1}}, "HorizontalFlip takes no argument 'prob'"),
        ({"RandomGamma": {"gamma_limit": "x"}}, "RandomGamma does not take these arguments"),
        ("HorizontalFlip", "each entry is one name with its arguments"),
    ],
)
def test_a_transform_that_does_not_exist_is_refused_instead_of_silently_left_out(step: object, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Augmentation(AugmentationSettings(transforms=(step,)))
