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
from src.demo import IN_THE_BOX
from src.inference.images import read_images
from src.inference.recognizer import Recognizer, ranked
from src.inference.spelling import Letter
from src.inference.spelling_trial import Trial, read_film
from src.signs.labels import SIGNS
from src.sources.images import read_image
from src.sources.records import ImageRecord
from src.web import dropped, examples, shown
from src.web.live import GUIDE_SHARE, LiveReading, guide_box
from src.web.serving import _CHART


def cards_of(recognizer: Recognizer, *files: Path) -> str:
    return list(dropped.read_dropped(recognizer, files))[-1]


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


def test_the_page_says_of_a_picture_what_predict_says(in_the_box: Recognizer, tmp_path: Path) -> None:
    files = examples.example_images(tmp_path)
    predict.main([f"run={IN_THE_BOX}", f"input={tmp_path}", f"output={tmp_path}/said.csv"])
    with (tmp_path / "said.csv").open(newline="") as table:
        said = {Path(row["file"]).name: row for row in csv.DictReader(table)}
    assert len(said) == len(files)
    for file in files:
        card, row = cards_of(in_the_box, file), said[file.name]
        expected = [(row[key], float(row[p])) for key, p in (("sign", "probability"), ("second", "second_probability"))]
        rows = re.findall(r"<b>(.)</b>.*?<em>(\d+)%</em>", card)[:2]
        assert rows == [(sign, f"{probability:.0%}"[:-1]) for sign, probability in expected]


def test_a_camera_frame_is_read_as_predict_reads_the_part_in_the_guide_box(
    in_the_box: Recognizer, tmp_path: Path
) -> None:
    file = examples.example_images(tmp_path)[0]
    image = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
    margin = round(image.shape[0] * (1 / GUIDE_SHARE - 1) / 2)
    frame = cv2.copyMakeBorder(image, margin, margin, margin + 90, margin + 90, cv2.BORDER_CONSTANT, value=(9, 200, 9))
    assert np.array_equal(guide_box(frame), image)
    reading = LiveReading()
    reading.look(in_the_box, frame, 0.0)
    alone = in_the_box.probabilities(in_the_box.square(image)[None])[0]
    assert [sign for sign, _ in reading.best] == [sign for sign, _ in ranked(alone, 5)]
    assert [p for _, p in reading.best] == pytest.approx([p for _, p in ranked(alone, 5)], abs=1e-6)


def test_every_bad_file_gets_a_message_and_stops_no_other(in_the_box: Recognizer, tmp_path: Path) -> None:
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
    page = cards_of(in_the_box, *(tmp_path / name for name in bad), good)
    assert page.count('role="alert"') == len(bad)
    assert page.count('<figure class="fs-card">') == 1
    for said in ("empty file", "not an image", "megapixels", "truncated", "no video that can be read"):
        assert said in page
    assert "neither an image nor a film" in page
    assert str(tmp_path) not in page
    assert "<b><b>" not in page  # a file's name is shown, never obeyed


def test_more_files_than_allowed_are_named_and_left(
    in_the_box: Recognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropped, "MOST_FILES", 2)
    page = cards_of(in_the_box, *examples.example_images(tmp_path))
    assert page.count("<figure") == 2
    assert "3 more" in page


def test_a_long_film_is_read_to_the_limit_and_says_so(
    in_the_box: Recognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = examples.example_film(tmp_path)
    whole = text_of(cards_of(in_the_box, film))
    assert whole == read_film(in_the_box, film)
    monkeypatch.setattr(dropped, "FILM_SECONDS", 3.0)
    page = cards_of(in_the_box, film)
    assert 1 <= len(text_of(page)) < len(whole)
    assert whole.startswith(text_of(page))
    assert "first 3 seconds" in page


def test_the_network_in_the_box_reads_the_examples_that_the_page_offers(in_the_box: Recognizer, tmp_path: Path) -> None:
    images = list(read_images(in_the_box, examples.example_images(tmp_path)))
    right = [ranked(reading.probabilities, 1)[0][0] == reading.file.stem for reading in images]
    assert sum(right) >= len(right) - 1
    read = read_film(in_the_box, examples.example_film(tmp_path))
    assert Trial(1.2, examples.WORD, read).edits <= 1


def test_the_example_spells_its_word_before_the_camera_too(in_the_box: Recognizer) -> None:
    reading = LiveReading()
    for frame in examples.camera_frames():
        reading.look(in_the_box, frame.pixels, frame.seconds)
    spelled = reading.text
    assert Trial(1.2, examples.WORD, spelled).edits <= 1
    reading.delete_last()
    assert reading.text == spelled[:-1].rstrip()
    reading.clear()
    assert reading.text == ""
    reading.look(in_the_box, np.full((480, 640, 3), 120, np.uint8))
    assert reading.best == []  # a covered lens is no sign


def test_what_was_spelled_long_ago_does_not_fill_the_memory(in_the_box: Recognizer) -> None:
    reading = LiveReading()
    frame = np.full((48, 48, 3), 120, np.uint8)
    reading.look(in_the_box, frame, 0.0)
    reading.letters.extend([Letter("A", 0.0, 1.0, 0.9, after_space=False)] * 500)
    reading.look(in_the_box, frame, 1.0)
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
