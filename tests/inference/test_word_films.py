"""Films of known words: what they are made of, and the door that measures with them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src import spelling
from src.errors import UserError
from src.inference.box import IN_THE_BOX
from src.inference.video import Frame
from src.inference.word_films import FILM_RATE_HZ, Hands, Pace, check_text, frames_of
from src.signs.labels import INDEX_OF

PACE = Pace(letter_seconds=0.8, pause_seconds=1.0)


@pytest.fixture(scope="module")
def hands() -> Hands:
    """A grey square on black for A and B."""
    images = {}
    for sign, grey in (("A", 120), ("B", 240)):
        image = np.zeros((64, 64, 3), np.uint8)
        image[16:48, 16:48] = grey
        images[INDEX_OF[sign]] = [image]
    return images


def film(text: str, hands: Hands, seed: int = 0) -> list[Frame]:
    """All frames of a film."""
    return list(frames_of(text, hands, PACE, np.random.default_rng(seed)))


def brightness(frames: list[Frame], seconds: float) -> float:
    """Mean grey of the film's middle at a time."""
    return float(frames[round(seconds * FILM_RATE_HZ)].pixels[96:160, 96:160].mean())


def test_each_letter_has_its_time_and_a_pause_shows_no_hand(hands: Hands) -> None:
    frames = film("A B", hands)
    assert frames[-1].seconds == pytest.approx(0.5 + 0.8 + 1.0 + 0.8 + 0.5, abs=0.15)
    assert brightness(frames, 0.2) < 10
    assert brightness(frames, 1.1) == pytest.approx(120, abs=8)
    assert brightness(frames, 1.8) < 10
    assert brightness(frames, 2.9) == pytest.approx(240, abs=8)


def test_between_two_equal_letters_the_hand_is_away(hands: Hands) -> None:
    middles = [frame.pixels[96:160, 96:160].mean() for frame in film("AA", hands)]
    shown = np.array(middles) > 60
    assert int(np.diff(shown.astype(int)).clip(0).sum()) == 2
    once = np.array([frame.pixels[96:160, 96:160].mean() for frame in film("A", hands)]) > 60
    assert int(np.diff(once.astype(int)).clip(0).sum()) == 1


def test_the_same_seed_gives_the_same_film(hands: Hands) -> None:
    first, again, other = film("AB", hands), film("AB", hands), film("AB", hands, seed=1)
    assert all((a.pixels == b.pixels).all() for a, b in zip(first, again, strict=True))
    assert any((a.pixels != b.pixels).any() for a, b in zip(first, other, strict=True))


def test_what_cannot_be_spelled_is_said(hands: Hands) -> None:
    assert check_text("  hello   world ") == "HELLO WORLD"
    with pytest.raises(UserError, match="cannot be spelled"):
        check_text("grüß")
    with pytest.raises(UserError, match="no image of 'C'"):
        film("AC", hands)


def test_the_door_reads_what_it_spelled(cnn_run: Path, door: Callable, tmp_path: Path) -> None:
    run = door(spelling.main, f"run={cnn_run}", "words=AB", "speeds=0.6", f"output={tmp_path}/read.csv")
    assert run.status == 0, run.err
    assert "character error rate" in run.out
    assert (tmp_path / "read.csv").read_text().splitlines()[0] == "letter_seconds,text,read,edits,characters"


def test_an_exported_file_is_tried_on_rendered_hands_and_says_that_it_has_no_pictures_of_its_own(
    door: Callable,
) -> None:
    tried = door(spelling.main, f"run={IN_THE_BOX}", "hands=rendered", "words=L", "speeds=0.6")
    assert tried.status == 0, tried.err
    boxed = door(spelling.main, "words=L", "speeds=0.6")
    assert boxed.status == 0, boxed.err
    assert "The network in the box" in boxed.out
    assert "use hands=rendered" in door(spelling.main, "hands=test").err
    assert "use hands=rendered" in door(spelling.main, f"run={IN_THE_BOX}").err


def test_any_signer_of_any_source_can_spell(door: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for sign in "AB":
        for signer in ("mia", "tom"):
            folder = tmp_path / "rooms_dev" / signer / sign
            folder.mkdir(parents=True)
            Image.new("RGB", (64, 48), (90, 60 + ord(sign), 90)).save(folder / "0_1.jpg")
    monkeypatch.setenv("FINGERSPELL_DATA", str(tmp_path))
    spelled = door(spelling.main, "hands=rooms_dev:tom", "words=AB", "speeds=0.6", f"output={tmp_path}/read.csv")
    assert spelled.status == 0, spelled.err
    assert (tmp_path / "read.csv").read_text().splitlines()[1].startswith("0.6,AB,")
    assert "it has mia, tom" in door(spelling.main, "hands=rooms_dev:ann").err
    assert "no source 'room'" in door(spelling.main, "hands=room:ann").err


@pytest.mark.parametrize(
    ("argument", "said"), [("hands=mine", "choose from test, rendered"), ("speeds=slow", "valid number")]
)
def test_a_wrong_setting_is_said(cnn_run: Path, door: Callable, argument: str, said: str) -> None:
    assert said in door(spelling.main, f"run={cnn_run}", argument).err
