"""Examples that the page offers, rendered by the project when they are first asked for: no image of anybody."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from src.inference.video import Frame
from src.inference.word_films import FILM_SIDE_PX, Hands, Pace, frames_of, write_film
from src.signs.labels import INDEX_OF, NUM_SIGNS
from src.storage.files import replacing_whole
from src.synthetic.dataset import sample
from src.synthetic.spec import RenderedSpec
from src.web.live import GUIDE_SHARE

PICTURES = "LPQH5"
WORD = "CLIP"  # without 0, O, 2, V, 6, W, 9 and F, of which no image tells one from the other
CAMERA_FRAME_SECONDS = 0.1
_SEED = 70_003  # a person that no training set of this project draws
_PACE = Pace(letter_seconds=1.2)


@lru_cache(maxsize=NUM_SIGNS)
def _hand(sign: int) -> np.ndarray:
    """`(256, 256, 3) uint8` RGB, not to be written to."""
    return sample(RenderedSpec(NUM_SIGNS, signers=1, image_size_px=FILM_SIDE_PX, seed=_SEED), sign).image


def hands(text: str) -> Hands:
    """One image of each sign of `text`, as films are made from."""
    return {INDEX_OF[sign]: [_hand(INDEX_OF[sign])] for sign in text if sign != " "}


def example_images(folder: Path) -> list[Path]:
    """One image for each of a few signs, named by the sign."""
    files = [folder / f"{sign}.png" for sign in PICTURES]
    for sign, file in zip(PICTURES, files, strict=True):
        if not file.is_file():
            with replacing_whole(file) as beside:
                cv2.imwrite(str(beside), cv2.cvtColor(_hand(INDEX_OF[sign]), cv2.COLOR_RGB2BGR))
    return files


def example_film(folder: Path) -> Path:
    """A film that spells a word."""
    file = folder / f"{WORD}.mp4"
    if not file.is_file():
        write_film(file, WORD, hands(WORD), _PACE, seed=1)
    return file


def camera_frames(text: str = WORD) -> Iterator[Frame]:
    """The same word as the page's camera would see it: the hand as large as the guide box, ten frames a second."""
    margin = round(FILM_SIDE_PX * (1 / GUIDE_SHARE - 1) / 2)
    next_frame = 0.0
    for frame in frames_of(text, hands(text), _PACE, np.random.default_rng(1)):
        if frame.seconds < next_frame:
            continue
        next_frame += CAMERA_FRAME_SECONDS
        around = cv2.copyMakeBorder(frame.pixels, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
        yield Frame(frame.seconds, around)
