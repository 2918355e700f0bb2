"""From a stream of probabilities to text: a sign held becomes a letter, a pause a space, a release allows it again."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from src.signs.labels import NUM_SIGNS, SIGNS

if TYPE_CHECKING:
    from src.inference.recognizer import About


_CERTAIN_ENOUGH = 0.6  # of 0.4, 0.6 and 0.75 it read films of asl_dataset's hand4 best


@dataclass(frozen=True)
class SpellingSettings:
    """When a sign counts. The numbers read the films of experiments/spelling best, on a person who is not their test.

    Attributes:
        smoothing_seconds: time constant of the exponential mean over frames.
        hold_seconds: a sign that leads this long becomes a letter.
        release_seconds: the same sign counts again after the hand was elsewhere this long.
        pause_seconds: no clear sign for this long becomes a space before the next letter.
        sure_above: smoothed probability from which a sign leads at all; lower than a single image would need, since
            a sign must also last.
        certain_above: smoothed probability that a sign must reach once before it becomes a letter; None leaves it to
            the network, see `speller_for`.
        steady_below: a hand whose joints go faster than this, in lengths of the hand a second, is between two signs. In
            films of rendered hands a sign that is held measures 0.1 to 0.4, a change of signs 1 to 5.
    """

    smoothing_seconds: float = 0.06
    hold_seconds: float = 0.15
    release_seconds: float = 0.07
    pause_seconds: float = 0.7
    sure_above: float = 0.3
    certain_above: float | None = None
    steady_below: float = 1.0


DEFAULT_SETTINGS = SpellingSettings()


@dataclass
class Letter:
    """One letter of the text.

    Attributes:
        sign: one of the 36 signs.
        start_seconds, end_seconds: while it was held.
        probability: the highest smoothed probability that it reached.
        after_space: whether a pause came before it.
    """

    sign: str
    start_seconds: float
    end_seconds: float
    probability: float
    after_space: bool


class Speller:
    """Reads one stream. Its memory is the text, nothing else.

    Attributes:
        letters: what was spelled so far.
        smoothed: `(36,)` smoothed probabilities at the last frame.
    """

    def __init__(self, settings: SpellingSettings = DEFAULT_SETTINGS) -> None:
        self.settings = settings
        self.letters: list[Letter] = []
        self.smoothed = np.zeros(NUM_SIGNS)
        self._seconds: float | None = None
        self._leading: int | None = None  # class index
        self._leads_since = 0.0
        self._surest = 0.0  # the highest smoothed probability that it has reached since
        self._written: int | None = None  # the last letter's class, until it is released
        self._away_since: float | None = None  # since when the hand has not shown that letter
        self._nothing_since: float | None = None
        self._pause = False

    @property
    def text(self) -> str:
        """What was spelled so far."""
        return "".join((" " if letter.after_space else "") + letter.sign for letter in self.letters)

    @property
    def leading(self) -> tuple[str, float] | None:
        """The sign that leads now and how much of the hold time it has done (1 = written), or None."""
        if self._leading is None or self._seconds is None:
            return None
        if self._leading == self._written:
            return SIGNS[self._leading], 1.0
        held = self._seconds - self._leads_since
        return SIGNS[self._leading], min(1.0, held / max(self.settings.hold_seconds, 1e-9))

    def feed(self, seconds: float, probabilities: np.ndarray, speed: float = 0.0) -> bool:
        """One frame.

        Args:
            seconds: its time, not before that of the last one; frames may come at any rate.
            probabilities: `(36,)`; zeros where no hand is seen.
            speed: of the hand, in its own lengths a second: what a hand shows on its way to the next sign is no sign.

        Returns:
            Whether a letter was written.
        """
        passed = None if self._seconds is None else max(0.0, seconds - self._seconds)
        weight = 1.0 if passed is None else 1 - math.exp(-passed / max(self.settings.smoothing_seconds, 1e-9))
        shown = probabilities if self.is_steady(speed) else np.zeros_like(probabilities)
        self.smoothed = self.smoothed + weight * (shown - self.smoothed)
        self._seconds = seconds
        best = int(self.smoothed.argmax())
        self._follow(best if self.smoothed[best] >= self.settings.sure_above else None, seconds)
        return self._write_if_held(seconds)

    def is_steady(self, speed: float) -> bool:
        """Whether a hand of this speed, in its own lengths a second, may show a sign."""
        return speed < self.settings.steady_below

    def is_sure(self, probability: float) -> bool:
        """Whether a sign of this probability may become a letter."""
        return probability >= max(self.settings.sure_above, self.settings.certain_above or 0.0)

    def _follow(self, leading: int | None, seconds: float) -> None:
        if leading != self._leading:
            self._leading, self._leads_since, self._surest = leading, seconds, 0.0
        if leading is not None:
            self._nothing_since = None
            self._surest = max(self._surest, float(self.smoothed[leading]))
        elif self._nothing_since is None:
            self._nothing_since = seconds
        elif seconds - self._nothing_since >= self.settings.pause_seconds:
            self._pause = bool(self.letters)
        if self._written is None or leading == self._written:
            self._away_since = None
        elif self._away_since is None:
            self._away_since = seconds
        elif seconds - self._away_since >= self.settings.release_seconds:
            self._written = self._away_since = None

    def _write_if_held(self, seconds: float) -> bool:
        if self._leading is None:
            return False
        probability = float(self.smoothed[self._leading])
        if self._leading == self._written:
            letter = self.letters[-1]
            letter.end_seconds, letter.probability = seconds, max(letter.probability, probability)
            return False
        if seconds - self._leads_since < self.settings.hold_seconds:
            return False
        if self._surest < (self.settings.certain_above or 0.0):
            return False
        self.letters.append(Letter(SIGNS[self._leading], self._leads_since, seconds, probability, self._pause))
        self._written, self._pause = self._leading, False
        return True


def speller_for(about: "About", settings: SpellingSettings = DEFAULT_SETTINGS) -> Speller:
    """A speller for what this network says.

    A network that reads found hands is shown every hand, also one that signs nothing: unless `certain_above` says
    otherwise, a letter must once have been as probable as a single picture must be not to be "not sure", or as
    `_CERTAIN_ENOUGH`: a sign that is held says the same many times. The settings for whole frames were found without
    that.
    """
    if settings.certain_above is None and about.crop == "hand" and about.abstain_below is not None:
        settings = replace(settings, certain_above=min(about.abstain_below, _CERTAIN_ENOUGH))
    return Speller(settings)
