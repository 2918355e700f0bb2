"""A video or a camera through a network: frames in, probabilities and text out, in constant memory."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np

from src.errors import UserError
from src.inference.images import WHOLE, Crop
from src.inference.recognizer import Recognizer
from src.inference.spelling import Speller
from src.inference.video import Frame, ahead
from src.sources.decoding import Unreadable

FRAMES_AHEAD = 16
_BLANK_SIDE_PX = 16  # so small that a sensor's noise averages out
_BLANK_CONTRAST = 4.0  # grey levels


@dataclass(frozen=True)
class Moment:
    """One analysed frame; the speller has just read it.

    Attributes:
        seconds: since the first frame.
        probabilities: `(36,) float32`; zeros where the image is blank.
        pixels: `(height, width, 3) uint8` RGB of the whole frame, or None where nobody asked for it.
    """

    seconds: float
    probabilities: np.ndarray
    pixels: np.ndarray | None


def is_blank(square: np.ndarray) -> bool:
    """Whether an image shows nothing at all: a covered lens, an empty and even background.

    A network that knows signs only answers with one for any image, so this is asked before it. An empty room is not
    blank: there the network's own doubt must serve.
    """
    small = cv2.resize(square, (_BLANK_SIDE_PX, _BLANK_SIDE_PX), interpolation=cv2.INTER_AREA)
    return float(small.mean(axis=2).std()) < _BLANK_CONTRAST


def watch(
    recognizer: Recognizer,
    frames: Iterable[Frame],
    speller: Speller,
    crop: Crop = WHOLE,
    keep_pixels: bool = False,
    batch_size: int = 8,
) -> Generator[Moment, None, None]:
    """Every frame's probabilities, in order; a thread decodes while the network runs.

    Args:
        speller: is fed each frame before its moment is yielded.
        batch_size: frames a network call; 1 for a camera, where waiting for more would be seen as delay.

    Raises:
        UserError: the crop does not lie in the image, or the frames' own error.
    """

    def squares() -> Iterator[tuple[float, np.ndarray | None, np.ndarray]]:
        for frame in frames:
            try:
                part = crop(frame.pixels)
            except Unreadable as error:
                raise UserError(f"The video cannot be cropped: {error}.") from None
            yield frame.seconds, frame.pixels if keep_pixels else None, recognizer.square(part)

    stream = ahead(squares(), FRAMES_AHEAD if batch_size > 1 else 1)
    while batch := list(islice(stream, batch_size)):
        rows = recognizer.probabilities(np.stack([square for _, _, square in batch]))
        for (seconds, pixels, square), probabilities in zip(batch, rows, strict=True):
            if is_blank(square):
                probabilities = np.zeros_like(probabilities)
            speller.feed(seconds, probabilities)
            yield Moment(seconds, probabilities, pixels)
