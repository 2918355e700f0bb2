"""What the page says of frames, images and films, without a browser."""

import csv
import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from src import predict
from src.inference.box import IN_THE_BOX
from src.inference.images import read_images
from src.inference.recognizer import Recognizer, ranked
from src.inference.results import WHICH_HAND
from src.inference.sight import Sight
from src.inference.spelling import Letter
from src.inference.spelling_trial import Trial, read_film
from src.signs.labels import SIGNS
from src.sources.images import read_image
from src.sources.records import ImageRecord
from src.web import dropped, examples, shown
from src.web.live import GUIDE_SHARE, LiveReading, guide_box
from src.web.page import build_page
from src.web.serving import _CHART
from tests.inference.stand_ins import BrightFinder, StandIn, picture


def cards_of(sight: Sight, *files: Path) -> str:
    return list(dropped.read_dropped(sight, files))[-1]


def text_of(page: str) -> str:
    """What the only film on it spells."""
    (text,) = re.findall(r'<div class="fs-text">([^<]*)</div>', page)
    return text


def huge_png() -> bytes:
    """A PNG that says it has 60000 × 60000 pixels, and holds none of them."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(b"")]
    parts = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_the_page_says_of_a_picture_what_predict_says(sight: Sight, tmp_path: Path) -> None:
    files = examples.example_images(tmp_path)
    predict.main([f"run={IN_THE_BOX}", f"input={tmp_path}", f"output={tmp_path}/said.csv"])
    with (tmp_path / "said.csv").open(newline="") as table:
        said = {Path(row["file"]).name: row for row in csv.DictReader(table)}
    assert len(said) == len(files)
    for file in files:
        card, row = cards_of(sight, file), said[file.name]
        expected = [(row[key], float(row[p])) for key, p in (("sign", "probability"), ("second", "second_probability"))]
        rows = re.findall(r"<b>(.)</b>.*?<em>(\d+)%</em>", card)[:2]
        assert rows == [(sign, f"{probability:.0%}"[:-1]) for sign, probability in expected]


def test_a_network_that_reads_whole_frames_is_shown_the_part_in_the_guide_box() -> None:
    image = picture(("K", 100, 120, 120), width=240)
    margin = round(image.shape[0] * (1 / GUIDE_SHARE - 1) / 2)
    around = cv2.copyMakeBorder(image, margin, margin, margin + 90, margin + 90, cv2.BORDER_CONSTANT, value=(9, 200, 9))
    assert np.array_equal(guide_box(around), image)
    network, reading = StandIn("none"), LiveReading()
    reading.look(Sight(network), around, 0.0)
    alone = network.probabilities(network.square(image)[None])[0]
    assert reading.best == ranked(alone, 5)
    assert reading.best[0][0] == "K"
    assert shown.found(reading.hand, reading.frame) == ""


def test_a_network_that_reads_found_hands_is_shown_one_wherever_it_is_in_the_frame() -> None:
    eyes, reading = Sight(StandIn(), BrightFinder()), LiveReading()
    for number in range(12):
        reading.look(eyes, picture(("K", 290, 30, 50)), number / 10)  # in a corner, beyond any guide box
    assert reading.best[0][0] == reading.text == "K"
    drawn = shown.found(reading.hand, reading.frame)
    assert 'viewBox="0 0 320 240"' in drawn
    assert '<rect x="265" y="5" width="50" height="50"' in drawn
    assert drawn.count("h0") == 21
    assert not reading.others
    reading.look(eyes, picture(), 2.0)
    assert shown.found(reading.hand, reading.frame) == ""
    said = shown.answer(reading.best, eyes.recognizer.about, reading.held, reading.looked)
    assert "no hand<" in said
    assert reading.best == []


def test_the_guide_box_is_there_for_networks_that_read_whole_frames_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.inference.sight.HandFinder", BrightFinder)
    for crop, expected in (("none", ("fs-guided", "in the box")), ("hand", ("fs-finding", "hand up"))):
        page = str(build_page(StandIn(crop), tmp_path).get_config_file())
        assert all(words in page for words in expected)
        assert ("fs-guided" in page) == (crop == "none")


def test_a_dropped_picture_without_a_hand_says_so_and_one_with_two_which_was_read(tmp_path: Path) -> None:
    eyes = Sight(StandIn(), BrightFinder())
    cv2.imwrite(str(tmp_path / "room.png"), picture())
    cv2.imwrite(str(tmp_path / "two.png"), picture(("A", 80, 100, 50), ("B", 220, 100, 80)))
    room, two = (cards_of(eyes, tmp_path / name) for name in ("room.png", "two.png"))
    assert "no hand<" in room
    assert "alert" not in room
    assert "fs-row" not in room
    assert ">B <" in two
    assert WHICH_HAND in two


def test_every_bad_file_gets_a_message_and_stops_no_other(sight: Sight, tmp_path: Path) -> None:
    good = examples.example_images(tmp_path)[0]
    bad = {
        "empty.jpg": b"",
        "words.png": b"this is no image",
        "huge.png": huge_png(),
        "cut.png": good.read_bytes()[:2000],
        "broken.mp4": b"\x00\x00\x00\x18ftypmp42 and then nothing",
        "list.m3u8": b"#EXTM3U\n/etc/passwd\n",
        "<b>notes.txt": b"hello",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    page = cards_of(sight, *(tmp_path / name for name in bad), good)
    assert page.count('role="alert"') == len(bad)
    assert page.count('<figure class="fs-card">') == 1
    for said in ("empty file", "not an image", "megapixels", "truncated", "no video that can be read"):
        assert said in page
    assert "neither an image nor a film" in page
    assert str(tmp_path) not in page
    assert "<b><b>" not in page  # a file's name is shown, never obeyed


def test_more_files_than_allowed_are_named_and_left(
    sight: Sight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropped, "MOST_FILES", 2)
    page = cards_of(sight, *examples.example_images(tmp_path))
    assert page.count("<figure") == 2
    assert "3 more" in page


def test_a_long_film_is_read_to_the_limit_and_says_so(
    sight: Sight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = examples.example_film(tmp_path)
    whole = text_of(cards_of(sight, film))
    assert whole == read_film(sight, film)
    monkeypatch.setattr(dropped, "FILM_SECONDS", 3.0)
    page = cards_of(sight, film)
    assert 1 <= len(text_of(page)) < len(whole)
    assert whole.startswith(text_of(page))
    assert "first 3 seconds" in page


def test_the_network_in_the_box_reads_the_examples_that_the_page_offers(sight: Sight, tmp_path: Path) -> None:
    images = list(read_images(sight, examples.example_images(tmp_path)))
    right = [ranked(reading.probabilities, 1)[0][0] == reading.file.stem for reading in images]
    assert sum(right) >= len(right) - 1
    read = read_film(sight, examples.example_film(tmp_path))
    assert Trial(1.2, examples.WORD, read).edits <= 1


def test_the_example_spells_its_word_before_the_camera_too(sight: Sight) -> None:
    reading = LiveReading()
    for frame in examples.camera_frames():
        reading.look(sight, frame.pixels, frame.seconds)
    spelled = reading.text
    assert Trial(1.2, examples.WORD, spelled).edits <= 1
    reading.delete_last()
    assert reading.text == spelled[:-1].rstrip()
    reading.clear()
    assert reading.text == ""
    reading.look(sight, np.full((480, 640, 3), 120, np.uint8))
    assert reading.best == []  # a covered lens is no sign


def test_what_was_spelled_long_ago_does_not_fill_the_memory(sight: Sight) -> None:
    reading = LiveReading()
    frame = np.full((48, 48, 3), 120, np.uint8)
    reading.look(sight, frame, 0.0)
    reading.letters.extend([Letter("A", 0.0, 1.0, 0.9, after_space=False)] * 500)
    reading.look(sight, frame, 1.0)
    assert 100 <= len(reading.letters) <= 400


def test_every_cell_of_the_chart_shows_its_own_sign(in_the_box: Recognizer) -> None:
    chart, _ = read_image(ImageRecord(str(_CHART), "chart", 0, ""))
    cells = re.findall(
        r'id="fs-sign-(.)".*?url\(c\.jpg\) ([\d.]+)% ([\d.]+)% / ([\d.]+)% ([\d.]+)%', shown.chart("c.jpg")
    )
    assert [cell[0] for cell in cells] == list(SIGNS)
    for index, (_, *numbers) in enumerate(cells):
        left, top, wide, high = (float(number) / 100 for number in numbers)
        # As CSS places a background: of a cell's side, this large; of what is left over, this far.
        width, height = chart.shape[1] / wide, chart.shape[0] / high
        assert (width, height) == pytest.approx((176, 176), abs=0.1)
        assert left * (chart.shape[1] - width) == pytest.approx(4 + 180 * (index % 9), abs=0.1)
        assert top * (chart.shape[0] - height) == pytest.approx(4 + 180 * (index // 9), abs=0.1)
    assert "#fs-sign-Z{" in shown.answer([("Z", 0.9)], in_the_box.about)
