"""Milliseconds a frame on one core, by turns with MediaPipe: `python experiments/unseen_rooms/timing.py data=<root>`.

    python experiments/unseen_rooms/timing.py data=<root> peer=<python of the peer's environment> run=<file.onnx>

Finding: a frame that was never seen. Following: one whose hand was seen a moment ago. Reading: the network's answer on
the square around the hand. MediaPipe's own are palm and landmark model (finding), landmark model alone (following); the
peer's MLP adds less than 0.1 ms.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402

from experiments.unseen_rooms.handless import read_joints, read_pixels  # noqa: E402
from src.errors import UserError  # noqa: E402
from src.runs.folder import commit  # noqa: E402
from src.settings.arguments import OfRuns, parse, run_door  # noqa: E402
from src.settings.options import Field, settings  # noqa: E402
from src.storage.files import write_json  # noqa: E402
from src.terminal import table  # noqa: E402

SEED = 3
_WARM_UP = 3


@settings
class Arguments(OfRuns):
    """Whose times, on which frames."""

    data: Path = Field(title="folder", description="the data root, with joints.csv.gz")
    set: str = Field("rooms_dev", title="name", description="the folder of frames below the data root")
    run: Path | None = Field(None, title="file.onnx", description="whose network; without it the one in the box")
    finder: Path | None = Field(None, title="file.onnx", description="without it, the finder in the box")
    peer: Path | None = Field(None, title="python", description="of the peer's environment; without it, ours alone")
    frames: int = Field(40, ge=1, description="that are timed, evenly over people")
    turns: int = Field(3, ge=1, description="ours and the peer's, one after the other")
    core: int = Field(0, ge=0, description="that all of it is bound to")
    output: Path | None = Field(None, title="file.json", description="all figures")


def frames_of(data: Path, name: str, count: int) -> list[np.ndarray]:
    """Frames in which the teacher found a hand, drawn evenly over people."""
    by_person: dict[str, list[str]] = defaultdict(list)
    for path, joints in read_joints(data, name).items():
        if joints.points is not None:
            by_person[path.split("/")[1]].append(path)
    rng = np.random.default_rng(SEED)
    drawn = [paths[int(rng.integers(len(paths)))] for _ in range(count) for paths in by_person.values()]
    return [read_pixels(data / path) for path in drawn[:count]]


def milliseconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def our_times(run: Path | None, finder_file: Path | None, frames: list[np.ndarray]) -> dict[str, list[float]]:
    """Part → milliseconds, one of each frame in which a hand is found."""
    from src.hands.finder import HandFinder
    from src.hands.hand import hand_square
    from src.inference.box import IN_THE_BOX
    from src.inference.recognizer import open_recognizer

    finder = HandFinder(finder_file, threads=1)
    recognizer = open_recognizer(run or IN_THE_BOX, threads=1)
    about = recognizer.about

    def read(pixels: np.ndarray, hand: Any) -> None:
        recognizer.probabilities(hand_square(pixels, hand, about.image_size_px, about.crop_margin)[None])

    took: dict[str, list[float]] = defaultdict(list)
    for index, pixels in enumerate([frames[0]] * _WARM_UP + frames):
        hand = finder.find(pixels)
        if hand is None:
            continue
        parts = {
            "find": milliseconds(lambda pixels=pixels: finder.find(pixels)),
            "follow": milliseconds(lambda pixels=pixels, hand=hand: finder.follow(pixels, hand)),
            "read": milliseconds(lambda pixels=pixels, hand=hand: read(pixels, hand)),
        }
        if index >= _WARM_UP:
            for part, one in parts.items():
                took[part].append(one)
            took["find and read"].append(parts["find"] + parts["read"])
            took["follow and read"].append(parts["follow"] + parts["read"])
    if not took:
        raise UserError("The finder finds no hand in any of these frames: there is nothing to time.")
    return dict(took)


def peer_times(python: Path, folder: Path) -> dict[str, list[float]]:
    """MediaPipe's milliseconds on the frames of a folder, one thread of its own and one core.

    Raises:
        UserError: it could not be run.
    """
    peer = subprocess.run(
        [str(python), str(Path(__file__).with_name("peer.py")), f"time={folder}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if peer.returncode:
        raise UserError(f"peer={python} could not time MediaPipe: {(peer.stderr.strip().splitlines() or ['?'])[-1]}")
    return json.loads(peer.stdout.strip().splitlines()[-1])


def main(arguments: list[str]) -> None:
    """Time, print and write.

    Raises:
        UserError: an argument is not understood, or the networks, the frames or the peer cannot be used.
    """
    given = parse(Arguments, arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {given.core})
    os.environ["OMP_NUM_THREADS"] = "1"

    from src import hardware
    from src.inference.drawing import write_image

    took: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        frames = frames_of(given.data, given.set, given.frames)
        for index, pixels in enumerate(frames):
            write_image(Path(name) / f"{index:03}.png", pixels)
        for _ in range(given.turns):
            for part, values in our_times(given.run, given.finder, frames).items():
                took[part] += values
            if given.peer is not None:
                for part, values in peer_times(given.peer, Path(name)).items():
                    took[f"MediaPipe, {part}"] += values
    console, shown = Console(), table(hardware.machine())
    for title in ("", "median ms", "95th percentile", "frames"):
        shown.add_column(title, justify="right" if title else "left")
    figures = {part: (float(np.median(v)), float(np.percentile(v, 95)), len(v)) for part, v in took.items()}
    for part, (median, late, count) in figures.items():
        shown.add_row(part, f"{median:.1f}", f"{late:.1f}", str(count))
    console.print(shown)
    if given.output is not None:
        values = {part: {"median_ms": m, "p95_ms": p, "frames": n} for part, (m, p, n) in figures.items()}
        write_json(given.output, {"machine": hardware.machine(), "commit": commit(), "parts": values})


if __name__ == "__main__":
    run_door(main)
