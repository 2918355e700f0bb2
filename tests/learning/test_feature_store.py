"""Activations on disk: rows come back as they were written, and what a dying job left is never read."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from src.errors import UserError
from src.learning.feature_store import PLAIN, FeatureStore, Part, filling, make_room


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path, {"cut": 1}, images=10)


def rows(images: np.ndarray) -> torch.Tensor:
    """(batch, 2, 3, 3) bfloat16, told apart by image."""
    return (torch.from_numpy(images).float()[:, None, None, None] + torch.arange(18.0).view(2, 3, 3) / 32).bfloat16()


def fill(store: FeatureStore, view: int, images: np.ndarray) -> None:
    parts = [Part.of(rows(images))]
    store.describe(parts, 0.0)
    writer = store.writer(view, parts)
    writer.write(images, [rows(images)])
    writer.close()


def test_rows_come_back_bit_for_bit_in_any_order_and_of_mixed_views(store: FeatureStore) -> None:
    fill(store, 0, np.array([7, 2, 3]))
    fill(store, 1, np.array([5]))
    store.open([0, 1])
    (read,) = store.read(np.array([3, 5, 7]), np.array([0, 1, 0]))
    assert read.dtype == torch.bfloat16
    assert torch.equal(read, rows(np.array([3, 5, 7])))
    assert store.lacking(0, np.arange(10)).tolist() == [0, 1, 4, 5, 6, 8, 9]
    assert store.lacking(PLAIN, np.array([2])).tolist() == [2]


def test_rows_written_by_a_job_that_died_are_filled_again(store: FeatureStore) -> None:
    parts = [Part.of(rows(np.arange(2)))]
    store.describe(parts, 0.0)
    store.writer(0, parts).write(np.arange(2), [rows(np.arange(2))])  # never closed
    assert store.lacking(0, np.arange(10)).tolist() == list(range(10))


@pytest.mark.parametrize("damage", ["cut", "deleted", "nonsense", "undescribed"])
def test_a_damaged_file_is_filled_again_and_never_read(damage: str, store: FeatureStore) -> None:
    fill(store, 0, np.arange(10))
    file = store.folder / "view0.0.npy"
    if damage == "deleted":
        file.unlink()
    elif damage == "undescribed":
        (store.folder / "about.json").unlink()
    else:
        file.write_bytes(file.read_bytes()[:200] if damage == "cut" else b"nonsense")
    assert len(store.lacking(0, np.arange(10))) == 10
    fill(store, 0, np.arange(10))
    store.open([0])
    assert torch.equal(store.read(np.arange(10), np.zeros(10, int))[0], rows(np.arange(10)))


def test_activations_too_large_for_the_budget_are_refused_and_what_this_run_reads_is_kept(tmp_path: Path) -> None:
    stores = [FeatureStore(tmp_path, {"run": number}, images=2000) for number in range(2)]
    for store in stores:
        fill(store, 0, np.arange(2000))
    one = 2000 * 36
    with filling(tmp_path):
        make_room(tmp_path, needed_bytes=one, budget_bytes=2.9 * one, keep=[stores[0]])
    assert [store.folder.exists() for store in stores] == [True, False]
    with pytest.raises(UserError, match=r"raise cache\.budget_gb, lower cache\.views, or use cache=off"):
        make_room(tmp_path, needed_bytes=5 * one, budget_bytes=3 * one, keep=[])


def test_a_reader_keeps_what_it_opened_when_another_job_makes_room(store: FeatureStore) -> None:
    fill(store, 0, np.arange(10))
    store.open([0])
    shutil.rmtree(store.folder)
    assert torch.equal(store.read(np.arange(10), np.zeros(10, int))[0], rows(np.arange(10)))
