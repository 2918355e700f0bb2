"""The hand is found wherever it lies, followed while it moves, lost when it leaves, and found again."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest

from src.errors import UserError
from src.hands.finder import Follower, HandFinder
from tests.hands.colour_finder import red_picture, write_colour_finder

Box = tuple[int, int, int, int]


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> HandFinder:
    return HandFinder(write_colour_finder(tmp_path_factory.mktemp("finder") / "colour.onnx"), threads=1)


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [
        (480, 640, (40, 60, 200, 300)),
        (480, 640, (500, 300, 640, 480)),
        (480, 640, (0, 0, 90, 60)),
        (720, 300, (10, 600, 130, 700)),
        (100, 100, (20, 20, 80, 80)),
        (30, 20, (4, 5, 15, 20)),
    ],
)
def test_a_hand_is_found_wherever_it_lies_in_the_frame(finder: HandFinder, height: int, width: int, box: Box) -> None:
    hand = finder.find(red_picture(height, width, box))
    assert hand is not None
    side = max(box[2] - box[0], box[3] - box[1])
    assert np.abs(np.array(hand.box) - box).max() < max(1.5, 0.03 * side)
    assert hand.side_px == pytest.approx(side, abs=max(2, 0.05 * side))
    assert hand.joints.shape == (21, 2)
    assert hand.joints.dtype == np.float32
    assert np.allclose([*hand.joints.min(0), *hand.joints.max(0)], hand.box)
    assert hand.certainty == pytest.approx(0.9)
    assert hand.right == pytest.approx(0.81)


def test_the_second_look_is_finer_than_the_first(finder: HandFinder) -> None:
    box = (1203, 1107, 1333, 1231)  # in a first look, a pixel of the view is 25 of the frame
    hand = finder.find(red_picture(3000, 4000, box))
    assert hand is not None
    assert np.abs(np.array(hand.box) - box).max() < 4


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (900, 2), (480, 640), (6000, 8000)])
def test_where_there_is_no_hand_nothing_is_found(finder: HandFinder, shape: tuple[int, int]) -> None:
    assert finder.find(red_picture(*shape, None)) is None


def test_a_frame_that_is_no_picture_is_a_defect_of_the_caller(finder: HandFinder) -> None:
    for wrong in (np.zeros((0, 9, 3), np.uint8), np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32)):
        with pytest.raises(ValueError, match="a picture is"):
            finder.find(wrong)


def test_many_pictures_of_any_size_are_found_one_by_one(finder: HandFinder) -> None:
    boxes = [(5 * k, 3 * k, 5 * k + 40, 3 * k + 30) if k % 3 else None for k in range(20)]
    pictures = [red_picture(150 + k, 200 + 3 * k, box) for k, box in enumerate(boxes)]
    together = list(finder.find_many(iter(pictures)))
    assert [hand is None for hand in together] == [box is None for box in boxes]
    for hand, pixels in zip(together, pictures, strict=True):
        alone = finder.find(pixels)
        assert (hand is None) == (alone is None)
        if hand is not None and alone is not None:
            assert np.allclose(hand.joints, alone.joints, atol=1e-3)


def test_a_moving_hand_is_followed_without_looking_at_the_whole_frame(
    finder: HandFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower(finder)
    assert follower.look(red_picture(480, 640, (100, 100, 200, 200))) is not None
    monkeypatch.setattr(finder, "find", lambda pixels: pytest.fail("looked at the whole frame"))
    for step in range(1, 12):
        box = (100 + 25 * step, 100 + 10 * step, 200 + 25 * step, 200 + 10 * step)
        hand = follower.look(red_picture(480, 640, box))
        assert hand is not None
        assert np.abs(np.array(hand.box) - box).max() < 2.5


def test_a_hand_that_leaves_is_lost_and_found_again_where_it_returns(finder: HandFinder) -> None:
    follower = Follower(finder)
    assert follower.look(red_picture(480, 640, (20, 20, 120, 120))) is not None
    assert follower.look(red_picture(480, 640, None)) is None
    hand = follower.look(red_picture(480, 640, (500, 350, 600, 450)))
    assert hand is not None
    assert hand.center == pytest.approx((550, 400), abs=2)


def test_a_hand_that_jumps_is_found_in_the_same_picture(finder: HandFinder) -> None:
    follower = Follower(finder)
    follower.look(red_picture(480, 640, (20, 20, 80, 80)))
    hand = follower.look(red_picture(480, 640, (500, 350, 600, 450)))
    assert hand is not None
    assert hand.center == pytest.approx((550, 400), abs=2)


def test_after_forgetting_a_picture_of_another_size_is_looked_at_whole(finder: HandFinder) -> None:
    follower = Follower(finder)
    follower.look(red_picture(480, 640, (400, 300, 500, 400)))
    follower.forget()
    hand = follower.look(red_picture(60, 60, (10, 10, 40, 40)))
    assert hand is not None
    assert hand.center == pytest.approx((25, 25), abs=1)


def test_a_finder_that_asks_for_more_certainty_finds_less(tmp_path: Path) -> None:
    strict = HandFinder(write_colour_finder(tmp_path / "strict.onnx", threshold=0.95))
    assert strict.threshold == 0.95
    assert strict.find(red_picture(100, 100, (20, 20, 80, 80))) is None


def test_another_file_has_another_digest(finder: HandFinder, tmp_path: Path) -> None:
    same = write_colour_finder(tmp_path / "same.onnx")
    other = write_colour_finder(tmp_path / "other.onnx", threshold=0.7)
    assert HandFinder(same).digest == finder.digest
    assert HandFinder(other).digest != finder.digest
    assert len(finder.digest) == hashlib.sha256().digest_size * 2


def test_what_is_no_finder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    damaged, nameless, missing = (tmp_path / name for name in ("damaged.onnx", "nameless.onnx", "missing.onnx"))
    damaged.write_bytes(b"\x08\x0aonnx")
    model = onnx.load(write_colour_finder(nameless))
    del model.metadata_props[:]
    nameless.write_bytes(model.SerializeToString())
    for file, reason in ((damaged, "no ONNX file"), (nameless, "no hand finder"), (missing, "cannot be read")):
        with pytest.raises(UserError, match=reason) as caught:
            HandFinder(file)
        assert "\n" not in str(caught.value)
