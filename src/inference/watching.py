"""A video or a camera through a network: frames in, probabilities and text out, in constant memory."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from src.errors import UserError
from src.hands.hand import Hand
from src.inference.images import WHOLE, Crop
from src.inference.sight import Seen, Sight, placed
from src.inference.spelling import Speller
from src.inference.video import Frame, ahead
from src.signs.labels import NUM_SIGNS
from src.sources.decoding import Unreadable

FRAMES_AHEAD = 16


@dataclass(frozen=True, eq=False)
class Moment:
    """One analysed frame; the speller has just read it.

    Attributes:
        seconds: since the first frame.
        probabilities: `(36,) float32`; zeros where there is no hand, or the image is blank.
        pixels: `(height, width, 3) uint8` RGB of the whole frame, or None where nobody asked for it.
        hand: in pixels of the whole frame; None where none is seen, and for a network that reads whole frames.
        speed: of the hand, in its own lengths a second.
        others: whether another hand was seen beside it in most of the time so far.
    """

    seconds: float
    probabilities: np.ndarray
    pixels: np.ndarray | None
    hand: Hand | None = None
    speed: float = 0.0
    others: bool = False


def watch(
    sight: Sight,
    frames: Iterable[Frame],
    speller: Speller,
    crop: Crop = WHOLE,
    keep_pixels: bool = False,
    batch_size: int = 8,
) -> Generator[Moment, None, None]:
    """Every frame's probabilities, in order; a thread decodes and follows the hand while the network runs.

    Args:
        speller: is fed each frame before its moment is yielded.
        crop: the part of a frame that is looked at.
        batch_size: frames a network call; 1 for a camera, where waiting for more would be seen as delay.

    Raises:
        UserError: the crop does not lie in the image, or the frames' own error.
    """
    following = sight.following()

    def looked() -> Iterator[tuple[Frame, Seen, Hand | None]]:
        for frame in frames:
            try:
                x, y, _, _ = crop.within(frame.pixels.shape[1], frame.pixels.shape[0])
                part = crop(frame.pixels)
            except Unreadable as error:
                raise UserError(f"The video cannot be cropped: {error}.") from None
            seen = following.look(part, frame.seconds)
            kept = frame if keep_pixels else frame._replace(pixels=_NO_PIXELS)
            yield kept, seen, placed(seen.hand, 1, x, y) if seen.hand else None

    stream = ahead(looked(), FRAMES_AHEAD if batch_size > 1 else 1)
    while batch := list(islice(stream, batch_size)):
        squares = [seen.square for _, seen, _ in batch if seen.square is not None]
        rows = iter(sight.recognizer.probabilities(np.stack(squares)) if squares else ())
        for frame, seen, hand in batch:
            probabilities = np.zeros(NUM_SIGNS, np.float32) if seen.square is None else next(rows)
            speller.feed(frame.seconds, probabilities, seen.speed)
            pixels = frame.pixels if keep_pixels else None
            yield Moment(frame.seconds, probabilities, pixels, hand, seen.speed, seen.others)


_NO_PIXELS = np.empty((0, 0, 3), np.uint8)
