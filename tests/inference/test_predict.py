"""The door `predict`: every kind of input, every bad one, and agreement with `evaluate`."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from src import evaluate, predict
from src.inference.images import Crop, crop_named, find_images, read_images
from src.inference.recognizer import About, open_recognizer, ranked, signs_named
from src.inference.results import print_about
from src.inference.sight import Sight
from src.inference.video import VideoFile
from src.runs.folder import CALIBRATION
from src.signs.labels import INDEX_OF, LETTERS, SIGNS
from tests.conftest import tiny_picture
from tests.inference.conftest import write_video
from tests.runs.records import run_record


def answers(file: Path) -> dict[str, dict[str, str]]:
    """The rows of a written table by the image's name."""
    with file.open(newline="", encoding="utf-8") as stream:
        return {Path(row["file"]).name: row for row in csv.DictReader(stream)}


def test_predict_and_evaluate_say_the_same_of_the_same_images(
    cnn_run: Path, tiny_root: Path, door: Callable, tmp_path: Path
) -> None:
    door(evaluate.main, f"run={cnn_run}")
    with (cnn_run / "evaluations" / "as_trained.csv").open(newline="") as stream:
        evaluated = list(csv.DictReader(stream))
    files = [tiny_root / "asl_dataset" / row["path"] for row in evaluated]
    files = [file if file.is_file() else next(tiny_root.rglob(file.name)) for file in files]
    assert len(files) > 20
    recognizer = open_recognizer(cnn_run)
    for row, reading in zip(evaluated, read_images(Sight(recognizer), files), strict=True):
        sign, probability = ranked(reading.probabilities, 1)[0]
        assert sign == row["prediction"]
        if recognizer.about.temperature == 1:
            assert probability == pytest.approx(float(row["probability"]), abs=2e-5)


def test_a_folder_is_read_with_all_folders_in_it(cnn_run: Path, images: Path, door: Callable, tmp_path: Path) -> None:
    run = door(predict.main, f"run={cnn_run}", f"input={images}", f"output={tmp_path}/found.csv")
    assert run.status == 0, run.err
    found = answers(tmp_path / "found.csv")
    assert sorted(found) == [f"{sign}.png" for sign in SIGNS[:6]]
    assert sum(row["sign"] == name[0] for name, row in found.items()) >= 5  # it was fitted to these
    assert all(float(row["probability"]) >= float(row["second_probability"]) for row in found.values())


def test_one_picture_and_a_pattern_are_read(cnn_run: Path, images: Path, door: Callable, tmp_path: Path) -> None:
    one = door(predict.main, f"run={cnn_run}", f"input={images}/2.png", f"output={tmp_path}/one.json")
    assert one.status == 0, one.err
    entry = json.loads((tmp_path / "one.json").read_text())["pictures"][0]
    assert entry["answer"] == entry["sign"]
    assert [*entry["runners_up"][0]] == ["sign", "probability"]
    door(predict.main, f"run={cnn_run}", f"input={images}/[12].png", f"output={tmp_path}/some.csv")
    assert sorted(answers(tmp_path / "some.csv")) == ["1.png", "2.png"]


def test_one_bad_file_does_not_keep_the_others_from_being_read(
    cnn_run: Path, images: Path, door: Callable, tmp_path: Path
) -> None:
    (images / "text.jpg").write_text("not an image")
    (images / "empty.png").touch()
    run = door(predict.main, f"run={cnn_run}", f"input={images}", f"output={tmp_path}/found.csv")
    assert run.status == 0, run.err
    found = answers(tmp_path / "found.csv")
    assert "not an image" in found["text.jpg"]["problem"]
    assert "empty file" in found["empty.png"]["problem"]
    assert sum(bool(row["sign"]) for row in found.values()) == 6
    assert "2 of 8 files could not be read" in run.out


def test_every_bad_input_ends_in_one_sentence(cnn_run: Path, door: Callable, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "broken.mp4").write_bytes(b"hello" * 100)
    (tmp_path / "other.bin").write_bytes(b"hello")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    cases = {
        "nothing.jpg": "no such file",
        "nothing.mp4": "no such file",
        "empty": "holds no images",
        "*.tif": "matches no images",
        "text.jpg": "not an image",
        "bomb.png": "megapixels",
        "broken.mp4": "no video that can be read",
        "other.bin": "not an image",
    }
    for name, said in cases.items():
        run = door(predict.main, f"run={cnn_run}", f"input={tmp_path}/{name}")
        assert (run.status, said in run.err, "\n" in run.err) == (2, True, False), (name, run.err)
    camera = door(predict.main, f"run={cnn_run}", "input=camera:97")
    assert "camera:97 cannot be opened" in camera.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("input=x.jpg",), "no such file"),
        (("run={run}",), "input has no value"),
        (("run={tmp}/none", "input={image}"), "no such folder or file"),
        (("run={tmp}", "input={image}"), "not a run's folder"),
        (("run={image}", "input={image}"), "neither a run's folder nor an .onnx"),
        (("run={run}", "input={image}", "crop=left"), "crop=left is not understood"),
        (("run={run}", "input={image}", "crop=30,30,30,30"), "reaches beyond its 40 × 40 pixels"),
        (("run={run}", "input={image}", "signs=Ä"), "not one of the 36 signs"),
        (("run={run}", "input={image}", "output=x.txt"), "must end in .json or .csv"),
        (("run={run}", "input={image}", "annotate=x.png"), "name a folder"),
        (("run={run}", "input={film}", "annotate=x"), "a film's name ends in"),
        (("run={run}", "input={image}", "rate=0"), "rate=0 is out of range"),
        (("run={run}", "input={film}", "steady=0"), "steady=0 is out of range"),
        (("run={run}", "input={film}", "certain=2"), "certain=2 is out of range"),
        (("run={run}", "input={image}", "inptu=x"), "did you mean 'input'"),
    ],
)
def test_every_wrong_argument_is_said(
    cnn_run: Path, images: Path, door: Callable, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    film = write_video(tmp_path / "film.mp4", [np.zeros((32, 32, 3), np.uint8)])
    places = {"run": cnn_run, "tmp": tmp_path, "image": images / "1.png", "film": film}
    run = door(predict.main, *(argument.format(**places) for argument in arguments))
    assert (run.status, said in run.err) == (2, True), run.err


def test_below_its_threshold_a_run_says_that_it_is_not_sure(
    cnn_run: Path, images: Path, door: Callable, tmp_path: Path
) -> None:
    kept = (cnn_run / CALIBRATION).read_bytes() if (cnn_run / CALIBRATION).is_file() else None
    try:
        (cnn_run / CALIBRATION).write_text(json.dumps({"temperature": 50.0, "abstain_below": 0.5}))
        run = door(predict.main, f"run={cnn_run}", f"input={images}", f"output={tmp_path}/found.csv")
        assert "not sure" in run.out
        assert {row["answer"] for row in answers(tmp_path / "found.csv").values()} == {"not sure"}
        (cnn_run / CALIBRATION).write_text('{"temperature": 0, "abstain_below": 0.5}')
        assert "is damaged" in door(predict.main, f"run={cnn_run}", f"input={images}").err
        (cnn_run / CALIBRATION).unlink()
        assert "was not calibrated" in door(predict.main, f"run={cnn_run}", f"input={images}").out
    finally:
        (cnn_run / CALIBRATION).unlink(missing_ok=True)
        if kept is not None:
            (cnn_run / CALIBRATION).write_bytes(kept)


def test_only_the_signs_that_may_be_answered_are(cnn_run: Path) -> None:
    squares = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    free = open_recognizer(cnn_run).probabilities(squares)
    letters = open_recognizer(cnn_run, signs_named("letters")).probabilities(squares)
    assert (letters[:, :10] == 0).all()
    np.testing.assert_allclose(letters.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(letters[:, 10:], free[:, 10:] / free[:, 10:].sum(axis=1, keepdims=True), rtol=1e-4)
    assert signs_named("a,3") == (3, INDEX_OF["A"])
    assert {SIGNS[index] for index in signs_named("letters")} == set(LETTERS)


def test_a_crop_is_what_it_says() -> None:
    pixels = np.arange(6 * 10 * 3, dtype=np.uint8).reshape(6, 10, 3)
    assert Crop()(pixels).shape == (6, 10, 3)
    np.testing.assert_array_equal(crop_named("center")(pixels), pixels[:, 2:8])
    np.testing.assert_array_equal(crop_named("1,2,4,3")(pixels), pixels[2:5, 1:5])


def test_annotated_pictures_keep_their_places_and_are_never_the_originals(
    cnn_run: Path, images: Path, door: Callable, tmp_path: Path
) -> None:
    run = door(predict.main, f"run={cnn_run}", f"input={images}", f"annotate={tmp_path}/drawn", "crop=center")
    assert run.status == 0, run.err
    drawn = find_images(str(tmp_path / "drawn"))
    assert {file.relative_to(tmp_path / "drawn") for file in drawn} == {
        file.relative_to(images) for file in find_images(str(images))
    }
    assert cv2.imread(str(drawn[0])).shape[0] > cv2.imread(str(drawn[0])).shape[1]  # the strip lies below
    same = door(predict.main, f"run={cnn_run}", f"input={images}", f"annotate={images}")
    assert "would overwrite" in same.err


def film_of(text: str, seconds: float, rate_hz: int = 20) -> list[np.ndarray]:
    """Frames that show tiny images; a space is an empty image."""
    frames: list[np.ndarray] = []
    for sign in text:
        image = np.zeros((40, 40, 3), np.uint8)
        if sign != " ":
            image = np.ascontiguousarray(tiny_picture(sign, 0, 0)[..., ::-1])  # it is written as BGR
        frames += [image] * round(seconds * rate_hz)
    return frames


def test_a_film_of_signs_is_read_as_text_with_times(cnn_run: Path, door: Callable, tmp_path: Path) -> None:
    recognizer = open_recognizer(cnn_run)
    squares = np.stack([recognizer.square(film_of(sign, 0.05)[0]) for sign in LETTERS])
    best = [ranked(row, 1)[0] for row in recognizer.probabilities(squares)]
    known = [sign for sign, (answer, p) in zip(LETTERS, best, strict=True) if answer == sign and p > 0.8]
    assert len(known) >= 3
    word = f"{known[0]}{known[1]} {known[2]}"
    film = write_video(tmp_path / "film.mp4", film_of(word, 0.8), 20)
    run = door(
        predict.main, f"run={cnn_run}", f"input={film}", f"output={tmp_path}/text.json",
        f"annotate={tmp_path}/drawn.mp4", "signs=letters", "pause=0.5",
    )  # fmt: skip
    assert run.status == 0, run.err
    written = json.loads((tmp_path / "text.json").read_text())
    assert written["text"] == word
    assert word in run.out
    starts = [letter["start_seconds"] for letter in written["letters"]]
    assert starts == pytest.approx([0, 0.8, 2.4], abs=0.25)
    drawn = list(VideoFile(tmp_path / "drawn.mp4", 30))
    assert drawn[-1].seconds == pytest.approx(3.2, abs=0.2)
    assert drawn[0].pixels.shape[0] > drawn[0].pixels.shape[1]
    door(predict.main, f"run={cnn_run}", f"input={film}", f"output={tmp_path}/text.csv", "signs=letters", "pause=0.5")
    assert (tmp_path / "text.csv").read_text().splitlines()[0].startswith("sign,start_seconds,end_seconds")


def test_a_camera_is_watched_until_it_is_told_to_stop(
    cnn_run: Path, door: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Camera:
        released = False

        def __init__(self, number: int) -> None:
            assert number == 0

        def isOpened(self) -> bool:  # OpenCV's name
            return True

        def read(self) -> tuple[bool, Any]:
            return True, cv2.cvtColor(film_of("B", 0.05)[0], cv2.COLOR_RGB2BGR)

        def release(self) -> None:
            Camera.released = True

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    run = door(predict.main, f"run={cnn_run}", "input=camera:0", "seconds=0.8", f"output={tmp_path}/text.json")
    assert run.status == 0, run.err
    assert "text" in json.loads((tmp_path / "text.json").read_text())
    assert Camera.released


def test_a_figure_by_a_leaking_split_never_stands_without_its_leak(capsys: pytest.CaptureFixture[str]) -> None:
    record = run_record({"accuracy": 0.98}, split="random", holdout=(), leaked_test_percent=61.2)
    print_about(About("run", 64, "pad", 50, 1.0, None, record), Console())
    said = "98.0% on set, split=random, 61% of the test images with a near-duplicate in training"
    assert said in " ".join(capsys.readouterr().out.split())
