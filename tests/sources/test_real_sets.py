"""The public sets as they are downloaded; run with FINGERSPELL_DATA naming the folder that holds them."""

import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from src.data.collect import collect
from src.data.duplicates import bursts
from src.signs.labels import DIGITS, LETTERS, SIGNS
from src.sources.catalog import source_named
from src.sources.decoding import Decoding
from src.sources.source import Places

DATA = os.environ.get("FINGERSPELL_DATA", "")
# source → images used, of the parts that are small enough to keep beside the code
COUNTS = {
    "sign_digits": 2062,
    "asl_dataset": 2515,
    "asl_alphabet": 3146,
    "gesture_images": 2880,
    "finger_letters": 1610,
    "rooms_free": 7270,
    "rooms_cleared": 5296,
    "rooms_dev": 3140,
}

pytestmark = pytest.mark.skipif(not DATA, reason="FINGERSPELL_DATA does not name a folder with the public sets")


def folder_of(source):
    return source_named(source).part_of or source


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def collect_source(cache_dir):
    def call(source):
        if not (Path(DATA) / folder_of(source)).is_dir():
            pytest.skip(f"{source} is not in {DATA}")
        return collect([source], Places(root=Path(DATA)), Decoding(image_size_px=32), cache_dir)

    return call


@pytest.mark.parametrize("source", COUNTS)
def test_every_image_of_a_real_set_is_used_or_listed(collect_source, source):
    collection = collect_source(source)
    on_disk = sum(len(files) for _, _, files in os.walk(Path(DATA) / folder_of(source)))
    assert collection.found[source] == on_disk
    if on_disk in (2062, 2515, 3509, 2960, 1680, 7270, 3140):
        assert len(collection.manifest) == COUNTS[source]


def test_the_digits_set_has_ten_even_classes_and_its_large_photos_stand_upright(collect_source):
    collection = collect_source("sign_digits")
    assert {SIGNS[label] for label in collection.manifest.labels} == set(DIGITS)
    large = [record for record in collection.manifest if record.width_px > 1000]
    assert {(record.width_px, record.height_px) for record in large} == {(3024, 3024)}
    assert all(finding.kept for finding in collection.findings)


def test_inferred_signers_of_the_digits_set_show_each_digit_about_once(collect_source):
    manifest = collect_source("sign_digits").manifest
    images = Counter(manifest.signers)
    assert 200 <= len(images) <= 218
    assert np.mean([count == 10 for count in images.values()]) > 0.9
    assert max(images.values()) <= 20


def test_asl_dataset_has_36_signs_by_5_signers(collect_source):
    manifest = collect_source("asl_dataset").manifest
    assert len(set(manifest.labels)) == 36
    signers = Counter(manifest.signers)
    assert [signers[f"asl_dataset:hand{number}"] for number in range(1, 6)] == [900, 895, 180, 180, 360]


def test_finger_letters_have_13_signers_and_no_t(collect_source):
    manifest = collect_source("finger_letters").manifest
    assert len(set(manifest.signers)) == 13
    assert {SIGNS[label] for label in manifest.labels} == set(LETTERS) - set("JTZ")


@pytest.mark.parametrize(("source", "people", "signs"), [("rooms_free", 22, 36), ("rooms_cleared", 15, 35)])
def test_rooms_to_train_on_know_their_people(collect_source, source, people, signs):
    manifest = collect_source(source).manifest
    assert len(set(manifest.signers)) == people
    assert len(set(manifest.labels)) == signs
    assert Counter(manifest.signers)[f"{source}:asl_hg_P5P6"] == 700


def test_rooms_to_measure_by_are_14_people_before_their_own_cameras(collect_source):
    manifest = collect_source("rooms_dev").manifest
    assert len(set(manifest.signers)) == 14
    assert len(set(manifest.labels)) == 36
    assert len(set(bursts(manifest))) == len({(record.signer, record.label) for record in manifest})


def test_a_warm_start_is_quick(collect_source):
    collect_source("asl_dataset")
    begun = time.perf_counter()
    collect_source("asl_dataset")
    assert time.perf_counter() - begun < 2  # 0.1 s on an idle machine
