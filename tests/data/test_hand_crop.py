"""`datamodule.crop=hand`: the hand is found once, cut out sharply, and whatever shows none is said."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.data import hand_crop
from src.data.collect import Collection, collect
from src.data.datamodule import collected
from src.errors import UserError
from src.hands.hand import Hand, hand_square
from src.learning.rescoring import evaluate
from src.learning.run_settings import evaluation_settings, recorded_settings
from src.sources.decoding import Decoded, Decoding
from src.sources.images import fit_square
from src.sources.records import ImageRecord
from src.sources.rendered import RenderedHands
from src.sources.source import Discovery, Places, Source
from tests.conftest import TINY_CNN, tiny_places
from tests.hands.colour_finder import red_picture, write_colour_finder

SIZE_PX = 64
CROPPED = Decoding(image_size_px=SIZE_PX, crop="hand", finder="stub")


class BrightFinder:
    """Takes what is bright for a hand."""

    digest = "stub"

    def __init__(self, file: Path | None = None, threads: int | None = None) -> None:
        self.threads = threads

    def find(self, pixels: np.ndarray) -> Hand | None:
        assert max(pixels.shape[:2]) <= 640
        y, x = np.nonzero(pixels.min(axis=2) > 150)
        if not len(x):
            return None
        box = (float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1))
        joints = np.linspace(box[:2], box[2:], 21).astype(np.float32)
        return Hand(box, joints, right=0.5, certainty=0.75)


@pytest.fixture
def bright(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_crop, "HandFinder", BrightFinder)
    monkeypatch.setattr(hand_crop._LOCAL, "finders", {}, raising=False)


def picture(height: int, width: int, box: tuple[int, int, int, int] | None) -> np.ndarray:
    """(height, width, 3) uint8: dark, with fine bright stripes in x0, y0, x1, y1, brighter at its upper left."""
    pixels = np.full((height, width, 3), 40, dtype=np.uint8)
    if box is not None:
        x0, y0, x1, y1 = box
        pixels[y0:y1, x0:x1] = 170
        pixels[y0 : (y0 + y1) // 2, x0 : (x0 + x1) // 2] = 250
    return pixels


@pytest.fixture
def crop_of(tmp_path: Path, bright: None) -> Callable[..., Collection]:
    """A function that saves pictures of the sign A and collects them, cropped unless said otherwise."""

    def call(
        pictures: dict[str, Image.Image] | None = None, decoding: Decoding = CROPPED, **options: object
    ) -> Collection:
        folder = tmp_path / "mine" / "A"
        folder.mkdir(parents=True, exist_ok=True)
        for name, image in (pictures or {}).items():
            image.save(folder / name, **({"quality": 95} if name.endswith(".jpg") else {}), **image.info)
        places = Places(root=tmp_path, folder=tmp_path / "mine")
        return collect(["folder"], places, decoding, tmp_path / "cache", **options)

    return call


BOX = (20, 30, 80, 70)


def test_the_hand_is_cut_out_and_its_joints_lie_in_the_square(crop_of):
    collection = crop_of({"1.png": Image.fromarray(picture(120, 160, BOX))})
    hand = BrightFinder().find(picture(120, 160, BOX))
    np.testing.assert_array_equal(collection.pixels[0], hand_square(picture(120, 160, BOX), hand, SIZE_PX))
    (joints,) = collection.pixels.joints([0])
    assert joints.dtype == np.float32
    # 1.5 times its longer side: the box takes the middle two thirds of the square, across.
    np.testing.assert_allclose(joints[[0, -1], 0], [1 / 6, 5 / 6], atol=0.02)
    np.testing.assert_allclose(joints.mean(0), 0.5, atol=0.02)
    assert (collection.manifest[0].width_px, collection.manifest[0].height_px) == (160, 120)
    assert not collection.findings


def test_a_wider_margin_shows_more_around_the_hand(crop_of):
    image = {"1.png": Image.fromarray(picture(120, 160, BOX))}
    narrow, wide = crop_of(image), crop_of(decoding=replace(CROPPED, crop_margin=3.0))
    assert (wide.pixels[0] > 100).mean() < 0.5 * (narrow.pixels[0] > 100).mean()
    np.testing.assert_allclose(wide.pixels.joints([0])[0, [0, -1], 0], [1 / 3, 2 / 3], atol=0.02)


@pytest.mark.parametrize("unfound", ["drop", "whole"])
def test_a_picture_without_a_hand_is_listed_and_left_out_or_used_whole_as_asked(crop_of, unfound):
    empty = picture(90, 120, None)
    images = {"1.png": Image.fromarray(picture(120, 160, BOX)), "2.png": Image.fromarray(empty)}
    collection = crop_of(images, unfound=unfound)
    (finding,) = collection.findings
    assert Path(finding.file).name == "2.png"
    if unfound == "drop":
        assert (finding.reason, finding.kept, len(collection.manifest)) == ("no hand found: left out", False, 1)
    else:
        assert (finding.reason, finding.kept, len(collection.manifest)) == ("no hand found: used whole", True, 2)
        np.testing.assert_array_equal(collection.pixels[1], fit_square(empty, SIZE_PX))
        joints = collection.pixels.joints([1, 0])
        assert np.isnan(joints[0]).all()
        assert not np.isnan(joints[1]).any()
    assert collection.found == {"folder": 2}


def test_both_ways_share_one_cache_which_says_how_certain_each_hand_is(crop_of, monkeypatch):
    images = {"1.png": Image.fromarray(picture(120, 160, BOX)), "2.png": Image.fromarray(picture(90, 120, None))}
    before = crop_of(images).pixels.files
    monkeypatch.setattr(BrightFinder, "find", lambda *_: pytest.fail("a hand was looked for again"))
    after = crop_of(unfound="whole").pixels.files
    assert after == before
    verdicts = json.loads((after[0].parent / "verdicts.json").read_text())
    assert [verdict[-1] for verdict in verdicts] == [0.75, 0.0]


def test_pictures_of_which_none_shows_a_hand_are_one_clear_sentence(crop_of):
    with pytest.raises(UserError, match=r"None of the 1 images of 'folder' can be used .*no hand found"):
        crop_of({"1.png": Image.fromarray(picture(90, 120, None))})


def test_an_unreadable_picture_is_no_picture_without_a_hand(crop_of, tmp_path):
    (tmp_path / "mine" / "A").mkdir(parents=True)
    (tmp_path / "mine" / "A" / "0.png").write_bytes(b"no picture")
    collection = crop_of({"1.png": Image.fromarray(picture(120, 160, BOX))})
    assert [finding.reason for finding in collection.findings] == ["not an image of a supported format"]
    assert not np.isnan(collection.pixels.joints([0])).any()  # in its own row


def test_a_turned_photo_is_made_upright_before_its_hand_is_cut_out(crop_of):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    upright = picture(120, 160, BOX)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
    stored.info["exif"] = exif
    collection = crop_of({"1.png": Image.fromarray(upright), "2.png": stored})
    np.testing.assert_array_equal(collection.pixels[1], collection.pixels[0])
    assert (collection.manifest[1].width_px, collection.manifest[1].height_px) == (160, 120)
    assert [finding.kept for finding in collection.findings] == [True]


def test_grey_pictures_of_8_and_of_16_bits_are_cropped_like_coloured_ones(crop_of):
    grey = picture(120, 160, BOX)
    deep = Image.fromarray(grey[..., 0].astype(np.uint16) * 257)
    collection = crop_of({"1.png": Image.fromarray(grey), "2.png": Image.fromarray(grey[..., 0]), "3.png": deep})
    for other in (1, 2):
        np.testing.assert_array_equal(collection.pixels[other], collection.pixels[0])


def test_a_small_hand_in_a_large_photo_is_cut_from_all_its_pixels(crop_of):
    pixels = picture(1800, 2400, None)
    pixels[1000:1060:2, 1500:1560] = 255  # stripes of one pixel, which a smaller copy does not have
    pixels[1001:1060:2, 1500:1560] = 160
    cut = crop_of({"1.jpg": Image.fromarray(pixels)}).pixels[0].astype(int)
    middle = cut[SIZE_PX // 4 : -SIZE_PX // 4, SIZE_PX // 4 : -SIZE_PX // 4, 0]
    assert middle.min() > 150
    assert np.abs(np.diff(middle, axis=0)).mean() > 10


# --- the cache ------------------------------------------------------------------------------------------------------


def test_without_a_crop_keys_and_contents_of_caches_are_what_they_were(crop_of, tmp_path, monkeypatch):
    monkeypatch.setattr(hand_crop, "HandFinder", lambda *_, **__: pytest.fail("a finder was opened"))
    whole = crop_of({"1.png": Image.fromarray(picture(120, 160, BOX))}, Decoding(image_size_px=SIZE_PX))
    entry = whole.pixels.files[0].parent
    assert {file.name for file in entry.iterdir()} == {"pixels.npy", "verdicts.json"}
    assert json.loads((entry / "verdicts.json").read_text()) == [[160, 120, "", ""]]
    assert np.isnan(whole.pixels.joints([0])).all()
    again = crop_of(decoding=Decoding(image_size_px=SIZE_PX, crop_margin=2.0, finder="another"))
    assert again.pixels.files == whole.pixels.files


def test_another_finder_fills_another_cache(crop_of):
    image = {"1.png": Image.fromarray(picture(120, 160, BOX))}
    files = [crop_of(image, replace(CROPPED, finder=name)).pixels.files for name in ("stub", "another")]
    assert files[0] != files[1]


def test_joints_that_went_missing_are_made_again(crop_of):
    before = crop_of({"1.png": Image.fromarray(picture(120, 160, BOX))}).pixels
    joints = before.joints([0])
    (before.files[0].parent / "joints.npy").unlink()
    np.testing.assert_array_equal(crop_of().pixels.joints([0]), joints)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"crop": "foot"}, "no crop 'foot'; choose from none, hand"), ({"crop_margin": 0.5}, "at least 1")],
    ids=str,
)
def test_mistaken_crops_are_answered_with_the_choices(change, complaint):
    with pytest.raises(UserError, match=complaint):
        Decoding(image_size_px=SIZE_PX, **change)


def test_unfound_is_one_of_two_ways(crop_of):
    with pytest.raises(UserError, match="unfound is 'maybe'; choose from drop, whole"):
        crop_of({"1.png": Image.fromarray(picture(120, 160, BOX))}, unfound="maybe")


# --- sources that decode their images themselves --------------------------------------------------------------------


def test_rendered_hands_are_cut_out_by_their_own_joints_whatever_the_finder_is(tmp_path, monkeypatch):
    monkeypatch.setattr(hand_crop, "HandFinder", lambda *_, **__: pytest.fail("a finder was opened"))
    assert hand_crop.finder_for(["rendered"]) == ""
    places = Places(root=tmp_path, rendered=RenderedHands(images=36, signers=1))
    first, second = (
        collect(["rendered"], places, Decoding(image_size_px=32, crop="hand", finder=finder), tmp_path / "cache")
        for finder in ("", "another")
    )
    assert first.pixels.files == second.pixels.files
    joints = first.pixels.joints(range(36))
    sides = joints.max(1) - joints.min(1)
    np.testing.assert_allclose(sides.max(1), 1 / 1.5, atol=0.03)
    np.testing.assert_allclose((joints.max(1) + joints.min(1)) / 2, 0.5, atol=0.03)
    assert not first.findings


@dataclass(frozen=True, kw_only=True)
class Own(Source):
    """Decodes its one image itself, and gives no whole frame."""

    name: str = "own"
    title: str = "My own"

    def find(self, places: Places) -> Discovery:
        return Discovery(self, [ImageRecord("", "1", 0, self.name)], [])

    def decode(self, record: ImageRecord, decoding: Decoding) -> Decoded:
        side = decoding.image_size_px
        return Decoded(np.zeros((side, side, 3), np.uint8), "", side, side)


def test_a_source_that_gives_no_whole_frames_cannot_be_cropped(tmp_path, bright, monkeypatch):
    monkeypatch.setattr("src.data.collect.source_named", lambda _: Own())
    assert len(collect(["own"], Places(root=tmp_path), Decoding(image_size_px=16), tmp_path / "cache").manifest) == 1
    with pytest.raises(UserError, match=r"hands of 'own' cannot be cut out.*crop=none, or give its class a frame"):
        collect(["own"], Places(root=tmp_path), CROPPED, tmp_path / "cache")


# --- a run ----------------------------------------------------------------------------------------------------------


def test_the_finder_in_the_box_is_used_and_its_file_decides_the_cache(tmp_path, tiny_settings, monkeypatch):
    (tmp_path / "mine" / "A").mkdir(parents=True)
    Image.fromarray(red_picture(200, 300, (50, 60, 150, 140))).save(tmp_path / "mine" / "A" / "1.png")
    settings = tiny_settings(
        "datamodule.sources=[folder]", f"datamodule.folder='{tmp_path / 'mine'}'", "datamodule.crop=hand"
    ).datamodule
    files = []
    for threshold in (0.5, 0.6):
        monkeypatch.setattr("src.hands.finder.FINDER", write_colour_finder(tmp_path / "finder.onnx", threshold))
        collection = collected(replace(settings, cache_dir=str(tmp_path / "cache")))
        assert collection.pixels.joints([0])[0].max() == pytest.approx(5 / 6, abs=0.03)
        files.append(collection.pixels.files)
    assert files[0] != files[1]


def test_a_run_records_its_crop_says_what_it_left_out_and_is_scored_by_the_same_crop(
    train_door, bright, tiny_root, tiny_cache, monkeypatch
):
    find = BrightFinder.find
    monkeypatch.setattr(BrightFinder, "find", lambda self, pixels: find(self, pixels) if pixels.sum() % 5 else None)
    run = train_door(*TINY_CNN, "datamodule.crop=hand", "trainer.max_epochs=1")
    assert run.status == 0, run.err
    left_out = run.metrics["left_out_images"]
    assert 20 < left_out < 100
    assert (
        f"no hand was found are left out and count in no figure: {left_out} of asl_dataset"
        in run.metrics["split_notes"]
    )
    places = tiny_places(tiny_root, tiny_cache)
    scored = evaluation_settings(run.folder, [*places, "datamodule.sources=[asl_dataset]", "split=everything"])
    record = evaluate(run.folder, scored, "again", recorded_settings(run.folder).datamodule)
    assert record.test_images == 36 * 4 * 2 - left_out
    assert f"{left_out} of asl_dataset" in record.split_notes
