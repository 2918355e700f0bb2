"""The decoder on made-up streams: what a user may rely on when a hand spells."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from src.inference.spelling import DEFAULT_SETTINGS, Speller
from src.signs.labels import INDEX_OF, NUM_SIGNS


def shown(sign: str | None, probability: float = 0.9) -> np.ndarray:
    """(36,) probabilities of a frame; None is a frame without a hand."""
    if sign is None:
        return np.zeros(NUM_SIGNS)
    row = np.full(NUM_SIGNS, (1 - probability) / (NUM_SIGNS - 1))
    row[INDEX_OF[sign]] = probability
    return row


def spelled(parts: list[tuple[str | None, float]], rate_hz: float = 15.0, speller: Speller | None = None) -> Speller:
    """Feed signs, each held for so many seconds."""
    speller = speller or Speller()
    seconds = 0.0
    for sign, duration in parts:
        for _ in range(round(duration * rate_hz)):
            speller.feed(seconds, shown(sign))
            seconds += 1 / rate_hz
    return speller


@pytest.mark.parametrize("letter_seconds", [0.4, 0.7, 1.2, 3.0])
@pytest.mark.parametrize("rate_hz", [12, 15, 30])
def test_a_word_is_read_at_every_speed_and_frame_rate(letter_seconds: float, rate_hz: float) -> None:
    assert spelled([(sign, letter_seconds) for sign in "HANDY"], rate_hz).text == "HANDY"


def test_letters_carry_the_time_at_which_they_were_signed() -> None:
    speller = spelled([(None, 1.0), ("A", 1.0), ("B", 1.0)])
    assert [letter.sign for letter in speller.letters] == ["A", "B"]
    assert speller.letters[0].start_seconds == pytest.approx(1.0, abs=0.2)
    assert speller.letters[0].end_seconds == pytest.approx(2.0, abs=0.2)
    assert speller.letters[1].start_seconds == pytest.approx(2.0, abs=0.2)


def test_a_sign_held_for_long_is_one_letter() -> None:
    assert spelled([("L", 10.0)]).text == "L"


def test_a_double_letter_needs_the_hand_away_in_between() -> None:
    assert spelled([("L", 0.7), (None, 0.35), ("L", 0.7)]).text == "LL"
    assert spelled([("L", 1.4)]).text == "L"


def test_a_single_bad_frame_neither_doubles_a_letter_nor_adds_one() -> None:
    frame = 1 / 15
    assert spelled([("A", 0.6), (None, frame), ("A", 0.6)]).text == "A"
    assert spelled([("A", 0.6), ("Q", frame), ("A", 0.6)]).text == "A"
    assert spelled([("A", 0.6), ("Q", frame), ("B", 0.6)]).text == "AB"


def test_a_long_pause_is_one_space_and_only_between_letters() -> None:
    assert spelled([(None, 3.0), ("A", 0.7), (None, 1.2), ("B", 0.7), (None, 5.0)]).text == "A B"


def test_doubt_is_a_pause_as_much_as_an_empty_picture() -> None:
    speller, seconds = Speller(), 0.0
    for row in [shown("A")] * 15 + [shown("B", 0.2)] * 20 + [shown("C")] * 15:
        speller.feed(seconds, row)
        seconds += 1 / 15
    assert speller.text == "A C"


def test_a_sign_shorter_than_the_hold_time_is_no_letter() -> None:
    strict = replace(DEFAULT_SETTINGS, hold_seconds=0.5)
    assert spelled([("A", 0.3), ("B", 1.0)], speller=Speller(strict)).text == "B"


def test_the_stand_of_the_sign_being_held_can_be_shown() -> None:
    speller = Speller(replace(DEFAULT_SETTINGS, hold_seconds=1.0))
    assert speller.leading is None
    spelled([("A", 0.6)], speller=speller)
    sign, share = speller.leading
    assert sign == "A"
    assert 0.2 < share < 0.8


def test_a_long_stream_takes_no_more_memory_than_its_text() -> None:
    def twenty_minutes() -> Iterator[np.ndarray]:
        for number in range(15 * 1200):
            yield shown("AB"[number // 15 % 2])

    speller = Speller()
    tracemalloc.start()
    for number, row in enumerate(twenty_minutes()):
        speller.feed(number / 15, row)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(speller.letters) == 1200
    assert peak < 1e6
