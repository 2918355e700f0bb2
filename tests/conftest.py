"""A tiny image set of all 36 signs, and the doors run in this process as a user would run them."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from src import hardware, train
from src.learning.run_settings import RunSettings, compose
from src.signs.labels import SIGNS

pytest_plugins = ["tests.image_sets"]

# make test-web and make test-all set it: a browser test that cannot run then fails instead of being skipped.
BROWSER_REQUIRED = os.environ.get("FINGERSPELL_BROWSER") == "required"

TINY_SIGNERS = ("hand1", "hand2", "hand3", "hand4")
TINY_IMAGES_PER_SIGNER = 2
# One network that learns in seconds, and the settings that keep a test run small.
TINY = (
    "datamodule.sources=[asl_dataset]",
    "datamodule.image_size_px=32",
    "datamodule.batch_size=16",
    "datamodule.workers=0",
    "augmentation=light",
    "split=random",
    "trainer=cpu",
    "trainer.max_epochs=2",
    "trainer.precision=32-true",
)
TINY_CNN = (
    *TINY,
    "model=cnn",
    "model.filters=[8,16]",
    "model.dense_units=64",
    "freeze=none",
    "optimizer.lr=0.005",
    "model.dropout=0",
)
# Rendered hands know their joints.
TINY_JOINTS = (
    "datamodule.sources=[rendered]",
    "datamodule.rendered={images:144,signers:4,seed:0}",
    "datamodule.crop=hand",
    "joints_weight=0.5",
)
TINY_MOBILENET = (*TINY, "model=mobilenetv2", "model.weights=null", "freeze.allow_untrained=true")


def pytest_configure() -> None:
    """Tests that run side by side have a core each: threads of one would only wait for those of the others."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that tests start
        hardware.cores = lambda: 1
        torch.set_num_threads(1)
        cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is; without one the test is skipped, or fails where a browser is required."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        (pytest.fail if BROWSER_REQUIRED else pytest.skip)("no Chromium on this machine")
    return str(found)


def tiny_picture(sign: str, signer: int, shot: int) -> np.ndarray:
    """(40, 40, 3) uint8: the sign's character, placed and coloured by signer and shot."""
    draw = np.random.default_rng((ord(sign), signer, shot))
    picture = draw.integers(0, 60, (40, 40, 3), dtype=np.uint8)
    colour = tuple(int(v) for v in draw.integers(150, 256, 3))
    cv2.putText(picture, sign, (8 + int(draw.integers(-3, 4)), 31), cv2.FONT_HERSHEY_SIMPLEX, 1.0, colour, 2)
    return picture


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with `asl_dataset`: 36 signs × 4 signers × 2 images, named as the real set names them."""
    root = tmp_path_factory.mktemp("root")
    for sign in SIGNS:
        folder = root / "asl_dataset" / "asl_dataset" / sign.lower()
        folder.mkdir(parents=True)
        for signer in range(len(TINY_SIGNERS)):
            for shot in range(TINY_IMAGES_PER_SIGNER):
                name = f"hand{signer + 1}_{sign.lower()}_dif_seg_{shot + 1}_cropped.jpeg"
                cv2.imwrite(str(folder / name), tiny_picture(sign, signer, shot), [cv2.IMWRITE_JPEG_QUALITY, 95])
    return root


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decoded images, shared by all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tiny_settings(tiny_root: Path, tiny_cache: Path) -> Callable[..., RunSettings]:
    """A function that composes settings over the tiny set from overrides."""

    def config(*overrides: str) -> RunSettings:
        return compose([*tiny_places(tiny_root, tiny_cache), *overrides])

    return config


def tiny_places(root: Path, cache: Path) -> tuple[str, str, str]:
    return f"datamodule.root='{root}'", f"datamodule.cache_dir='{cache}'", "trainer.progress=false"


@dataclass(frozen=True)
class Finished:
    """How a door ended.

    Attributes:
        status: exit status.
        out, err: what it printed.
        folder: `hydra.run.dir` or `hydra.sweep.dir` of the command.
    """

    status: int
    out: str
    err: str
    folder: Path

    @property
    def metrics(self) -> dict[str, Any]:
        """The run's metrics.json."""
        return json.loads((self.folder / "metrics.json").read_text())


@pytest.fixture
def train_door(
    tiny_root: Path,
    tiny_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Callable[..., Finished]:
    """A function that runs `python -m src.train …` in this process, over the tiny set, into a folder of the test.

    Runs write their page only for tests marked `pages`: it is most of what a tiny run takes.
    """
    if request.node.get_closest_marker("pages") is None:
        monkeypatch.setattr("src.reports.album.write_run_page", lambda *_: None)

    def run(*arguments: str, folder: str = "run", last: tuple[str, ...] = ()) -> Finished:
        target = tmp_path / folder
        multirun = "-m" in arguments
        resumes = any(argument.startswith("resume=") for argument in arguments)
        places = (
            ()
            if resumes
            else (*tiny_places(tiny_root, tiny_cache), f"hydra.{'sweep' if multirun else 'run'}.dir='{target}'")
        )
        monkeypatch.setattr(sys, "argv", ["src.train", *arguments, *places, *last])
        capsys.readouterr()
        status = 0
        try:
            train.main(sys.argv[1:])
        except SystemExit as stop:
            status = int(stop.code or 0)
        printed = capsys.readouterr()
        return Finished(status, printed.out, printed.err, target)

    return run
