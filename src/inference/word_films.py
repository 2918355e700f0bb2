"""Films of hands that spell known words, made from single images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from src.errors import UserError
from src.inference.drawing import film
from src.inference.video import Frame
from src.signs.labels import INDEX_OF, NUM_SIGNS, SIGNS
from src.sources.images import fit_square
from src.synthetic.dataset import sample
from src.synthetic.spec import RenderedSpec

FILM_SIDE_PX = 256
FILM_RATE_HZ = 25.0
_RENDERED_SEED = 90_001  # people that no training set of this project draws
_AWAY_SECONDS = 0.36  # how long the hand leaves between two equal letters
_EMPTY_SECONDS = 0.5  # before the first letter and after the last
_NOISE = 2.0  # grey levels of a sensor


@dataclass(frozen=True)
class Pace:
    """How fast a hand spells.

    Attributes:
        letter_seconds: from one letter to the next, the change included.
        pause_seconds: no hand, between words.
    """

    letter_seconds: float
    pause_seconds: float = 1.0

    @property
    def change_seconds(self) -> float:
        """The part of a letter's time in which its handshape is not there yet."""
        return min(0.2, 0.3 * self.letter_seconds)


Hands = Mapping[int, Sequence[np.ndarray]]


def rendered_hands(images_of_each: int = 3) -> Hands:
    """Class index → rendered images of one person."""
    spec = RenderedSpec(images_of_each * NUM_SIGNS, signers=1, image_size_px=FILM_SIDE_PX, seed=_RENDERED_SEED)
    return {
        sign: [sample(spec, shot * NUM_SIGNS + sign).image for shot in range(images_of_each)]
        for sign in range(NUM_SIGNS)
    }


def frames_of(text: str, hands: Hands, pace: Pace, rng: np.random.Generator) -> Iterator[Frame]:
    """The frames of a film of `text`: letters in turn, no hand for a space, hand away and back within a double letter.

    Raises:
        UserError: there is no image of one of the signs.
    """
    shown: list[tuple[str, np.ndarray]] = []
    for character in text:
        if character == " ":
            shown.append((character, np.empty(0)))
            continue
        images = hands.get(INDEX_OF[character], ())
        if not len(images):
            raise UserError(f"There is no image of '{character}' to make a film from.")
        shown.append((character, fit_square(images[int(rng.integers(len(images)))], FILM_SIDE_PX, "pad")))
    empty = _empty(next(image for _, image in shown if image.size))
    moments: list[np.ndarray] = []
    before = empty
    moments += _still(empty, _EMPTY_SECONDS, rng)
    for index, (character, image) in enumerate(shown):
        if character == " ":
            moments += _still(empty, pace.pause_seconds, rng)
            before = empty
            continue
        if index and shown[index - 1][0] == character:
            moments += _away_and_back(before, image, empty)
        else:
            moments += _change(before, image, pace.change_seconds)
        moments += _still(image, pace.letter_seconds - pace.change_seconds, rng)
        before = image
    moments += _still(empty, _EMPTY_SECONDS, rng)
    for number, pixels in enumerate(moments):
        noisy = pixels + rng.normal(0, _NOISE, pixels.shape)
        yield Frame(number / FILM_RATE_HZ, np.clip(noisy, 0, 255).astype(np.uint8))


def _empty(image: np.ndarray) -> np.ndarray:
    """What is left when the hand is gone: the border's colour."""
    border = np.concatenate([image[0], image[:, 0], image[:, -1]])
    return np.broadcast_to(np.median(border, axis=0).astype(np.uint8), image.shape)


def _count(seconds: float) -> int:
    return max(1, round(seconds * FILM_RATE_HZ))


def _moved(image: np.ndarray, right: float, larger: float, behind: np.ndarray) -> np.ndarray:
    side = image.shape[0]
    matrix = np.array([[larger, 0, side * (right + (1 - larger) / 2)], [0, larger, side * (1 - larger) / 2]])
    colour = tuple(int(value) for value in behind[0, 0])
    return cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=colour)


def _still(image: np.ndarray, seconds: float, rng: np.random.Generator) -> list[np.ndarray]:
    """No hand is quite still: it drifts by a few per cent."""
    count = _count(seconds)
    begin, end = rng.normal(0, 0.012, 2), rng.normal(0, 0.012, 2)
    path = np.linspace(begin, end, count)
    return [_moved(image, right, 1 + larger, _empty(image)) for right, larger in path]


def _change(before: np.ndarray, after: np.ndarray, seconds: float) -> list[np.ndarray]:
    """One handshape into the next, as a slow shutter sees it: both at once, smeared."""
    count = _count(seconds)
    mixed = [cv2.addWeighted(np.ascontiguousarray(before), 1 - w, after, w, 0) for w in np.linspace(0.15, 0.85, count)]
    return [cv2.blur(image, (13, 5)) for image in mixed]


def _away_and_back(before: np.ndarray, after: np.ndarray, empty: np.ndarray) -> list[np.ndarray]:
    count = _count(_AWAY_SECONDS)
    shifts = np.sin(np.linspace(0, np.pi, count)) * 1.1
    middle = count // 2
    images = [before] * middle + [after] * (count - middle)
    return [cv2.blur(_moved(image, shift, 1.0, empty), (9, 1)) for image, shift in zip(images, shifts, strict=True)]


def write_film(file: Path, text: str, hands: Hands, pace: Pace, seed: int) -> None:
    """A film of `text` as H.264; the same seed gives the same frames."""
    with film(file, FILM_RATE_HZ) as writing:
        for frame in frames_of(text, hands, pace, np.random.default_rng(seed)):
            writing.add(frame.seconds, frame.pixels)


def check_text(text: str) -> str:
    """The text in capitals.

    Raises:
        UserError: it holds something else than signs and single spaces.
    """
    wanted = " ".join(text.upper().split())
    if not wanted or any(character not in (*SIGNS, " ") for character in wanted):
        raise UserError(f"'{text}' cannot be spelled: write words of the signs 0-9 and A-Z.")
    return wanted
