"""Frames in which no hand is, the same for everybody who draws them with the same seed.

    python experiments/unseen_rooms/handless.py data=<root> output=<folder>       # to look at them

Three kinds: what is free beside the hand in the frames of a set, by its joints; `nothing` of asl_alphabet; rendered
rooms without a hand that signs.
"""

import csv
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

import numpy as np  # noqa: E402

from src.errors import UserError  # noqa: E402
from src.settings.arguments import OfRuns, parse, run_door  # noqa: E402
from src.settings.options import Field, settings  # noqa: E402
from src.sources.decoding import Unreadable  # noqa: E402
from src.sources.images import read_image  # noqa: E402
from src.sources.records import ImageRecord  # noqa: E402

# From the joints' box to where a free part may begin, in lengths of the box's longer side: joints end within the hand.
MARGIN = 0.35
LEAST_PX = 56  # shorter parts show too little to be taken for a frame
LONGEST = 2.0  # longer side over shorter
EACH = 40  # frames of each person and kind
SEED = 20
PHOTOGRAPHS = ("beside hands", "nothing")  # kinds


@settings
class Arguments(OfRuns):
    """Whose frames, and where they go."""

    data: Path = Field(title="folder", description="the data root")
    set: str = Field("rooms_dev", title="name", description="the folder of pictures whose free parts are taken")
    output: Path = Field(title="folder", description="the frames as .png, by kind and person")


class Joints(NamedTuple):
    """What the teacher said of one picture.

    Attributes:
        width, height: of the picture, px.
        points: `(21, 2) float32` x and y in px, or None where it found no hand.
    """

    width: int
    height: int
    points: np.ndarray | None

    @property
    def box(self) -> np.ndarray | None:
        """x0, y0, x1, y1 of the joints in px, or None."""
        if self.points is None:
            return None
        return np.concatenate([self.points.min(axis=0), self.points.max(axis=0)])


class Handless(NamedTuple):
    """One frame without a hand: `pixels` `(height, width, 3) uint8`, of `kind`, from `person`."""

    kind: str
    person: str
    pixels: np.ndarray


def read_joints(data: Path, name: str) -> dict[str, Joints]:
    """Path below the data root → joints, of the pictures of a set, in the order of the file.

    Raises:
        UserError: there is no such file, or it says nothing of the set.
    """
    file = data / "joints.csv.gz"
    try:
        with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.reader(stream) if row[0].startswith(f"{name}/")]
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror or error}): data= names the folder it lies in."
        ) from None
    if not rows:
        raise UserError(f"{file} says nothing of pictures below {name}: set= names a folder of it.")
    joints = {}
    for path, width, height, _, *values in rows:
        points = np.array(values, np.float32).reshape(21, 3)[:, :2] if values[0] else None
        joints[path] = Joints(int(width or 0), int(height or 0), points)
    return joints


def read_pixels(file: Path) -> np.ndarray:
    """`(height, width, 3) uint8` RGB, upright, as stored.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return read_image(ImageRecord(str(file), file.name, label=0, source=""))[0]
    except Unreadable as problem:
        raise UserError(f"{file} cannot be read: {problem}.") from None


def free_parts(joints: Joints) -> list[tuple[int, int, int, int]]:
    """x0, y0, x1, y1 of what is left of, right of and above a hand; below it is its own arm."""
    box = joints.box
    if box is None:
        return []
    margin = MARGIN * float((box[2:] - box[:2]).max())
    left, top, right = (int(value) for value in (box[0] - margin, box[1] - margin, np.ceil(box[2] + margin)))
    parts = ((0, 0, left, joints.height), (right, 0, joints.width, joints.height), (0, 0, joints.width, top))
    return [part for part in parts if min(part[2] - part[0], part[3] - part[1]) >= LEAST_PX]


def window_of(part: tuple[int, int, int, int], rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A window of a free part that is not much longer than it is wide."""
    x0, y0, x1, y1 = part
    width, height = x1 - x0, y1 - y0
    wide, high = min(width, int(LONGEST * height)), min(height, int(LONGEST * width))
    x, y = x0 + int(rng.integers(width - wide + 1)), y0 + int(rng.integers(height - high + 1))
    return x, y, x + wide, y + high


def beside_hands(data: Path, name: str, each: int = EACH, seed: int = SEED) -> Iterator[Handless]:
    """Windows of what is free beside the hands of a set, up to `each` of a person, no two of one frame."""
    by_person: dict[str, list[tuple[str, list[tuple[int, int, int, int]]]]] = {}
    for path, joints in read_joints(data, name).items():
        if parts := free_parts(joints):
            by_person.setdefault(path.split("/")[1], []).append((path, parts))
    for number, (person, frames) in enumerate(sorted(by_person.items())):
        rng = np.random.default_rng((seed, number))
        for index in np.sort(rng.permutation(len(frames))[:each]):
            path, parts = frames[index]
            x0, y0, x1, y1 = window_of(parts[int(rng.integers(len(parts)))], rng)
            yield Handless("beside hands", person, read_pixels(data / path)[y0:y1, x0:x1])


def nothing(data: Path) -> Iterator[Handless]:
    """The class `nothing` of asl_alphabet: the corner of a room."""
    for file in sorted((data / "asl_alphabet").rglob("nothing/*.jpg")):
        yield Handless("nothing", "asl_alphabet", read_pixels(file))


def rendered_rooms(count: int = 4 * EACH, seed: int = SEED) -> Iterator[Handless]:
    """Rooms as the renderer draws them where nobody signs; in a quarter of them another hand hangs or rests."""
    from src.synthetic.scenes import empty_scene
    from src.synthetic.spec import RenderedSpec

    spec = RenderedSpec(count, signers=count, image_size_px=320, seed=90_000 + seed)  # people that no training draws
    for index in range(count):
        yield Handless("rendered rooms", "rendered", empty_scene(spec, index, 320, 240).image)


def handless(data: Path, name: str) -> Iterator[Handless]:
    """All three kinds."""
    yield from beside_hands(data, name)
    yield from nothing(data)
    yield from rendered_rooms()


def main(arguments: list[str]) -> None:
    """Write the frames.

    Raises:
        UserError: an argument is not understood, or the pictures cannot be used.
    """
    from src.inference.drawing import write_image

    given = parse(Arguments, arguments)
    for index, frame in enumerate(handless(given.data, given.set)):
        write_image(given.output / frame.kind.replace(" ", "_") / f"{frame.person}_{index:04}.png", frame.pixels)


if __name__ == "__main__":
    run_door(main)
