"""Figures of a run that are images."""

import io

import numpy as np
from PIL import Image

from src.evaluation.figures import captioned_grid, confusion_figure


def test_a_grid_holds_every_image() -> None:
    reds = [np.full((10, 10, 3), (255, 0, 0), np.uint8)] * 7
    sheet = captioned_grid(reds, ["A"] * 7, columns=3, tile_px=20)
    assert int((sheet == (255, 0, 0)).all(axis=2).sum()) == 7 * 20 * 20


def test_mistakes_are_red_in_a_confusion_matrix_and_correct_predictions_blue() -> None:
    def colours(predicted: list[int]) -> tuple[bool, bool]:
        file = io.BytesIO()
        confusion_figure(np.array([3, 4]), np.array(predicted)).savefig(file)
        pixels = np.asarray(Image.open(file).convert("RGB")).astype(int)
        red, blue = pixels[..., 0] - pixels[..., 2], pixels[..., 2] - pixels[..., 0]
        return bool((red > 100).any()), bool((blue > 100).any())

    assert colours([3, 4]) == (False, True)
    assert colours([4, 3]) == (True, False)
