"""The square around a hand: what is in it, what is beyond the picture, and where the joints lie in it."""

import numpy as np
import pytest

from src.hands.hand import Hand, hand_square, joints_in_square
from tests.hands.colour_finder import PATTERN, red_picture


def hand_in(box: tuple[float, float, float, float]) -> Hand:
    corner, size = np.array(box[:2]), np.array(box[2:]) - box[:2]
    return Hand(box, (corner + PATTERN * size).astype(np.float32), 0.9, 0.9)


@pytest.mark.parametrize("size_px", [32, 128])
def test_the_hand_fills_its_share_of_the_square(size_px: int) -> None:
    square = hand_square(red_picture(300, 400, (150, 100, 230, 180)), hand_in((150, 100, 230, 180)), size_px)
    assert square.shape == (size_px, size_px, 3)
    rows, columns = np.nonzero(square[..., 0] > 150)
    for places in (rows, columns):
        assert (places.min() + places.max() + 1) / 2 == pytest.approx(size_px / 2, abs=1)
        assert places.max() + 1 - places.min() == pytest.approx(size_px / 1.5, abs=1.5)


def test_a_dot_at_a_joint_is_seen_where_the_joint_is_in_the_square() -> None:
    hand = hand_in((33.4, 51.2, 90.8, 97.9))
    for joint, size_px in ((0, 128), (7, 128), (20, 40)):
        pixels = np.zeros((200, 160, 3), dtype=np.uint8)
        x, y = np.floor(hand.joints[joint]).astype(int)
        pixels[y - 2 : y + 3, x - 2 : x + 3] = 255
        rows, columns = np.nonzero(hand_square(pixels, hand, size_px)[..., 0] > 100)
        seen = np.array([columns.mean(), rows.mean()]) + 0.5
        assert np.abs(seen - joints_in_square(hand, size_px)[joint]).max() < 1.5


def test_beyond_the_picture_the_square_is_black() -> None:
    pixels = np.full((60, 80, 3), 200, dtype=np.uint8)
    square = hand_square(pixels, hand_in((-20, -20, 20, 20)), 64)
    assert not square[:30].any()
    assert not square[:, :30].any()
    assert (square[34:, 34:] == 200).all()
    assert not hand_square(pixels, hand_in((500, 500, 520, 520)), 64).any()


def test_a_large_picture_is_shrunk_by_areas_so_that_no_line_of_it_is_lost() -> None:
    pixels = np.zeros((2000, 2000, 3), dtype=np.uint8)
    pixels[::2] = 255
    square = hand_square(pixels, hand_in((200, 200, 1800, 1800)), 64, margin=1.0)
    assert np.abs(square.astype(int) - 127.5).max() < 8


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1)])
def test_a_picture_a_pixel_thin_is_cut_as_well(shape: tuple[int, int]) -> None:
    square = hand_square(np.full((*shape, 3), 200, dtype=np.uint8), hand_in((0, 0, shape[1], shape[0])), 32)
    assert (square == 200).any()
