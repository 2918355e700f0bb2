"""How well a finder finds: on a teacher's pictures, and where there is no hand to be found."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

from src import hardware
from src.errors import UserError
from src.hands.finder import HandFinder
from src.hands.hand import Hand
from src.learning.finding.pictures import Pictures, Teacher, load_pictures, taught
from src.learning.finding.recipe import PictureSet
from src.learning.finding.rooms import free_sides
from src.sources.decoding import Unreadable
from src.sources.images import decode
from src.sources.records import ImageRecord
from src.terminal import table

_FOUND_OVERLAP = 0.5
_SIDES_EVERY = 3  # pictures of one person are much alike
_REPEATS, _WARM_UP = 60, 5
_EMPTY_FOLDER = "nothing"


@dataclass(frozen=True)
class Measured:
    """What was found in one person's pictures.

    Attributes:
        person: whose.
        hands: (pictures,) what was found.
        overlap: (pictures,) intersection over union with the teacher's box; 0 where nothing was found.
        joint_error: (pictures,) mean distance of the joints in lengths of the box; NaN where it was not found.
        right: (pictures,) bool: the teacher says it is a right hand.
    """

    person: str
    hands: tuple[Hand | None, ...]
    overlap: np.ndarray
    joint_error: np.ndarray
    right: np.ndarray

    @property
    def found(self) -> float:
        """Share of pictures in which the hand was found where the teacher says it is."""
        return float((self.overlap >= _FOUND_OVERLAP).mean())

    @property
    def same_side(self) -> float:
        """Share of those found of which finder and teacher say the same hand."""
        said = [(hand.right > 0.5) == right for hand, right in zip(self.hands, self.right, strict=True) if hand]
        return float(np.mean(said)) if said else float("nan")


def measure_finder(
    file: Path | None, root: Path, joints: Path, folder: str, cache_dir: Path, console: Console | None = None
) -> list[Measured]:
    """Print what a finder finds in the pictures below a folder, by person, what else it takes for hands, and its times.

    Args:
        file: the finder; None is the one in the box.
        root: the data root.
        joints: the teacher's table.
        folder: below the root; each folder in it is one person's.
        cache_dir: where pictures are decoded into.

    Raises:
        UserError: the finder, the table or the pictures cannot be read.
    """
    console = console or Console()
    finder = HandFinder(file, threads=1)
    people = sorted({row.path.removeprefix(f"{folder}/").partition("/")[0] for row in _rows_below(joints, folder)})
    if not people:
        raise UserError(f"sets={folder}: {joints} speaks of no picture there.")
    sets = [PictureSet(f"{folder}/{person}", "webcam") for person in people]
    pictures = load_pictures(root, joints, sets, cache_dir, with_masks=False)
    measured = [_measure(finder, pictures, person) for person in people]
    shown = table(f"hands found in {folder}")
    for column in ("person", "pictures", "found", "joint error", "same hand"):
        shown.add_column(column, justify="left" if column == "person" else "right")
    for one in measured:
        shown.add_row(
            one.person, str(len(one.overlap)), f"{one.found:.1%}",
            f"{np.nanmedian(one.joint_error):.1%}" if one.found else "–", f"{one.same_side:.0%}",
        )  # fmt: skip
    shown.add_row(
        "mean of people", str(len(pictures)), f"{np.mean([one.found for one in measured]):.1%}",
        f"{np.nanmean([np.nanmedian(one.joint_error) for one in measured if one.found]):.1%}",
        f"{np.nanmean([one.same_side for one in measured]):.0%}",
    )  # fmt: skip
    console.print(shown)
    sides = list(_free_parts(pictures))
    said = [f"{_alarms(finder, sides):.1%} of {len(sides)} hand-free sides of these pictures"]
    empty = list(_empty_pictures(root, joints))
    if empty:
        said.append(f"{_alarms(finder, empty):.1%} of {len(empty)} pictures of the class {_EMPTY_FOLDER}")
    console.print(f"  taken for a hand: {'; '.join(said)}", highlight=False, soft_wrap=True)
    console.print(f"  {_times(finder, pictures, measured)}", highlight=False, soft_wrap=True)
    return measured


def _rows_below(joints: Path, folder: str) -> Iterable[Teacher]:
    return (row for row in taught(joints) if row.joints is not None and row.path.startswith(f"{folder}/"))


def _measure(finder: HandFinder, pictures: Pictures, person: str) -> Measured:
    indices = np.flatnonzero(pictures.sets == person)
    hands = tuple(finder.find_many(pictures[int(index)] for index in indices))
    overlap, error = np.zeros(len(indices)), np.full(len(indices), np.nan)
    for row, (index, hand) in enumerate(zip(indices, hands, strict=True)):
        if hand is not None:
            wanted = pictures.joints[index]
            overlap[row] = _overlap(np.array(hand.box), np.concatenate([wanted.min(0), wanted.max(0)]))
            error[row] = np.linalg.norm(hand.joints - wanted, axis=1).mean() / pictures.sides[index]
    return Measured(person, hands, overlap, error, pictures.right[indices] > 0.5)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared + 1e-9))


def _free_parts(pictures: Pictures) -> Iterable[np.ndarray]:
    for index in range(0, len(pictures), _SIDES_EVERY):
        for x0, y0, x1, y1 in free_sides(pictures.shapes[index], pictures.joints[index]):
            yield pictures[index][y0:y1, x0:x1]


def _empty_pictures(root: Path, joints: Path) -> Iterable[np.ndarray]:
    for row in taught(joints):
        if f"/{_EMPTY_FOLDER}/" in row.path:
            try:
                yield decode(ImageRecord(str(root / row.path), row.path, -1, "finder")).pixels
            except (Unreadable, OSError):
                continue


def _alarms(finder: HandFinder, pictures: Sequence[np.ndarray]) -> float:
    return float(np.mean([hand is not None for hand in finder.find_many(pictures)])) if pictures else 0.0


def _times(finder: HandFinder, pictures: Pictures, measured: Sequence[Measured]) -> str:
    """Milliseconds of a find and of following, on one thread, from a camera's frame of 640 × 480."""
    hand = next((hand for one in measured for hand in one.hands if hand is not None), None)
    frame = cv2.resize(pictures[0], (640, 480))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        finding = _median_ms(lambda: finder.find(frame))
        following = _median_ms(lambda: finder.follow(frame, hand)) if hand else float("nan")
    finally:
        cv2.setNumThreads(threads)
    return (
        f"{finding:.1f} ms to find and {following:.1f} ms to follow a hand in 640 × 480, median of {_REPEATS}, "
        f"1 thread, {hardware.machine()}"
    )


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_WARM_UP + _REPEATS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return float(np.median(times[_WARM_UP:])) * 1000
