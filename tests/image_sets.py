"""Tiny image sets in the layouts that users meet, made in a temporary folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WriteImage = Callable[..., Path]


@pytest.fixture
def write_image() -> WriteImage:
    """A function that writes a small picture of noise, the same for the same path, in the format of its ending."""

    def write(path: Path, size: tuple[int, int] = (12, 10), mode: str = "RGB", **options: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        draw = np.random.default_rng(list(path.name.encode()))
        pixels = draw.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(path, **options)
        return path

    return write


@pytest.fixture
def class_folders(write_image: WriteImage) -> Callable[..., Path]:
    """A function that writes `count` images into a folder for each class."""

    def write(start: Path, classes: str | list[str], count: int = 1, name: str = "{label}{number}.jpg") -> Path:
        for label in classes:
            for number in range(1, count + 1):
                write_image(start / label / name.format(label=label, number=number))
        return start

    return write
