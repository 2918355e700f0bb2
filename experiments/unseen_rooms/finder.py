"""How well a hand finder finds: `python experiments/unseen_rooms/finder.py data=<root>`.

    python experiments/unseen_rooms/finder.py data=<root> finder=<file.onnx> output=<file.json>

Found: the box overlaps the box of the teacher's joints (`joints.csv.gz`) by an intersection over union of 0.5 or more,
of the frames in which the teacher found a hand. False alarms: of frames in which no hand is (`handless.py`). A quarter
of the rendered rooms show a hand that hangs or rests, so they stand apart from the photographs.
"""

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402

from experiments.unseen_rooms.handless import PHOTOGRAPHS, handless, read_joints, read_pixels  # noqa: E402
from src.hands.finder import HandFinder  # noqa: E402
from src.runs.folder import commit  # noqa: E402
from src.settings.arguments import OfRuns, parse, run_door  # noqa: E402
from src.settings.options import Field, settings  # noqa: E402
from src.storage.files import write_json  # noqa: E402
from src.terminal import progress, table  # noqa: E402

OVERLAP = 0.5


@settings
class Arguments(OfRuns):
    """Which finder looks for which hands."""

    data: Path = Field(title="folder", description="the data root, with joints.csv.gz")
    set: str = Field("rooms_dev", title="name", description="the folder of frames below the data root")
    finder: Path | None = Field(None, title="file.onnx", description="without it, the one in the box")
    output: Path | None = Field(None, title="file.json", description="all figures")


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    whole = sum(float(np.prod(box[2:] - box[:2])) for box in (one, other)) - shared
    return shared / whole if whole > 0 else 0.0


def found_by_person(finder: HandFinder, data: Path, name: str) -> dict[str, dict[str, float]]:
    """Person → shares of the frames in which the teacher found a hand: `found`, `seen` anything; joints' distance.

    `joints` is the mean distance of the 21 joints from the teacher's in lengths of its box, of the hands found.
    """
    hits: dict[str, list[tuple[bool, bool, float]]] = defaultdict(list)
    joints = [(path, one) for path, one in read_joints(data, name).items() if one.points is not None]
    with progress("finding", len(joints)) as advance:
        for path, teacher in joints:
            pixels = read_pixels(data / path)
            hand = finder.find(pixels)
            box, points = teacher.box, teacher.points
            assert box is not None
            assert points is not None
            is_found = hand is not None and overlap(np.array(hand.box), box) >= OVERLAP
            apart = np.nan
            if hand is not None and is_found:
                apart = float(np.linalg.norm(hand.joints - points, axis=1).mean() / (box[2:] - box[:2]).max())
            hits[path.split("/")[1]].append((is_found, hand is not None, apart))
            advance(1)
    return {
        person: {
            "found": float(np.mean([found for found, _, _ in rows])),
            "seen": float(np.mean([seen for _, seen, _ in rows])),
            "joints": float(np.nanmean([apart for _, _, apart in rows])) if any(row[0] for row in rows) else 1.0,
            "frames": len(rows),
        }
        for person, rows in hits.items()
    }


def false_alarms(finder: HandFinder, data: Path, name: str) -> dict[str, dict[str, float]]:
    """Kind, and kind and person → share of the frames without a hand in which one is seen."""
    seen: dict[str, list[bool]] = defaultdict(list)
    for frame in handless(data, name):
        alarm = finder.find(frame.pixels) is not None
        seen[frame.kind].append(alarm)
        if frame.kind == "beside hands":
            seen[f"{frame.kind}: {frame.person}"].append(alarm)
    photographs = [alarm for kind in PHOTOGRAPHS for alarm in seen[kind]]
    return {kind: {"alarms": float(np.mean(alarms)), "frames": len(alarms)} for kind, alarms in seen.items()} | {
        "photographs": {"alarms": float(np.mean(photographs)), "frames": len(photographs)}
    }


def main(arguments: list[str]) -> None:
    """Look, print and write.

    Raises:
        UserError: an argument is not understood, or the finder or the frames cannot be used.
    """
    given = parse(Arguments, arguments)
    console, finder = Console(), HandFinder(given.finder, threads=1)
    people = found_by_person(finder, given.data, given.set)
    alarms = false_alarms(finder, given.data, given.set)
    of_people = table()
    for title in ("person", "found", "seen anything", "joints off", "frames"):
        of_people.add_column(title, justify="left" if title == "person" else "right")
    for person, one in people.items():
        of_people.add_row(person, *(f"{one[key]:.1%}" for key in ("found", "seen", "joints")), f"{one['frames']:.0f}")
    mean = {key: float(np.mean([one[key] for one in people.values()])) for key in ("found", "seen", "joints")}
    of_people.add_section()
    of_people.add_row("mean", *(f"{value:.1%}" for value in mean.values()), "", style="bold")
    console.print(of_people)
    of_kinds = table()
    for title in ("without a hand", "false alarms", "frames"):
        of_kinds.add_column(title, justify="left" if title == "without a hand" else "right")
    for kind, one in alarms.items():
        of_kinds.add_row(
            kind, f"{one['alarms']:.1%}", f"{one['frames']:.0f}", style="bold" if kind == "photographs" else ""
        )
    console.print(of_kinds)
    if given.output is not None:
        values: dict[str, Any] = {"finder": finder.digest, "threshold": finder.threshold, "commit": commit()}
        write_json(given.output, values | {"set": given.set, "mean": mean, "people": people, "handless": alarms})


if __name__ == "__main__":
    run_door(main)
