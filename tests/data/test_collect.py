import importlib
import os
import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.data.collect import collect
from src.errors import UserError
from src.signs.labels import SIGNS
from src.sources import images
from src.sources.catalog import source_named
from src.sources.decoding import Decoding
from src.sources.rendered import RenderedHands
from src.sources.source import Places
from src.synthetic.dataset import sample
from src.synthetic.spec import RenderedSpec

ROOT = Path(__file__).parents[2]
SMALL = Decoding(image_size_px=16)


@pytest.fixture
def mine(tmp_path, class_folders):
    """A folder of the signs A, B and 7, two images each."""
    return class_folders(tmp_path / "mine", "AB7", count=2, name="{number}.png")


@pytest.fixture
def collect_mine(tmp_path, mine):
    def call(**options):
        options = {"image_size_px": 16, "cache_dir": tmp_path / "cache", "folder": mine} | options
        places = Places(root=tmp_path, folder=options.pop("folder"))
        rest = {name: options.pop(name) for name in ("cache_dir", "irregular") if name in options}
        return collect(["folder"], places, Decoding(**options), **rest)

    return call


@pytest.fixture
def no_decoding(monkeypatch):
    """Call it, and from then on any decoding fails the test."""

    def forbid():
        monkeypatch.setattr(images, "decode", lambda *args, **kwargs: pytest.fail("an image was decoded"))

    return forbid


def reasons(collection):
    return Counter((finding.reason, finding.kept) for finding in collection.findings)


# --- pixels that belong to records ----------------------------------------------------------------------------------


def test_pixels_belong_to_the_records_of_the_same_index(collect_mine):
    collection = collect_mine()
    assert len(collection.pixels) == len(collection.manifest) == 6
    for index, record in enumerate(collection.manifest):
        with Image.open(record.file) as image:
            expected = images.fit_square(np.asarray(image), 16)
        np.testing.assert_array_equal(collection.pixels[index], expected)
        assert (record.width_px, record.height_px) == (12, 10)


def test_sources_of_every_layout_share_one_set_of_labels(tmp_path, class_folders, write_image):
    class_folders(tmp_path / "sign_digits" / "Dataset", "37", name="IMG_{label}{number}.JPG")
    class_folders(tmp_path / "asl_dataset" / "asl_dataset", "3a")
    class_folders(tmp_path / "finger_letters" / "signer_1", "AT")
    (tmp_path / "sign_mnist").mkdir()
    (tmp_path / "sign_mnist" / "sign_mnist_train.csv").write_text("label,p1,p2,p3,p4\n0,1,2,3,4\n24,1,2,3,4\n")
    sources = ["sign_mnist", "sign_digits", "finger_letters", "asl_dataset"]
    collection = collect(sources, Places(root=tmp_path), Decoding(image_size_px=8), tmp_path / "cache")
    assert [(record.source, SIGNS[record.label]) for record in collection.manifest] == [
        ("sign_mnist", "A"),
        ("sign_mnist", "Y"),
        ("sign_digits", "3"),
        ("sign_digits", "7"),
        ("finger_letters", "A"),
        ("asl_dataset", "3"),
        ("asl_dataset", "A"),
    ]
    assert len({record.name for record in collection.manifest}) == len(collection.manifest)
    assert collection.pixels.take([0, 6]).shape == (2, 8, 8, 3)
    assert collection.pixels[0].max() <= 4  # the CSV row, not another source's picture
    assert collection.found == {"sign_mnist": 2, "sign_digits": 2, "finger_letters": 2, "asl_dataset": 2}


def test_unreadable_images_shift_no_pixels(mine, collect_mine):
    (mine / "A" / "1.png").write_bytes(b"no picture")
    collection = collect_mine()
    assert [record.key for record in collection.manifest][:4] == ["7/1.png", "7/2.png", "A/2.png", "B/1.png"]
    with Image.open(mine / "A" / "2.png") as image:
        np.testing.assert_array_equal(collection.pixels[2], images.fit_square(np.asarray(image), 16))


def test_a_subset_of_pixels_goes_with_the_subset_of_the_manifest(collect_mine):
    collection = collect_mine()
    chosen = [4, 0]
    np.testing.assert_array_equal(collection.pixels.subset(chosen).take(range(2)), collection.pixels.take(chosen))


def test_pixels_travel_to_other_processes_as_paths(collect_mine):
    collection = collect_mine(image_size_px=64)
    collection.pixels[0]
    sent = pickle.dumps(collection.pixels)
    assert len(sent) < 64 * 64 * 3
    np.testing.assert_array_equal(pickle.loads(sent)[5], collection.pixels[5])


# --- bad files ------------------------------------------------------------------------------------------------------


def test_a_truncated_jpeg_is_listed_and_kept_out(mine, collect_mine, write_image):
    path = write_image(mine / "A" / "broken.jpg", size=(200, 200))
    path.write_bytes(path.read_bytes()[:2000])
    collection = collect_mine()
    assert len(collection.manifest) == 6
    (finding,) = collection.findings
    assert (finding.file, finding.source, finding.reason, finding.kept) == (
        str(path),
        "folder",
        "truncated file",
        False,
    )


def test_bad_files_of_every_kind_are_listed_and_the_rest_is_used(mine, collect_mine, write_image):
    (mine / "A" / "empty.jpg").write_bytes(b"")
    (mine / "A" / "text.jpg").write_text("hello")
    (mine / "A" / "link.jpg").symlink_to(mine / "nowhere.jpg")
    write_image(mine / "B" / "large.png", size=(200, 120))
    write_image(mine / "B" / "inks.jpg", mode="CMYK")
    collection = collect_mine(max_megapixels=0.02)
    assert reasons(collection) == {
        ("empty file (0 bytes)", False): 1,
        ("not an image of a supported format", False): 1,
        ("file not found", False): 1,
        ("larger than 0.02 megapixels", False): 1,
        ("CMYK converted to RGB", True): 1,
    }
    assert len(collection.manifest) == 7
    assert collection.found == {"folder": 11}


def test_irregular_images_are_used_or_dropped_as_asked_and_listed_either_way(mine, collect_mine, write_image):
    write_image(mine / "B" / "inks.jpg", mode="CMYK")
    write_image(mine / "B" / "photo.png", size=(120, 100))  # 100 times the area of the others
    kept, dropped = collect_mine(irregular="convert"), collect_mine(irregular="drop")
    assert (len(kept.manifest), len(dropped.manifest)) == (8, 6)
    outlier = "over 50 times the source's median area: scaled down"
    assert reasons(kept) == {("CMYK converted to RGB", True): 1, (outlier, True): 1}
    assert reasons(dropped) == {("CMYK converted to RGB", False): 1, (outlier, False): 1}


def test_a_source_without_a_readable_image_is_one_clear_sentence(tmp_path):
    folder = tmp_path / "mine" / "A"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.jpg").write_text("no picture")
    with pytest.raises(UserError, match=r"None of the 3 images of 'folder' can be used .*not an image") as caught:
        collect(["folder"], Places(root=tmp_path, folder=tmp_path / "mine"), SMALL, tmp_path / "cache")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"fit": "squeeze"}, "no fit 'squeeze'; choose from pad, stretch, crop"),
        ({"irregular": "maybe"}, "choose from convert, drop"),
        ({"image_size_px": 0}, "at least 8"),
        ({"max_megapixels": 0}, "above 0"),
    ],
)
def test_mistaken_arguments_are_answered_with_the_choices(collect_mine, options, complaint):
    with pytest.raises(UserError, match=complaint):
        collect_mine(**options)


def test_an_unknown_source_is_answered_with_the_names_there_are(tmp_path):
    with pytest.raises(UserError, match=r"no source 'mnist'.*choose from rendered, sign_digits"):
        collect(["mnist"], Places(root=tmp_path), SMALL, tmp_path)


# --- the cache ------------------------------------------------------------------------------------------------------


def test_a_warm_cache_decodes_nothing(collect_mine, no_decoding):
    cold = collect_mine()
    no_decoding()
    warm = collect_mine()
    assert warm.manifest.records == cold.manifest.records
    assert warm.findings == cold.findings
    np.testing.assert_array_equal(warm.pixels.take(range(6)), cold.pixels.take(range(6)))


def test_sources_share_their_caches_between_combinations(tmp_path, class_folders, no_decoding):
    class_folders(tmp_path / "sign_digits", "01")
    class_folders(tmp_path / "asl_dataset", "ab")
    collect(["sign_digits", "asl_dataset"], Places(root=tmp_path), SMALL, tmp_path / "cache")
    no_decoding()
    assert len(collect(["asl_dataset"], Places(root=tmp_path), SMALL, tmp_path / "cache").manifest) == 2


def test_a_moved_data_set_keeps_its_cache(tmp_path, mine, collect_mine, no_decoding):
    collect_mine()
    mine.rename(tmp_path / "elsewhere")
    no_decoding()
    assert len(collect_mine(folder=tmp_path / "elsewhere").manifest) == 6


def test_a_changed_file_is_decoded_again(mine, collect_mine):
    collect_mine()
    path = mine / "A" / "1.png"
    Image.new("RGB", (12, 10), (1, 2, 3)).save(path)
    collection = collect_mine()
    index = [record.key for record in collection.manifest].index("A/1.png")
    assert (collection.pixels[index] == (1, 2, 3)).all()


def test_a_changed_file_of_the_same_size_is_decoded_again(mine, collect_mine):
    path = mine / "A" / "1.png"
    before = collect_mine().pixels.files
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert collect_mine().pixels.files != before


@pytest.mark.parametrize("change", [{"image_size_px": 24}, {"fit": "crop"}, {"max_megapixels": 1}], ids=str)
def test_whatever_decides_the_pixels_has_a_cache_of_its_own(collect_mine, change):
    assert collect_mine().pixels.files != collect_mine(**change).pixels.files


def test_a_new_decoder_does_not_trust_the_pixels_of_an_old_one(collect_mine, monkeypatch):
    before = collect_mine().pixels.files
    monkeypatch.setattr("src.sources.source.DECODER_VERSION", 999)
    assert collect_mine().pixels.files != before


@pytest.mark.parametrize("damage", ["pixels.npy", "verdicts.json"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_damaged_cache_is_built_again(collect_mine, damage, how):
    before = collect_mine()
    expected = before.pixels.take(range(6))
    file = before.pixels.files[0].parent / damage
    content = file.read_bytes()
    file.unlink()
    if how == "cut":
        file.write_bytes(content[: len(content) // 2])
    np.testing.assert_array_equal(collect_mine().pixels.take(range(6)), expected)


def test_a_full_disk_is_noticed_before_anything_is_decoded(collect_mine, no_decoding, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    no_decoding()
    with pytest.raises(UserError, match="make room there, or choose another cache_dir"):
        collect_mine()


def test_every_image_of_a_set_of_several_pieces_is_in_its_own_row(tmp_path, class_folders):
    start = class_folders(tmp_path / "mine", "A", count=100)
    collection = collect(["folder"], Places(root=tmp_path, folder=start), SMALL, tmp_path / "cache")
    assert len(collection.manifest) == 100
    for index, record in enumerate(collection.manifest):
        expected = images.fit_square(images.read_image(record)[0], 16)
        np.testing.assert_array_equal(collection.pixels[index], expected)


# --- rendered hands -------------------------------------------------------------------------------------------------


@pytest.fixture
def hands():
    """Few and small rendered hands, and what they are made into."""
    return RenderedHands(images=40, signers=2, seed=3), Decoding(image_size_px=24)


def test_rendered_hands_join_the_others(tmp_path, mine, hands):
    spec, decoding = hands
    places = Places(root=tmp_path, folder=mine, rendered=spec)
    collection = collect(["folder", "rendered"], places, decoding, tmp_path / "cache")
    assert Counter(collection.manifest.sources) == {"folder": 6, "rendered": 40}
    assert collection.found == {"folder": 6, "rendered": 40}
    assert not collection.findings
    first, last = collection.manifest[6], collection.manifest[45]
    assert (first.name, first.label, first.signer, first.width_px) == ("rendered/000000", 0, "r000", 24)
    assert (last.name, last.label, last.signer, last.height_px) == ("rendered/000039", 3, "r001", 24)
    drawn = sample(RenderedSpec(40, 2, 24, 3), 39).image
    np.testing.assert_array_equal(collection.pixels[45], drawn)
    np.testing.assert_array_equal(images.read_image(last)[0], drawn)  # as export and spelling read one image


def test_rendered_hands_are_the_same_from_several_processes(tmp_path, hands, monkeypatch):
    spec, decoding = hands
    pixels = []
    for cores in (1, 2):
        monkeypatch.setattr("src.hardware.cores", lambda count=cores: count)
        places = Places(root=tmp_path, rendered=spec)
        pixels.append(collect(["rendered"], places, decoding, tmp_path / str(cores)).pixels.take(range(40)))
    np.testing.assert_array_equal(*pixels)


@pytest.mark.parametrize("change", [{"images": 41}, {"signers": 3}, {"seed": 4}], ids=str)
def test_other_rendered_hands_have_a_cache_of_their_own(hands, change):
    spec, decoding = hands
    keys = []
    for one in (spec, replace(spec, **change)):
        found = source_named("rendered").find(Places(root=Path(), rendered=one))
        keys.append(found.source.key(found.records, decoding))
    assert keys[0] != keys[1]


# --- a source of one's own ------------------------------------------------------------------------------------------

MY_SETS = '''
"""My own sets of images."""

import re
from collections.abc import Iterable
from pathlib import Path

from src.sources.catalog import register
from src.sources.image_set import ImageSet
from src.sources.layouts.class_folders import ClassFolders
from src.sources.layouts.layout import Layout
from src.sources.search import Search
from src.sources.tree import Folder

# A layout that is known: one entry. Folders fist/, flat/ and other/ with files such as ana_12.jpg.
register(
    ImageSet(
        name="club_evening",
        title="Evening at the club",
        licence="our own",
        layouts=(ClassFolders(),),
        labels={"fist": "A", "flat": "B"},
        dropped={"other": "no sign of the 36"},
        path_pattern=re.compile(r"(?P<signer>[a-z]+)_(?P<frame>[0-9]+)[.]"),
    )
)


# A new layout: a small class. A folder a person, with a labels.txt of lines "1.jpg A".
class LabelLists(Layout):
    expected = "folders with a labels.txt"

    def take(self, folder: Folder, search: Search) -> Iterable[Folder]:
        if "labels.txt" in folder.files:
            for line in Path(folder.path, "labels.txt").read_text().splitlines():
                name, label = line.split()
                search.add(folder.parent or folder, f"{folder.name}/{name}", label, signer=folder.name)
        return ()


register(ImageSet(name="listed_people", title="People with lists", layouts=(LabelLists(),)))
'''


@pytest.fixture
def my_sets(tmp_path, monkeypatch, write_image):
    """A data root with both sets of the module, which is imported as `plugins=[my_sets]` would."""
    (tmp_path / "my_sets.py").write_text(MY_SETS)
    for name in ("fist/ana_1", "fist/ben_7", "flat/ana_2", "other/ana_3"):
        write_image(tmp_path / "club_evening" / f"{name}.jpg")
    for name in ("ana/1", "ana/2", "ben/1"):
        write_image(tmp_path / "listed_people" / f"{name}.jpg")
    (tmp_path / "listed_people" / "ana" / "labels.txt").write_text("1.jpg A\n2.jpg 7\n")
    (tmp_path / "listed_people" / "ben" / "labels.txt").write_text("1.jpg soup\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("my_sets")
    return Places(root=tmp_path)


def test_sets_of_ones_own_are_sources_like_the_others(tmp_path, my_sets):
    collection = collect(["club_evening", "listed_people"], my_sets, SMALL, tmp_path / "cache")
    assert [(r.name, SIGNS[r.label], r.signer, r.frame) for r in collection.manifest] == [
        ("club_evening/fist/ana_1.jpg", "A", "ana", 1),
        ("club_evening/fist/ben_7.jpg", "A", "ben", 7),
        ("club_evening/flat/ana_2.jpg", "B", "ana", 2),
        ("listed_people/ana/1.jpg", "A", "ana", -1),
        ("listed_people/ana/2.jpg", "7", "ana", -1),
    ]
    assert reasons(collection) == {
        ("no sign of the 36", False): 1,
        ("label 'soup' is not one of the 36 signs", False): 1,
    }
    assert collection.pixels.take(range(5)).any(axis=(1, 2, 3)).all()
