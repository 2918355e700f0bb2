import subprocess
import sys
from pathlib import Path

import pytest

from src.errors import UserError
from src.signs.labels import INDEX_OF
from src.sources.catalog import CATALOG, register, source_named
from src.sources.image_set import ImageSet
from src.sources.layouts.class_folders import ClassFolders
from src.sources.sets.sign_digits import PHOTOS_PER_DIGIT, PUBLISHED_NPY_ORDER, signers_from_order

ROOT = Path(__file__).parents[2]


def test_the_catalog_imports_nothing_heavy():
    code = "import sys, src.sources.catalog; print([m for m in ('numpy', 'PIL', 'cv2', 'torch') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


IMAGE_SETS = [source for source in CATALOG.values() if isinstance(source, ImageSet)]


@pytest.mark.parametrize("dataset", IMAGE_SETS, ids=lambda dataset: dataset.name)
def test_every_label_of_every_set_is_one_of_the_36_signs_or_dropped_with_a_reason(dataset):
    assert set(dataset.labels.values()) <= set(INDEX_OF)
    assert not set(dataset.labels) & set(dataset.dropped)
    assert all(reason for reason in dataset.dropped.values())
    assert all(raw_label == raw_label.casefold() for raw_label in (*dataset.labels, *dataset.dropped))


def test_labels_mean_the_same_sign_in_every_set():
    assert source_named("asl_dataset").sign_of("a") == "A"
    assert source_named("asl_alphabet").sign_of("A") == "A"
    assert source_named("sign_mnist").sign_of("0") == "A"
    assert source_named("sign_mnist").sign_of("10") == "K"
    assert source_named("sign_mnist").sign_of("24") == "Y"
    assert source_named("sign_digits").sign_of("0") == "0"


def test_sign_mnist_has_no_labels_for_j_and_z():
    assert source_named("sign_mnist").sign_of("9") is None
    assert source_named("sign_mnist").sign_of("25") is None


def test_the_t_of_finger_letters_is_no_t():
    finger_letters = source_named("finger_letters")
    assert finger_letters.sign_of("T") is None
    assert "not the ASL T" in finger_letters.dropped["t"]


def test_an_unknown_set_is_answered_with_the_names_there_are():
    with pytest.raises(
        UserError, match=r"asl_datasett.*did you mean 'asl_dataset'.*choose from rendered, sign_digits, asl"
    ):
        source_named("asl_datasett")


def test_names_are_listed_with_rendered_hands_first_and_a_users_folder_last_of_what_is_built_in():
    built_in = ["rendered", "sign_digits", "asl_dataset", "asl_alphabet", "sign_mnist", "gesture_images"]
    rooms = ["rooms_free", "rooms_cleared", "rooms_dev"]
    assert list(CATALOG)[:11] == [*built_in, "finger_letters", *rooms, "folder"]


@pytest.mark.parametrize(
    ("name", "labels", "complaint"),
    [
        ("asl_dataset", {"A": "A"}, r"already is a source 'asl_dataset'"),
        ("My set", {"A": "A"}, "no name for a source"),
        ("my_set", {"thumb": "Å"}, "'thumb' for 'Å', which is not one of the signs"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused_when_it_is_made(name, labels, complaint):
    with pytest.raises(UserError, match=complaint):
        register(ImageSet(name=name, title="Mine", layouts=(ClassFolders(),), labels=labels))
    assert "my_set" not in CATALOG


def test_the_two_column_orders_of_the_digit_arrays_can_be_told_apart():
    published = tuple(PHOTOS_PER_DIGIT[digit] for digit in PUBLISHED_NPY_ORDER)
    assert published == (204, 205, 206, 207, 206, 208, 207, 206, 206, 207)
    assert published != PHOTOS_PER_DIGIT


def test_a_new_signer_starts_where_the_digits_start_again():
    digits = [0, 1, 2, 3, 4, 5, 6, 7, 9, 8, 0, 1, 1, 2, 3, 6, 7, 0]  # a swap, a repeat and a gap within a signer
    signers = signers_from_order({100 + place: digit for place, digit in enumerate(digits)})
    assert list(signers.values()) == ["from_100"] * 10 + ["from_110"] * 7 + ["from_117"]


def test_a_jump_in_the_file_numbers_starts_a_new_signer_even_in_the_middle():
    signers = signers_from_order({1330: 8, 1331: 9, 4039: 5, 4040: 0, 4041: 1})
    assert [*signers.values()] == ["from_1330"] * 2 + ["from_4039"] * 3
