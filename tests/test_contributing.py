"""CONTRIBUTING.md keeps its word: its examples are taken out of the page, and its commands run on tiny images."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import cv2
import pytest

from src.learning.run_settings import compose
from src.runs.folder import REPORT
from src.settings.composing import PROJECT, searching
from src.signs.labels import SIGNS
from tests.conftest import TINY_SIGNERS, tiny_picture

TEXT = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## |^# (?=Adding)", TEXT, flags=re.MULTILINE)[1:]}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


# What an example claims, found in what its commands leave: a file and words in it.
CLAIMS = {
    "A freeze policy": [
        ("tried/policy/metrics.json", '"freeze": "every_other"'),
        ("tried/policy/metrics.json", '"stages_trained_names": "conv1+head"'),
        ("tried/policy/evaluations/as_trained.json", '"test/accuracy"'),
        ("tried/policy_without_yaml/metrics.json", '"freeze": "every_other"'),
    ],
    "A split protocol": [
        ("tried/lamp/metrics.json", '"holdout": "asl_dataset:left"'),
        ("tried/lamp/report.html", "under another lamp"),
        ("tried/lamps/folds.csv", "asl_dataset:dif"),
    ],
    "A scheduler": [("tried/schedule/.hydra/config.yaml", "my_schedules.InverseRoot")],
    "An optimizer": [("tried/optimizer/.hydra/config.yaml", "my_optimizers.RmsProp")],
    "A model": [
        ("tried/second/metrics.json", '"stages_trained_names": "neck+head"'),
        ("tried/second/metrics.json", '"weights": "best.ckpt"'),
        ("tried/second/model.onnx", ""),
    ],
    "A dataset": [("tried/own_sets/metrics.json", '"sources": "club_evening,listed_people"')],
    "A callback, a logger, an argument of the Trainer": [
        ("tried/diary/diary.txt", "epoch 1: it learns"),
        ("tried/rates/events.out.tfevents.*", "lr-"),
        ("tried/csv/csv/metrics.csv", "val/accuracy"),
        ("tried/both/csv/metrics.csv", "val/accuracy"),
        ("tried/both/events.out.tfevents.*", "val/accuracy"),
        ("tried/accumulated/metrics.json", '"test/accuracy"'),
    ],
    "A metric": [
        ("tried/metric/metrics.json", '"test/worst_sign"'),
        ("tried/metric/curves.csv", "val/worst_sign"),
        ("tried/metric/report.html", "recall of the sign that is read worst"),
    ],
    "A section of a page": [("tried/section/report.html", "Surest mistakes")],
}
SMALL = (
    "datamodule.image_size_px=32", "datamodule.batch_size=16", "datamodule.workers=0", "trainer=cpu",
    "trainer.max_epochs=1", "trainer.precision=32-true", "trainer.progress=false",
)  # fmt: skip
SMALL_MODEL = ("model=cnn", "model.filters=[8,16]", "model.dense_units=32")
# Runs the commands of a section one after another, as `python -m` does each; one process, since torch takes seconds.
RUN = """
import runpy, sys
if not WITH_PAGES:
    import src.reports.album
    src.reports.album.write_run_page = lambda *_: None  # most of what a tiny run takes
for command in COMMANDS:
    sys.argv = command
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code:
            sys.exit(f"{' '.join(command)} ended with {end.code}")
"""


def blocks(title: str, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(SECTIONS[title]) if kind == language]


def commands(title: str) -> Iterator[list[str]]:
    """The commands of a section as `python -m` is given them, on tiny images."""
    for line in "".join(blocks(title, "sh")).splitlines():
        words = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True, check=True)
        python, dash_m, module, *given = words.stdout.rstrip("\0").split("\0")
        assert (python, dash_m) == ("python", "-m")
        if module in ("src.train", "src.folds"):
            given += SMALL
            given += () if "model=" in line else SMALL_MODEL
            given += () if "datamodule.sources" in line else ("datamodule.sources=[asl_dataset]",)
            given += () if "split=" in line else ("split=random",)
            given += ("freeze.allow_untrained=true",) if "freeze" in line else ()
        yield [module, *given]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the project beside `mine/`, where all files of the page are, and with images for them."""
    for name in ("src", "conf"):
        (tmp_path / name).symlink_to(PROJECT / name)
    for title in SECTIONS:
        for text in (*blocks(title, "python"), *blocks(title, "yaml")):
            file = tmp_path / text.partition("\n")[0].removeprefix("# ")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def save(name: str, sign: str, signer: int, shot: int) -> None:
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), tiny_picture(sign, signer, shot))

    for signer, name in enumerate(TINY_SIGNERS):
        for sign in SIGNS:
            for shot, lamp in enumerate(("dif", "left", "top")):
                save(f"asl_dataset/asl_dataset/{sign}/{name}_{sign}_{lamp}_seg_1_cropped.jpeg", sign, signer, shot)
        for sign, folder in (("A", "fist"), ("B", "flat"), ("C", "other")):
            save(f"club_evening/{folder}/{'abcd'[signer]}_1.jpg", sign, signer, 5)
            save(f"listed_people/{name}/{sign}.jpg", sign, signer, 6)
        (tmp_path / "images" / "listed_people" / name / "labels.txt").write_text("A.jpg A\nB.jpg B\nC.jpg C\n")
    return tmp_path


@pytest.mark.parametrize("title", CLAIMS)
def test_an_example_of_the_guide_does_what_it_says(title: str, place: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": "mine", "FINGERSPELL_DATA": str(place / "images")}
    shows_pages = any(file.endswith(REPORT) for file, _ in CLAIMS[title])
    code = f"COMMANDS, WITH_PAGES = {list(commands(title))!r}, {shows_pages}\n{RUN}"
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    for pattern, words in CLAIMS[title]:
        assert any(words.encode() in file.read_bytes() for file in place.glob(pattern)), f"{words} in {pattern}"


def test_every_section_with_a_command_is_tried() -> None:
    assert {title for title in SECTIONS if "python -m src" in "".join(blocks(title, "sh"))} == set(CLAIMS)


def test_the_files_of_the_guide_name_every_setting_of_their_class(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(place / "mine")
    for group, option in (
        ("freeze", "every_other"), ("split", "lamp"), ("scheduler", "inverse_root"), ("optimizer", "rmsprop"),
        ("model", "small_net"),
    ):  # fmt: skip
        made = getattr(compose([searching(place / "mine" / "conf"), f"{group}={option}"]), group)
        written = (place / "mine" / "conf" / group / f"{option}.yaml").read_text()
        assert all(f"\n{one.name}: " in written for one in fields(made))
