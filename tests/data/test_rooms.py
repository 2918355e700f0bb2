"""Hands that are cut out and set before other rooms."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from src.data.augment import Augmentation
from src.data.datamodule import SignDataModule
from src.data.drawn_rooms import draw_room
from src.data.hand_masks import is_believable, mask_around_joints, mask_on_black
from src.data.settings import AugmentationSettings
from src.errors import UserError
from src.learning.run_data import loaded_data
from src.learning.run_settings import RunSettings, compose
from tests.conftest import TINY

SIZE = 64
SKIN, WALL = (200, 140, 110), (40, 90, 60)


def hand(behind: tuple[int, int, int] = WALL) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture of a fist with one finger up, where it is, and its joints as shares of the side."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, (32, 40), (12, 12), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (29, 10), (35, 40), 255, -1)
    noise = np.random.default_rng(0).integers(-8, 9, (SIZE, SIZE, 3))
    picture = np.where(mask[..., None] > 0, SKIN, behind) + (noise if max(behind) else noise * (mask[..., None] > 0))
    curled = [(32 + 7 * np.cos(a), 40 + 7 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 16)]
    joints = np.array([(32, 50), *curled[:4], (32, 34), (32, 27), (32, 20), (32, 12), *curled[4:]])
    return np.clip(picture, 0, 255).astype(np.uint8), mask, joints.astype(np.float32) / SIZE


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def only_rooms(**arguments: object) -> Augmentation:
    return Augmentation(AugmentationSettings(transforms=({"BeforeRoom": {"share": 1.0, **arguments}},)))


def test_a_hand_is_cut_out_around_its_joints() -> None:
    picture, mask, joints = hand()
    assert overlap(mask_around_joints(picture, joints), mask > 0) > 0.85


def test_a_hand_on_black_is_what_is_not_black() -> None:
    picture, mask, _ = hand(behind=(0, 0, 0))
    assert overlap(mask_on_black(picture), mask > 0) > 0.95


def test_a_mask_of_nearly_nothing_or_nearly_everything_is_not_believed() -> None:
    assert not is_believable(np.zeros((9, 9), bool))
    assert not is_believable(np.ones((9, 9), bool))
    assert not mask_around_joints(np.zeros((SIZE, SIZE, 3), np.uint8), np.full((21, 2), 5.0, np.float32)).any()


def test_the_hand_stays_and_the_room_changes() -> None:
    picture, mask, _ = hand()
    shown = [only_rooms()(picture.copy(), seed, mask) for seed in range(6)]
    inside = cv2.erode(mask, np.ones((7, 7), np.uint8)) > 0
    outside = cv2.dilate(mask, np.ones((7, 7), np.uint8)) == 0
    assert all(np.abs(one[inside].astype(int) - picture[inside]).max() <= 2 for one in shown)
    assert all(np.abs(one[outside].astype(int) - picture[outside]).mean() > 5 for one in shown)
    assert len({one[outside].tobytes() for one in shown}) == 6


def test_a_picture_without_a_mask_is_left_as_it_is() -> None:
    picture, _, _ = hand()
    assert np.array_equal(only_rooms()(picture.copy(), 1), picture)


def test_black_behind_a_hand_is_replaced_more_often() -> None:
    pipeline = only_rooms(share=0.3, share_on_black=0.8)
    changed = {}
    for name, behind in (("room", WALL), ("black", (0, 0, 0))):
        picture, mask, _ = hand(behind)
        changed[name] = np.mean([not np.array_equal(pipeline(picture.copy(), n, mask), picture) for n in range(200)])
    assert changed["room"] == pytest.approx(0.3, abs=0.12)
    assert changed["black"] == pytest.approx(0.8, abs=0.12)


def test_a_drawn_room_belongs_to_its_seed() -> None:
    one, same, other = (draw_room(np.random.default_rng(seed), SIZE) for seed in (1, 1, 2))
    assert one.shape == (SIZE, SIZE, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_every_transform_draws_for_itself() -> None:
    """Albumentations seeded by `set_random_seed` applies all that has the same p in the same pictures."""
    half = ({"HorizontalFlip": {"p": 0.5}}, {"VerticalFlip": {"p": 0.5}})
    pipeline = Augmentation(AugmentationSettings(transforms=half))
    picture, _, _ = hand()
    assert len({pipeline(picture.copy(), seed).tobytes() for seed in range(40)}) == 4


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "rooms"
    (folder / "deep").mkdir(parents=True)
    cv2.imwrite(str(folder / "red.png"), np.full((60, 120, 3), (0, 0, 250), np.uint8))
    cv2.imwrite(str(folder / "deep" / "red.jpg"), np.full((50, 50, 3), (0, 0, 250), np.uint8))
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def test_rooms_come_out_of_a_folder_of_photographs_and_bad_files_are_named(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = only_rooms(rooms=str(photographs))
    pipeline.prepare(tmp_path / "cache")
    assert "left out broken.jpg" in capsys.readouterr().out
    picture, mask, _ = hand()
    reds = [np.array_equal(pipeline(picture.copy(), n, mask)[0, 0] // 10, (25, 0, 0)) for n in range(40)]
    assert np.mean(reds) > 0.6  # the others are drawn
    (photographs / "more.png").write_bytes((photographs / "red.png").read_bytes())
    assert only_rooms(rooms=str(photographs)).key != pipeline.key


@pytest.mark.parametrize(("rooms", "sentence"), [("nowhere", "neither 'drawn' nor a folder"), (".", "no photograph")])
def test_a_folder_without_photographs_is_refused(rooms: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=sentence):
        Augmentation(compose(["augmentation=rooms", f"augmentation.rooms='{tmp_path / rooms}'"]).augmentation)


@pytest.fixture
def data(tiny_settings: Callable[..., RunSettings], tmp_path: Path) -> Callable[..., SignDataModule]:
    def load(*overrides: str) -> SignDataModule:
        return loaded_data(tiny_settings(*TINY, "augmentation=rooms", *overrides, f"datamodule.cache_dir='{tmp_path}'"))

    return load


def test_masks_are_computed_once_and_only_for_an_augmentation_that_asks(
    data: Callable[..., SignDataModule], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = data("augmentation=light")
    assert plain.masks is None
    assert not (tmp_path / "masks").exists()
    first = data()
    assert first.dataset("train").picture(next(iter(first.train_sampler()))).shape == (32, 32, 3)
    assert "before other rooms: " in capsys.readouterr().out
    (made,) = (tmp_path / "masks" / "asl_dataset").glob("*/masks.npy")
    changed = made.stat().st_mtime_ns
    again = data()
    assert again.masks is not None
    assert made.stat().st_mtime_ns == changed


def test_rendered_hands_know_their_masks_exactly(data: Callable[..., SignDataModule]) -> None:
    from src.synthetic.dataset import sample
    from src.synthetic.spec import RenderedSpec

    hands = "datamodule.rendered={images:36,signers:2,seed:0}"
    rendered = data("datamodule.sources=[rendered]", hands, "split=everything")
    assert rendered.masks is not None
    exact = sample(RenderedSpec(36, 2, 32, 0), 7).mask
    assert np.array_equal(rendered.masks[7], exact * np.uint8(255))
