"""Letters written a minute where nothing is signed: `python experiments/unseen_rooms/idle.py data=<root>`.

    python experiments/unseen_rooms/idle.py data=<root> run=<run folder or .onnx file> output=<file.json> films=<folder>

Films of three kinds, 25 frames a second, H.264, read as `python -m src.predict` reads a film: a camera that moves over
rooms without a hand (what is free beside the hands of a set, by person; `nothing` of asl_alphabet), and a hand that is
always on its way: blends of two signs of a person, neither ever more than 70 % of the picture, smeared and moving.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402

from experiments.unseen_rooms.handless import beside_hands, nothing, read_pixels  # noqa: E402
from experiments.unseen_rooms.protocol import pictures_below  # noqa: E402
from src.inference.video import Frame  # noqa: E402
from src.runs.folder import commit  # noqa: E402
from src.settings.arguments import OfRuns, parse, run_door  # noqa: E402
from src.settings.options import Field, settings  # noqa: E402
from src.sources.images import fit_square  # noqa: E402
from src.storage.files import write_json  # noqa: E402
from src.terminal import progress, table  # noqa: E402

SIDE_PX, RATE_HZ, SHOT_SECONDS = 256, 25.0, 5.0
CHANGE_SECONDS, MOST_OF_ONE = 0.4, 0.7
NOISE, SEED = 2.0, 30


@settings
class Arguments(OfRuns):
    """Whose letters, on which films."""

    data: Path = Field(title="folder", description="the data root, with joints.csv.gz")
    set: str = Field("rooms_dev", title="name", description="the folder of pictures that films are made of")
    run: Path | None = Field(None, title="run folder|file.onnx", description="whose network; without it the box's")
    finder: Path | None = Field(None, title="file.onnx", description="a hand finder other than the one in the box")
    signs: str = Field("letters", title="all|letters|digits|A,B,3", description="what may be answered")
    seconds: float = Field(10.0, ge=1, description="of each person's film of each kind; of `nothing` four times that")
    films: Path | None = Field(None, title="folder", description="keep the films")
    output: Path | None = Field(None, title="file.json", description="all figures")


def _count(seconds: float) -> int:
    return max(1, round(seconds * RATE_HZ))


def panned(picture: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """`count` views of a picture by a camera that moves over it and comes nearer, `(SIDE_PX, SIDE_PX, 3) uint8`."""
    height, width = picture.shape[:2]
    phases, turns = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.3, 1.0, 3)
    for at in np.linspace(0, 2 * np.pi, count):
        x, y, near = (np.sin(turns * at + phases) + 1) / 2
        side = min(height, width) * (1 - 0.35 * near)
        left, top = x * (width - side), y * (height - side)
        scale = SIDE_PX / side
        matrix = np.array([[scale, 0, -scale * left], [0, scale, -scale * top]])
        yield cv2.warpAffine(picture, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def between_signs(pictures: list[list[np.ndarray]], seconds: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Blends of two pictures of different signs, that move and never stay.

    Args:
        pictures: those of each sign.
        seconds: of film.
    """
    steps = _count(CHANGE_SECONDS)
    after = int(rng.integers(len(pictures)))
    for _ in range(max(1, round(seconds / CHANGE_SECONDS))):
        before, after = after, int((after + 1 + rng.integers(len(pictures) - 1)) % len(pictures))
        one, other = (
            fit_square(pictures[sign][int(rng.integers(len(pictures[sign])))], SIDE_PX) for sign in (before, after)
        )
        drift = rng.normal(0, 0.25, 2) * SIDE_PX
        for step, weight in enumerate(np.linspace(1 - MOST_OF_ONE, MOST_OF_ONE, steps)):
            mixed = cv2.blur(cv2.addWeighted(np.ascontiguousarray(one), 1 - weight, other, weight, 0), (13, 5))
            x, y = drift * (step / (steps - 1) - 0.5)
            matrix = np.array([[1.0, 0, x], [0, 1.0, y]])
            yield cv2.warpAffine(mixed, matrix, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REPLICATE)


def _shots(pictures: list[np.ndarray], seconds: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for picture in pictures[: max(1, round(seconds / SHOT_SECONDS))]:
        yield from panned(picture, _count(min(SHOT_SECONDS, seconds)), rng)


def films_of(data: Path, name: str, seconds: float) -> Iterator[tuple[str, str, Iterator[np.ndarray]]]:
    """Kind, person and pictures of each film; the same seed gives the same films."""
    rooms: dict[str, list[np.ndarray]] = defaultdict(list)
    for frame in beside_hands(data, name, each=max(1, round(seconds / SHOT_SECONDS)), seed=SEED):
        rooms[frame.person].append(frame.pixels)
    for number, (person, pictures) in enumerate(rooms.items()):
        yield "rooms", person, _shots(pictures, seconds, np.random.default_rng((SEED, 0, number)))
    rng = np.random.default_rng((SEED, 1))
    corners = [frame.pixels for frame in nothing(data)]
    yield "nothing", "asl_alphabet", _shots([corners[i] for i in rng.permutation(len(corners))], 4 * seconds, rng)
    asked = pictures_below(data, name)
    for number, person in enumerate(np.unique(asked.people)):
        rng = np.random.default_rng((SEED, 2, number))
        of_sign: dict[int, list[np.ndarray]] = defaultdict(list)
        for index in np.flatnonzero(asked.people == person):
            if len(of_sign[int(asked.signs[index])]) < 2:
                of_sign[int(asked.signs[index])].append(read_pixels(data / asked.files[index]))
        yield "between signs", str(person), between_signs(list(of_sign.values()), seconds, rng)


def with_noise(pictures: Iterator[np.ndarray], seed: int) -> Iterator[Frame]:
    """The pictures as frames, with a sensor's noise."""
    rng = np.random.default_rng(seed)
    for number, pixels in enumerate(pictures):
        noisy = pixels + rng.normal(0, NOISE, pixels.shape)
        yield Frame(number / RATE_HZ, np.clip(noisy, 0, 255).astype(np.uint8))


def main(arguments: list[str]) -> None:
    """Make the films, read them, print and write.

    Raises:
        UserError: an argument is not understood, or the network or the pictures cannot be used.
    """
    given = parse(Arguments, arguments)

    from src.hands.finder import HandFinder
    from src.inference.box import IN_THE_BOX
    from src.inference.drawing import film
    from src.inference.recognizer import open_recognizer, signs_named
    from src.inference.sight import Sight
    from src.inference.spelling_trial import read_film

    recognizer = open_recognizer(given.run or IN_THE_BOX, signs_named(given.signs))
    sight = Sight(recognizer, HandFinder(given.finder, threads=1) if given.finder else None)
    rows: list[tuple[str, str, str, float]] = []
    films = list(films_of(given.data, given.set, given.seconds))
    with tempfile.TemporaryDirectory() as temporary, progress("watching", len(films)) as advance:
        for number, (kind, person, pictures) in enumerate(films):
            file = (given.films or Path(temporary)) / f"{kind.replace(' ', '_')}_{person}.mp4"
            end = 0.0
            with film(file, RATE_HZ) as writing:
                for frame in with_noise(pictures, SEED + number):
                    writing.add(frame.seconds, frame.pixels)
                    end = frame.seconds + 1 / RATE_HZ
            rows.append((kind, person, read_film(sight, file).replace(" ", ""), end))
            advance(1)
    console, shown = Console(), table(f"{recognizer.about.name}: letters a minute where nothing is signed")
    for title in ("film", "letters", "minutes", "a minute"):
        shown.add_column(title, justify="left" if title == "film" else "right")
    figures = {}
    for kind in dict.fromkeys(kind for kind, *_ in rows):
        letters = sum(len(text) for one, _, text, _ in rows if one == kind)
        minutes = sum(seconds for one, _, _, seconds in rows if one == kind) / 60
        figures[kind] = letters / minutes
        shown.add_row(kind, str(letters), f"{minutes:.1f}", f"{letters / minutes:.1f}")
    console.print(shown)
    if given.output is not None:
        films_read = [{"kind": k, "person": p, "read": text, "seconds": round(s, 2)} for k, p, text, s in rows]
        values = {"reader": recognizer.about.name, "set": given.set, "commit": commit(), "signs": given.signs}
        write_json(given.output, values | {"letters_a_minute": figures, "films": films_read})


if __name__ == "__main__":
    run_door(main)
