"""One visitor's camera: the hand that is followed, its probabilities smoothed over time, the text spelled so far."""

import time

import numpy as np

from src.hands.hand import Hand
from src.inference.recognizer import ranked
from src.inference.sight import Following, Sight
from src.inference.spelling import Letter, Speller, SpellingSettings, speller_for
from src.signs.labels import NUM_SIGNS

# Of the largest square in the image's middle, for networks that read whole frames; style.css draws the guide box by the
# same number.
GUIDE_SHARE = 0.8
SHOWN_SIGNS = 5
_LETTERS_KEPT = 400
# Slower than films are read: a visitor looks for the next sign in the chart.
_SPELLING = SpellingSettings(smoothing_seconds=0.15, hold_seconds=0.5, release_seconds=0.25, pause_seconds=1.2)


def guide_box(pixels: np.ndarray) -> np.ndarray:
    """The part of `(height, width, 3)` pixels that lies in the guide box; a view."""
    height, width = pixels.shape[:2]
    side = max(1, round(GUIDE_SHARE * min(height, width)))
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


class LiveReading:
    """What one visitor has signed; the last 400 letters at most.

    Attributes:
        hand: in pixels of the last frame; None where none is seen, and for a network that reads whole frames.
        others: whether another hand is seen beside it most of the time.
        frame: width and height of the last frame in pixels; zeros before the first.
    """

    def __init__(self) -> None:
        self.hand: Hand | None = None
        self.frame = (0, 0)
        self.others = False
        self._speller: Speller | None = None
        self._following: Following | None = None
        self._sees_something = False

    @property
    def letters(self) -> list[Letter]:
        """What was spelled so far, letter by letter."""
        return self._speller.letters if self._speller else []

    @property
    def text(self) -> str:
        """What was spelled so far."""
        return self._speller.text if self._speller else ""

    @property
    def best(self) -> list[tuple[str, float]]:
        """The five most probable signs now, smoothed over time, best first; empty where nothing is seen."""
        return ranked(self._speller.smoothed, SHOWN_SIGNS) if self._speller and self._sees_something else []

    @property
    def held(self) -> float:
        """How much of the time that makes a letter the leading sign has been held, 0 to 1."""
        leading = self._speller.leading if self._speller else None
        return leading[1] if leading else 0.0

    @property
    def looked(self) -> bool:
        """Whether there was a frame yet."""
        return self.frame != (0, 0)

    def look(self, sight: Sight, pixels: np.ndarray, seconds: float | None = None) -> None:
        """One frame.

        Args:
            pixels: `(height, width, 3) uint8` RGB of the whole frame, not mirrored.
            seconds: its time; None for now.
        """
        if self._speller is None or self._following is None:
            self._speller = speller_for(sight.recognizer.about, _SPELLING)
            self._following = sight.following()
        seconds = time.monotonic() if seconds is None else seconds
        seen = self._following.look(guide_box(pixels) if sight.finder is None else pixels, seconds)
        self._sees_something = seen.square is not None
        self.hand, self.frame, self.others = seen.hand, (pixels.shape[1], pixels.shape[0]), seen.others
        probabilities = np.zeros(NUM_SIGNS, np.float32)
        if seen.square is not None:
            probabilities = sight.recognizer.probabilities(seen.square[None])[0]
        self._speller.feed(seconds, probabilities, seen.speed)
        if len(self.letters) > _LETTERS_KEPT:
            self._go_on_from(self.letters[-_LETTERS_KEPT // 2 :])

    def clear(self) -> None:
        """Begin again."""
        self._go_on_from([])

    def delete_last(self) -> None:
        """Take the last letter back."""
        self._go_on_from(self.letters[:-1])

    def _go_on_from(self, letters: list[Letter]) -> None:
        if self._speller is not None:
            self._speller = Speller(self._speller.settings)
            self._speller.letters = list(letters)
