import os
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.signs.labels import SIGNS
from src.sources.catalog import source_named
from src.sources.image_set import ImageSet
from src.sources.layouts.class_folders import SignerFolders
from src.sources.layouts.labelled_files import LabelledFiles
from src.sources.records import NO_FRAME
from src.sources.sets.sign_digits import PHOTOS_PER_DIGIT, PUBLISHED_NPY_ORDER
from src.sources.source import Places


def discover(source, root, **places):
    return source_named(source).find(Places(root=root, **{"download": None} | places))


def found(discovery):
    return {record.key: SIGNS[record.label] for record in discovery.records}


def reasons(discovery):
    return Counter(finding.reason for finding in discovery.findings)


# --- each set's layouts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [
        "sign_digits/Dataset",
        "sign_digits",
        "sign_digits/Sign-Language-Digits-Dataset-master/Dataset",
        "Sign-Language-Digits-Dataset/Dataset",
        "sign-language-digits-dataset/Sign-language-digits-dataset",
    ],
)
def test_keys_are_the_same_in_every_nesting(tmp_path, class_folders, start):
    class_folders(tmp_path / start, "09", name="IMG_{label}{number}.JPG")
    assert found(discover("sign_digits", tmp_path)) == {"0/IMG_01.JPG": "0", "9/IMG_91.JPG": "9"}


def test_signers_of_the_digits_set_follow_from_the_cameras_file_numbers(tmp_path, write_image):
    for number, digit in enumerate([0, 1, 5, 9, 0, 1, 9], start=1118):
        write_image(tmp_path / "sign_digits" / "Dataset" / str(digit) / f"IMG_{number}.JPG")
    records = sorted(discover("sign_digits", tmp_path).records, key=lambda record: record.frame)
    assert [record.signer for record in records] == ["from_1118"] * 4 + ["from_1122"] * 3
    assert [record.frame for record in records] == list(range(1118, 1125))


def test_signer_and_frame_of_asl_dataset_come_from_the_file_name(tmp_path, write_image):
    folder = tmp_path / "asl_dataset" / "asl_dataset" / "a"
    for name in ("hand1_a_bot_seg_1", "hand1_a_bot_seg_2", "hand1_a_top_seg_1", "hand5_a_dif_seg_3"):
        write_image(folder / f"{name}_cropped.jpeg")
    records = discover("asl_dataset", tmp_path).records
    assert [record.signer for record in records] == ["hand1", "hand1", "hand1", "hand5"]
    bottom_1, bottom_2, top_1, _ = [record.frame for record in records]
    assert bottom_2 - bottom_1 == 1
    assert top_1 - bottom_2 > 100  # another light is another burst


def test_a_label_in_the_file_name_that_contradicts_the_folder_is_listed(tmp_path, write_image):
    write_image(tmp_path / "asl_dataset" / "4" / "hand1_5_bot_seg_1_cropped.jpeg")
    discovery = discover("asl_dataset", tmp_path)
    assert found(discovery) == {"4/hand1_5_bot_seg_1_cropped.jpeg": "4"}
    (finding,) = discovery.findings
    assert finding.kept
    assert finding.reason == "file name says '5', folder says '4': the folder's label is used"


def test_asl_alphabet_is_read_from_its_train_folders_and_its_test_file_names(tmp_path, class_folders, write_image):
    home = tmp_path / "asl_alphabet"
    class_folders(home / "asl_alphabet_train" / "asl_alphabet_train", ["A", "B", "del", "nothing", "space"], count=2)
    for name in ("A_test.jpg", "Z_test.jpg", "nothing_test.jpg", "del130.jpg"):
        write_image(home / "asl_alphabet_test" / "asl_alphabet_test" / name)
    discovery = discover("asl_alphabet", tmp_path)
    assert found(discovery) == {
        "A/A1.jpg": "A",
        "A/A2.jpg": "A",
        "A_test.jpg": "A",
        "B/B1.jpg": "B",
        "B/B2.jpg": "B",
        "Z_test.jpg": "Z",
    }
    assert {record.signer for record in discovery.records} == {"1"}
    assert [record.frame for record in discovery.records] == [1, 2, NO_FRAME, 1, 2, NO_FRAME]
    assert sorted(reasons(discovery).values()) == [2, 3, 3]
    assert not any(finding.kept for finding in discovery.findings)


def test_asl_alphabet_is_found_where_its_two_folders_lie_in_the_root(tmp_path, class_folders, write_image):
    class_folders(tmp_path / "asl_alphabet_train", "C")
    write_image(tmp_path / "asl_alphabet_test" / "C_test.jpg")
    assert found(discover("asl_alphabet", tmp_path)) == {"C/C1.jpg": "C", "C_test.jpg": "C"}


def test_gesture_images_come_without_the_space(tmp_path, class_folders):
    class_folders(tmp_path / "gesture_images" / "Gesture Image Data", "0Z_", count=2, name="{number}.jpg")
    discovery = discover("gesture_images", tmp_path)
    assert found(discovery) == {"0/1.jpg": "0", "0/2.jpg": "0", "Z/1.jpg": "Z", "Z/2.jpg": "Z"}
    assert [record.frame for record in discovery.records] == [1, 2, 1, 2]
    assert {record.signer for record in discovery.records} == {"1"}
    assert reasons(discovery) == {"'_' stands for a space, not one of the 36 signs": 2}


def test_finger_letters_know_their_signers_and_drop_t(tmp_path, class_folders):
    for signer in ("signer_3a", "signer_10"):
        class_folders(tmp_path / "finger_letters" / signer, "AT", count=2)
    discovery = discover("finger_letters", tmp_path)
    assert [(r.key, r.signer, r.frame) for r in discovery.records] == [
        ("signer_10/A/A1.jpg", "10", 1),
        ("signer_10/A/A2.jpg", "10", 2),
        ("signer_3a/A/A1.jpg", "3a", 1),
        ("signer_3a/A/A2.jpg", "3a", 2),
    ]
    assert reasons(discovery) == {"'T' here is not the ASL T (index sideways, thumb up)": 4}


def test_a_single_signers_keys_name_the_signer_too(tmp_path, class_folders):
    class_folders(tmp_path / "finger_letters" / "signer_7", "A")
    assert [record.key for record in discover("finger_letters", tmp_path).records] == ["signer_7/A/A1.jpg"]


def test_signer_folders_name_the_signers_of_any_set(tmp_path, class_folders):
    class_folders(tmp_path / "shots" / "ana", "AB", name="{number}.png")
    class_folders(tmp_path / "shots" / "ben", "A", name="{number}.png")
    records = ImageSet(name="shots", title="Shots", layouts=(SignerFolders(),)).find(Places(root=tmp_path)).records
    assert [(r.key, r.signer) for r in records] == [
        ("ana/A/1.png", "ana"),
        ("ana/B/1.png", "ana"),
        ("ben/A/1.png", "ben"),
    ]


def test_file_names_tell_label_signer_and_frame_of_any_set(tmp_path, write_image):
    write_image(tmp_path / "shots" / "ana_a_12.png")
    pattern = re.compile(r".*/(?P<signer>[a-z]+)_(?P<label>\w)_(?P<frame>\d+)\.png")
    (record,) = (
        ImageSet(name="shots", title="Shots", layouts=(LabelledFiles(pattern),)).find(Places(root=tmp_path)).records
    )
    assert (SIGNS[record.label], record.signer, record.frame) == ("A", "ana", 12)


def write_mnist(path, lines, side=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = "label," + ",".join(f"pixel{number}" for number in range(1, side * side + 1))
    path.write_text("\n".join([header, *lines]) + "\n")


def test_sign_mnist_is_read_from_both_of_its_csv_files(tmp_path):
    write_mnist(tmp_path / "sign_mnist" / "sign_mnist_train" / "sign_mnist_train.csv", ["0,1,2,3,4", "24,0,0,0,255"])
    write_mnist(tmp_path / "sign_mnist" / "sign_mnist_test.csv", ["10,9,9,9,9", "9,0,0,0,0"])
    discovery = discover("sign_mnist", tmp_path)
    assert found(discovery) == {
        "sign_mnist_test.csv#0": "K",
        "sign_mnist_train.csv#0": "A",
        "sign_mnist_train.csv#1": "Y",
    }
    (finding,) = discovery.findings
    assert finding.file.endswith("sign_mnist_test.csv#1")
    assert finding.reason == "label '9' is not one of the set's classes"


def test_a_repeated_csv_file_counts_once(tmp_path):
    for folder in ("sign_mnist", "sign_mnist/sign_mnist_train"):
        write_mnist(tmp_path / folder / "sign_mnist_train.csv", ["0,1,2,3,4"])
    discovery = discover("sign_mnist", tmp_path)
    assert len(discovery.records) == 1
    assert reasons(discovery) == {"second copy of a file of the set": 1}


def test_a_csv_file_of_something_else_is_refused_by_name(tmp_path):
    (tmp_path / "sign_mnist").mkdir()
    (tmp_path / "sign_mnist" / "prices.csv").write_text("day,price\n1,2\n")
    with pytest.raises(UserError, match=r"prices\.csv does not start with the header label,pixel1"):
        discover("sign_mnist", tmp_path)


# --- X.npy and Y.npy ------------------------------------------------------------------------------------------------


def write_arrays(folder, order, counts=PHOTOS_PER_DIGIT, one_hot=True):
    """Arrays as published, sorted by column; pixel (0, 0) of a row says which digit it shows."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = np.repeat(np.arange(10), [counts[digit] for digit in order])
    images = np.zeros((len(columns), 2, 2), np.float32)
    images[:, 0, 0] = np.array(order)[columns] / 9
    np.save(folder / "X.npy", images)
    np.save(folder / "Y.npy", np.eye(10)[columns] if one_hot else columns)
    return np.array(order)[columns]


@pytest.mark.parametrize("order", [PUBLISHED_NPY_ORDER, tuple(range(10))])
@pytest.mark.parametrize("one_hot", [True, False])
def test_the_column_order_of_the_digit_arrays_is_read_from_their_counts(tmp_path, order, one_hot):
    shown = write_arrays(tmp_path / "sign_digits", order, one_hot=one_hot)
    records = discover("sign_digits", tmp_path).records
    assert [record.label for record in records] == shown.tolist()
    assert [record.row for record in records] == list(range(2062))
    assert records[5].key == "X.npy#5"


def test_rows_that_public_notebooks_take_for_zeros_and_ones_are_zeros_and_ones(tmp_path):
    write_arrays(tmp_path / "sign_digits", PUBLISHED_NPY_ORDER)
    labels = np.array([record.label for record in discover("sign_digits", tmp_path).records])
    assert set(labels[204:409]) == {0}
    assert set(labels[822:1027]) == {1}


def test_digit_arrays_of_unknown_counts_are_refused(tmp_path):
    write_arrays(tmp_path / "sign_digits", tuple(range(10)), counts=(3,) * 10)
    with pytest.raises(UserError, match="set npy_label_order to the digit of each column"):
        discover("sign_digits", tmp_path)


def test_digit_arrays_of_unknown_counts_are_read_with_the_order_that_the_user_gives(tmp_path):
    order = (5, 4, 3, 2, 1, 0, 9, 8, 7, 6)
    shown = write_arrays(tmp_path / "sign_digits", order, counts=(3,) * 10)
    records = discover("sign_digits", tmp_path, npy_label_order=order).records
    assert [record.label for record in records] == shown.tolist()


def test_an_order_that_names_a_digit_twice_is_refused(tmp_path):
    write_arrays(tmp_path / "sign_digits", tuple(range(10)))
    with pytest.raises(UserError, match="each digit 0-9 once"):
        discover("sign_digits", tmp_path, npy_label_order=(0,) * 10)


def test_an_array_file_that_would_run_code_is_refused(tmp_path):
    write_arrays(tmp_path / "sign_digits", PUBLISHED_NPY_ORDER)
    np.save(tmp_path / "sign_digits" / "X.npy", np.array([{"not": "numbers"}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match=r"X\.npy is not a plain NumPy array"):
        discover("sign_digits", tmp_path)


def test_arrays_of_different_lengths_are_refused(tmp_path):
    write_arrays(tmp_path / "sign_digits", PUBLISHED_NPY_ORDER)
    np.save(tmp_path / "sign_digits" / "X.npy", np.zeros((7, 2, 2), np.float32))
    with pytest.raises(UserError, match=r"7 images but .* 2062 labels"):
        discover("sign_digits", tmp_path)


def test_folders_are_preferred_to_arrays_of_the_same_photos(tmp_path, class_folders):
    write_arrays(tmp_path / "sign_digits", PUBLISHED_NPY_ORDER)
    class_folders(tmp_path / "sign_digits" / "Dataset", "01")
    discovery = discover("sign_digits", tmp_path)
    assert set(found(discovery)) == {"0/01.jpg", "1/11.jpg"}
    assert reasons(discovery) == {"the photos in the class folders, smaller and grey: the folders are used": 1}


# --- doubled, odd and missing files ---------------------------------------------------------------------------------


def test_a_doubled_copy_is_counted_once_and_listed(tmp_path, class_folders):
    inner = class_folders(tmp_path / "asl_dataset" / "asl_dataset", "0a", count=2)
    before = found(discover("asl_dataset", tmp_path))
    shutil.copytree(inner, tmp_path / "copy")
    shutil.move(tmp_path / "copy", inner / "asl_dataset")
    discovery = discover("asl_dataset", tmp_path)
    assert found(discovery) == before
    assert reasons(discovery) == {"second copy of a file of the set": 4}
    assert all("asl_dataset/asl_dataset/asl_dataset" in finding.file for finding in discovery.findings)


def test_different_images_of_the_same_name_in_two_trees_are_both_used(tmp_path, class_folders, write_image):
    class_folders(tmp_path / "mine" / "train", "A", name="1.png")
    write_image(tmp_path / "mine" / "test" / "A" / "1.png", size=(5, 5))
    discovery = discover("folder", tmp_path, folder=tmp_path / "mine")
    assert found(discovery) == {"test/A/1.png": "A", "train/A/1.png": "A"}
    assert not discovery.findings


def test_class_folders_may_be_written_in_either_case(tmp_path, class_folders):
    class_folders(tmp_path / "mine", ["a", "B", "7"])
    assert set(found(discover("folder", tmp_path, folder=tmp_path / "mine")).values()) == {"A", "B", "7"}


def test_folders_of_other_names_are_listed_and_left_out(tmp_path, class_folders):
    class_folders(tmp_path / "mine", ["A", "hello"], count=2)
    discovery = discover("folder", tmp_path, folder=tmp_path / "mine")
    assert set(found(discovery)) == {"A/A1.jpg", "A/A2.jpg"}
    assert reasons(discovery) == {"folder 'hello' is none of the classes": 2}


def test_every_odd_file_is_listed_and_system_files_are_not(tmp_path, class_folders, write_image):
    start = class_folders(tmp_path / "mine", "A")
    (start / "B").mkdir()
    (start / "A" / "Thumbs.db").write_bytes(b"x")
    (start / "A" / ".DS_Store").write_bytes(b"x")
    (start / "A" / "notes.txt").write_text("x")
    (start / "A" / "photo.heic").write_bytes(b"x")
    write_image(start / "__MACOSX" / "A" / "1.jpg")
    write_image(start / "cover.png")
    discovery = discover("folder", tmp_path, folder=start)
    assert set(found(discovery)) == {"A/A1.jpg"}
    assert reasons(discovery) == {
        "class folder without images": 1,
        "not an image file (.txt)": 1,
        "not an image file (.heic)": 1,
        "outside the set's layout": 1,
    }


def test_the_order_of_records_does_not_depend_on_the_file_system(tmp_path, class_folders, monkeypatch):
    start = class_folders(tmp_path / "mine", "BAC", count=3)
    expected = discover("folder", tmp_path, folder=start).records
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: list(scandir(path))[::-1])
    assert discover("folder", tmp_path, folder=start).records == expected
    assert [record.key for record in expected] == sorted(record.key for record in expected)


def test_links_that_loop_are_survived(tmp_path, class_folders):
    start = class_folders(tmp_path / "mine", "A")
    (start / "again").symlink_to(start, target_is_directory=True)
    assert set(found(discover("folder", tmp_path, folder=start))) == {"A/A1.jpg"}


# --- manifest.csv ---------------------------------------------------------------------------------------------------


def test_a_manifest_names_labels_signers_and_frames(tmp_path, write_image):
    for name in ("x.jpg", "deep/y.jpg", "z.jpg", "unlisted.jpg"):
        write_image(tmp_path / name)
    rows = ["Path,label,signer,frame", "x.jpg,a,ana,3", "deep/y.jpg,7,,", "z.jpg,hello,,", "gone.jpg,B,,", "x.jpg,A,,"]
    (tmp_path / "manifest.csv").write_text("\ufeff" + "\n".join(rows), encoding="utf-8")
    discovery = discover("folder", tmp_path, folder=tmp_path)
    assert [(r.key, SIGNS[r.label], r.signer, r.frame) for r in discovery.records] == [
        ("deep/y.jpg", "7", "", NO_FRAME),
        ("x.jpg", "A", "ana", 3),
    ]
    assert reasons(discovery) == {
        "label 'hello' is not one of the 36 signs": 1,
        "listed in manifest.csv but not there": 1,
        "listed twice in manifest.csv": 1,
        "not listed in manifest.csv": 1,
    }


@pytest.mark.parametrize("escape", ["../secret.jpg", "a/../../secret.jpg", "{root}/secret.jpg", "..\\secret.jpg"])
def test_a_manifest_cannot_reach_outside_its_folder(tmp_path, write_image, escape):
    write_image(tmp_path / "secret.jpg")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.csv").write_text(f"path,label\n{escape.format(root=tmp_path)},A\n")
    with pytest.raises(UserError, match=r"manifest\.csv, line 2: .* lies outside"):
        discover("folder", tmp_path, folder=tmp_path / "mine")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"file,sign\nx.jpg,A\n", "needs a first line with the columns path,label"),
        (b"path,label,frame\nx.jpg,A,first\n", "line 2: the frame 'first' is not a whole number"),
        (b"path,label\n\xff\xfe\xff,A\n", "not a CSV table in UTF-8"),
    ],
)
def test_a_manifest_with_a_mistake_is_answered_with_its_place(tmp_path, write_image, text, complaint):
    write_image(tmp_path / "x.jpg")
    (tmp_path / "manifest.csv").write_bytes(text)
    with pytest.raises(UserError, match=complaint):
        discover("folder", tmp_path, folder=tmp_path)


# --- missing sets ---------------------------------------------------------------------------------------------------


def test_a_missing_set_is_answered_with_where_to_get_it_and_where_to_put_it(tmp_path):
    with pytest.raises(UserError) as caught:
        discover("asl_dataset", tmp_path)
    sentence = str(caught.value)
    assert "https://www.kaggle.com/datasets/ayuraj/asl-dataset" in sentence
    assert str(tmp_path / "asl_dataset") in sentence
    assert "\n" not in sentence


def test_a_missing_set_is_downloaded(tmp_path, class_folders):
    def download(entry, root):
        return class_folders(root / entry.name / "asl_dataset", "ab")

    assert set(found(discover("asl_dataset", tmp_path, download=download)).values()) == {"A", "B"}


def test_a_folder_with_nothing_of_the_set_is_answered_with_what_was_expected(tmp_path):
    (tmp_path / "asl_dataset").mkdir()
    (tmp_path / "asl_dataset" / "readme.txt").write_text("nothing here")
    with pytest.raises(UserError, match="expected one folder a class"):
        discover("asl_dataset", tmp_path)


def test_an_archive_that_was_not_unpacked_is_noticed(tmp_path):
    (tmp_path / "asl_dataset").mkdir()
    (tmp_path / "asl_dataset" / "archive.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"archive\.zip is: unpack it there"):
        discover("asl_dataset", tmp_path)


@pytest.mark.parametrize(("folder", "complaint"), [(None, "give the folder"), ("absent", "does not exist")])
def test_the_source_folder_needs_a_folder(tmp_path, folder, complaint):
    with pytest.raises(UserError, match=complaint):
        discover("folder", tmp_path, folder=folder and tmp_path / folder)


@pytest.mark.parametrize("with_manifest", [False, True])
def test_files_of_a_relative_folder_have_absolute_paths(tmp_path, class_folders, monkeypatch, with_manifest):
    class_folders(tmp_path / "mine", "A")
    if with_manifest:
        (tmp_path / "mine" / "manifest.csv").write_text("path,label\nA/A1.jpg,A\n")
    monkeypatch.chdir(tmp_path)
    (record,) = discover("folder", Path("data"), folder=Path("mine")).records
    assert record.file == str(tmp_path / "mine" / "A" / "A1.jpg")
    assert record.key == "A/A1.jpg"
