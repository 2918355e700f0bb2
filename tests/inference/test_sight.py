"""What a network that reads found hands is shown, and what is said where there is no hand, or two."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from src.hands.hand import hand_square
from src.inference import predicting, sight
from src.inference.images import Crop, crop_named, read_images
from src.inference.predicting import Request, predict
from src.inference.sight import Sight
from src.inference.spelling import DEFAULT_SETTINGS, Speller, SpellingSettings, speller_for
from src.inference.video import Frame, VideoFile
from src.inference.watching import Moment, watch
from src.sources.images import fit_square
from tests.inference.conftest import write_video
from tests.inference.stand_ins import BEHIND, SIZE_PX, BrightFinder, StandIn, about, picture

RATE_HZ = 15


@pytest.fixture
def eyes() -> Sight:
    """A network that reads found hands, and a finder."""
    return Sight(StandIn(), BrightFinder())


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that asks `predict` with stand-ins and gives what it prints."""
    monkeypatch.setattr(sight, "HandFinder", BrightFinder)

    def ask(source: Path | str, recognizer: StandIn | None = None, **request: Any) -> str:
        console = Console(file=io.StringIO(), width=200)
        predict(recognizer or StandIn(), Request(str(source), **request), console)
        return console.file.getvalue()

    return ask


def write(file: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(file)
    return file


def film(*parts: tuple[np.ndarray, float]) -> list[Frame]:
    """Frames, each shown for so many seconds."""
    frames = [pixels for pixels, seconds in parts for _ in range(round(seconds * RATE_HZ))]
    return [Frame(number / RATE_HZ, pixels) for number, pixels in enumerate(frames)]


def watched(frames: list[Frame], speller: Speller, recognizer: StandIn | None = None, **how: Any) -> list[Moment]:
    return list(watch(Sight(recognizer or StandIn(), BrightFinder()), frames, speller, **how))


# --- single pictures --------------------------------------------------------------------------------------------------


def test_the_network_is_shown_the_square_around_the_hand(eyes: Sight) -> None:
    pixels = picture(("B", 250, 60, 50))
    seen = eyes.look(pixels)
    assert seen.hand is not None
    assert seen.hand.box == (225, 35, 275, 85)
    np.testing.assert_array_equal(seen.square, hand_square(pixels, seen.hand, SIZE_PX, 1.5))


def test_a_network_that_reads_whole_frames_is_shown_them_and_no_finder_is_asked() -> None:
    pixels = picture(("B", 250, 60, 50))
    whole = Sight(StandIn("none"))
    assert whole.finder is None
    np.testing.assert_array_equal(whole.look(pixels).square, fit_square(pixels, SIZE_PX, "pad"))


def test_without_a_hand_no_letter_is_said_anywhere(said: Callable[..., str], tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    write(folder / "hand.png", picture(("K", 100, 100, 60)))
    write(folder / "room.png", picture())
    network = StandIn()
    printed = said(folder, network, output=tmp_path / "found.csv", annotate=tmp_path / "drawn")
    assert network.asked == 1
    assert "no hand" in next(line for line in printed.splitlines() if "room.png" in line)
    assert "No hand was found in 1 of 2 images" in printed
    assert "could not be read" not in printed
    with (tmp_path / "found.csv").open(newline="") as table:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(table)}
    assert rows["hand.png"]["sign"] == "K"
    assert {rows["room.png"][key] for key in ("answer", "sign", "probability", "second")} == {""}
    assert rows["room.png"]["problem"] == "no hand"
    said(folder / "room.png", output=tmp_path / "found.json")
    (entry,) = json.loads((tmp_path / "found.json").read_text())["pictures"]
    assert (entry["answer"], entry["sign"], entry["runners_up"]) == (None, None, [])
    assert entry["problem"] == "no hand"
    assert sorted(file.name for file in (tmp_path / "drawn").iterdir()) == ["hand.png", "room.png"]


def test_of_two_hands_the_larger_is_read_and_that_is_said_once(said: Callable[..., str], tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"{number}.png", picture(("A", 80, 100, 50), ("B", 220, 100, 70)))
    write(tmp_path / "one.png", picture(("C", 80, 100, 50)))
    printed = said(tmp_path, output=tmp_path / "found.csv")
    assert printed.count("another hand") == 1
    assert "3 of 4 images show another hand: the larger, more central one was read." in printed
    assert (tmp_path / "found.csv").read_text().count(",B,B,") == 3


@pytest.mark.parametrize("crop", ["full", "40,20,200,180", "center"])
def test_the_crop_is_the_part_in_which_the_hand_is_looked_for(eyes: Sight, tmp_path: Path, crop: str) -> None:
    file = write(tmp_path / "two.png", picture(("A", 290, 50, 60), ("B", 160, 120, 50)))
    (reading,) = read_images(eyes, [file], crop_named(crop))
    assert reading.hand is not None
    assert reading.hand.box == pytest.approx((260, 20, 320, 80) if crop == "full" else (135, 95, 185, 145))
    assert int(reading.probabilities.argmax()) == (10 if crop == "full" else 11)


def test_every_kind_of_picture_gets_an_answer(eyes: Sight, tmp_path: Path) -> None:
    hand = picture(("D", 210, 100, 60))
    large = cv2.resize(
        picture(("D", 210, 100, 60), height=240, width=320), (8000, 6000), interpolation=cv2.INTER_NEAREST
    )
    turned = Image.Exif()
    turned[0x0112] = 6  # shown a quarter turn clockwise
    files = {
        "tiny": write(tmp_path / "tiny.png", np.full((1, 1, 3), 90, np.uint8)),
        "large": write(tmp_path / "large.jpg", large),
        "grey": write(tmp_path / "grey.png", hand[..., 0]),
        "deep": tmp_path / "deep.png",
        "turned": tmp_path / "turned.png",
        "empty": write(tmp_path / "empty.jpg", picture()),
    }
    cv2.imwrite(str(files["deep"]), hand[..., 0].astype(np.uint16) * 257)
    Image.fromarray(hand).save(files["turned"], exif=turned)
    readings = dict(zip(files, read_images(eyes, list(files.values())), strict=True))
    boxes = {name: reading.hand.box for name, reading in readings.items() if reading.hand}
    assert {name for name, reading in readings.items() if reading.no_hand} == {"tiny", "empty"}
    assert boxes["grey"] == boxes["deep"] == (180, 70, 240, 130)
    assert boxes["turned"] == (240 - 130, 180, 240 - 70, 240)  # in pixels of the upright picture
    assert boxes["large"] == pytest.approx((4500, 1750, 6000, 3250), abs=20)  # as stored, though decoded smaller
    assert all(int(readings[name].probabilities.argmax()) == 13 for name in ("grey", "deep", "turned"))


def test_the_drawing_shows_the_hand_where_it_is(said: Callable[..., str], tmp_path: Path) -> None:
    write(tmp_path / "hand.png", picture(("L", 420, 200, 160), height=480, width=640))
    said(tmp_path / "hand.png", annotate=tmp_path / "drawn")
    drawn = np.asarray(Image.open(tmp_path / "drawn" / "hand.png").convert("RGB")).astype(int)
    accent = np.abs(drawn[:480] - (72, 187, 148)).max(axis=2) < 40
    ys, xs = np.nonzero(accent)
    assert (xs.min(), xs.max(), ys.max()) == pytest.approx((340, 500, 280), abs=5)
    assert 70 < ys.min() < 122  # the sign stands on the box


# --- films and cameras ------------------------------------------------------------------------------------------------


def test_held_signs_are_spelled_and_nothing_is_where_no_hand_is_seen() -> None:
    network, speller = StandIn(), speller_for(about())
    frames = film(
        (picture(), 1.0), (picture(("A", 90, 90, 60)), 1.0), (picture(), 1.2), (picture(("B", 90, 90, 60)), 1.0)
    )
    moments = watched(frames, speller, network)
    assert speller.text == "A B"
    assert network.asked == 2 * RATE_HZ
    assert all(not moment.probabilities.any() for moment in moments[:RATE_HZ])


def test_a_hand_is_followed_and_looked_for_again_when_it_is_lost() -> None:
    finder = BrightFinder()
    looks = Sight(StandIn(), finder).following()
    shown = [("A", 60, 60, 40)] * 5 + [("A", 250, 150, 40)] * 5  # it jumps, farther than it is followed
    boxes = [looks.look(picture(hand), number / RATE_HZ).hand.box for number, hand in enumerate(shown)]
    assert boxes[4] == (40, 40, 80, 80)
    assert boxes[5] == (230, 130, 270, 170)
    assert finder.follows == len(shown) - 1
    assert finder.finds == 2 + 1  # and once for another hand beside it
    assert looks.look(picture(height=100, width=100), 1.0).square is None


def test_a_film_that_changes_its_size_is_no_jump_of_the_hand() -> None:
    looks = Sight(StandIn(), BrightFinder()).following()
    looks.look(picture(("A", 60, 60, 40)), 0.0)
    assert looks.look(picture(("A", 100, 100, 80), height=480, width=640), 0.1).speed == 0


@pytest.mark.parametrize("rate_hz", [10, 15, 30, 60])
def test_speed_is_in_lengths_of_the_hand_a_second_at_every_frame_rate(rate_hz: int) -> None:
    looks = Sight(StandIn(), BrightFinder()).following()
    speeds = [
        looks.look(picture(("A", 50 + round(90 * number / rate_hz), 100, 60)), number / rate_hz).speed
        for number in range(rate_hz)
    ]
    assert speeds[0] == 0
    assert np.mean(speeds[2:]) == pytest.approx(1.5, abs=0.15)


def test_a_hand_that_moves_is_on_its_way_and_writes_nothing() -> None:
    def passing(lengths_a_second: float) -> str:
        speller = speller_for(about())
        frames = [
            Frame(number / RATE_HZ, picture(("A", 40 + round(60 * lengths_a_second * number / RATE_HZ), 100, 60)))
            for number in range(round(RATE_HZ * 240 / (60 * lengths_a_second)))
        ]
        watched(frames, speller)
        return speller.text

    assert passing(0.5) == "A"
    assert passing(4) == ""


def test_a_double_letter_may_slide_aside() -> None:
    there, here = picture(("L", 80, 100, 60)), picture(("L", 200, 100, 60))
    between = [(picture(("L", x, 100, 60)), 1 / RATE_HZ) for x in (110, 140, 170)]
    speller = speller_for(about())
    watched(film((there, 0.8), *between, (here, 0.8)), speller)
    assert speller.text == "LL"


def test_what_the_network_would_not_be_sure_of_becomes_no_letter() -> None:
    frames = film((picture(("A", 90, 90, 60)), 1.0))
    for sure, text in ((0.4, ""), (0.6, "A")):
        speller = speller_for(about(abstain_below=0.5))
        watched(frames, speller, StandIn(sure=sure))
        assert speller.text == text
    said_otherwise = speller_for(about(abstain_below=0.5), SpellingSettings(certain_above=0.0))
    watched(frames, said_otherwise, StandIn(sure=0.4))
    assert said_otherwise.text == "A"


def test_a_network_that_reads_whole_frames_spells_as_before() -> None:
    assert speller_for(about("none", abstain_below=0.9)).settings == DEFAULT_SETTINGS


def test_the_crop_limits_where_a_film_is_looked_at_and_the_hand_lies_in_the_whole_frame() -> None:
    frames = film((picture(("A", 290, 50, 60), ("B", 160, 120, 50)), 0.6))
    speller = speller_for(about())
    moments = watched(frames, speller, crop=Crop("box", (40, 20, 200, 180)), keep_pixels=True)
    assert speller.text == "B"
    assert moments[0].hand.box == (135, 95, 185, 145)
    assert moments[0].pixels.shape == (240, 320, 3)


def test_a_second_hand_in_a_film_is_said_once(said: Callable[..., str], tmp_path: Path) -> None:
    pixels = picture(("A", 80, 100, 60), ("B", 220, 100, 90))
    file = write_video(tmp_path / "film.mp4", [pixels] * 30)
    printed = said(file, annotate=tmp_path / "drawn.mp4")
    assert printed.count("Another hand was seen") == 1
    assert printed.splitlines()[-2].strip() == "B"
    assert len(list(VideoFile(tmp_path / "drawn.mp4", 15))) > 10


@pytest.mark.parametrize(("crop", "expected"), [("hand", (0, 0, 320, 240)), ("none", (40, 0, 240, 240))])
def test_all_of_a_camera_is_looked_at_for_a_hand_but_its_centre_for_whole_frames(
    said: Callable[..., str], monkeypatch: pytest.MonkeyPatch, crop: str, expected: tuple[int, ...]
) -> None:
    used = []

    def remembering(*arguments: Any) -> Any:
        used.append(arguments[3].within(320, 240))
        return watch(*arguments)

    monkeypatch.setattr(predicting, "watch", remembering)
    monkeypatch.setattr(predicting, "camera_frames", lambda *_: iter(film((picture(), 0.2))))
    printed = said("camera:0", StandIn(crop))
    assert used == [expected]
    assert "No sign was held" in printed


def test_a_blank_image_is_no_sign_for_a_network_that_reads_whole_frames() -> None:
    network, speller = StandIn("none"), speller_for(about("none"))
    watched(film((np.full((64, 64, 3), BEHIND, np.uint8), 1.0)), speller, network)
    assert (network.asked, speller.text) == (0, "")
