"""One visitor's camera: the part in the guide box, its probabilities smoothed over time, the text spelled so far."""

import time

import numpy as np

from src.inference.recognizer import Recognizer, ranked
from src.inference.spelling import Letter, Speller, SpellingSettings
from src.inference.watching import is_blank

# Of the largest square in the image's middle; style.css draws the guide box by the same number.
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
    """What one visitor has signed; the last 400 letters at most."""

    def __init__(self) -> None:
        self._speller: Speller | None = None
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

    def look(self, recognizer: Recognizer, pixels: np.ndarray, seconds: float | None = None) -> None:
        """One frame.

        Args:
            pixels: `(height, width, 3) uint8` RGB of the whole frame, not mirrored.
            seconds: its time; None for now.
        """
        if self._speller is None:
            self._speller = Speller(_SPELLING)
        square = recognizer.square(guide_box(pixels))
        self._sees_something = not is_blank(square)
        probabilities = recognizer.probabilities(square[None])[0]
        if not self._sees_something:
            probabilities = np.zeros_like(probabilities)
        self._speller.feed(time.monotonic() if seconds is None else seconds, probabilities)
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
            self._speller = Speller(_SPELLING)
            self._speller.letters = list(letters)
