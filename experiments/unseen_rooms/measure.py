"""Score any reader by the study's protocol: `python experiments/unseen_rooms/measure.py data=<root>`.

    python experiments/unseen_rooms/measure.py data=<root>                            # the network in the box
    python experiments/unseen_rooms/measure.py data=<root> run=<run folder or .onnx file> output=<file.json>
    python experiments/unseen_rooms/measure.py data=<root> table=<file.csv>            # what src.predict wrote

Pictures lie in <data>/<set>/<person>/<sign>/. They are read as `python -m src.predict` reads them. Letters only are
answered where a person signed letters only; a picture in which no hand was found counts as wrong. A table of
`src.predict` holds three signs a picture, so its figures with all signs allowed are exact, the others nearly.
Where `joints.csv.gz` knows the set, people are grouped by how light their hand's skin looks, too: `skin.py`.
"""

import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.markup import escape  # noqa: E402

from experiments.unseen_rooms.protocol import Figures, Pictures, figures, pictures_below  # noqa: E402
from experiments.unseen_rooms.skin import BySkin, angles_of_people, by_skin, print_by_skin  # noqa: E402
from src.errors import UserError  # noqa: E402
from src.runs.folder import commit  # noqa: E402
from src.settings.arguments import OfRuns, parse, run_door  # noqa: E402
from src.settings.options import Field, settings  # noqa: E402
from src.signs.labels import INDEX_OF, NUM_SIGNS  # noqa: E402
from src.storage.files import write_json  # noqa: E402
from src.terminal import progress, table  # noqa: E402

_SIGN_COLUMNS = (("sign", "probability"), ("second", "second_probability"), ("third", "third_probability"))


@settings
class Arguments(OfRuns):
    """Who reads which pictures, and where the figures go."""

    data: Path = Field(title="folder", description="the data root, in which the set lies")
    run: Path | None = Field(None, title="run folder|file.onnx", description="whose network; without it the box's")
    set: str = Field("rooms_dev", title="name", description="the folder of pictures below the data root")
    finder: Path | None = Field(None, title="file.onnx", description="a hand finder other than the one in the box")
    table: Path | None = Field(None, title="file.csv", description="what src.predict wrote, in place of a network")
    output: Path | None = Field(None, title="file.json", description="all figures, by person and by sign")
    answers: Path | None = Field(None, title="file.npz", description="every picture's probabilities, to join readers")

    def check(self) -> None:
        """Either a network or a table."""
        if self.table is not None and (self.run is not None or self.finder is not None):
            raise UserError("table= holds answers already: leave run= and finder= out.")


def pictures_of(data: Path, name: str) -> Pictures:
    """The pictures of a set.

    Raises:
        UserError: there are none.
    """
    try:
        return pictures_below(data, name)
    except FileNotFoundError as error:
        raise UserError(f"{error} Name the root with data= and the folder in it with set=.") from None


def read_by_network(run: Path | None, finder: Path | None, files: Sequence[Path]) -> tuple[str, np.ndarray]:
    """A network's name and its probabilities `(files, 36)`; zeros where no hand was found or nothing could be read."""
    from src.hands.finder import HandFinder
    from src.inference.box import IN_THE_BOX
    from src.inference.images import read_images
    from src.inference.recognizer import open_recognizer
    from src.inference.sight import Sight

    recognizer = open_recognizer(run or IN_THE_BOX)
    sight = Sight(recognizer, HandFinder(finder, threads=1) if finder else None)
    rows = np.zeros((len(files), NUM_SIGNS), np.float32)
    with progress("reading", len(files)) as advance:
        for index, reading in enumerate(read_images(sight, files)):
            if reading.probabilities is not None:
                rows[index] = reading.probabilities
            advance(1)
    return recognizer.about.name, rows


def read_by_table(file: Path, data: Path, pictures: Pictures) -> np.ndarray:
    """The probabilities `(pictures, 36)` that a table of `src.predict` holds; zeros for pictures that it does not hold.

    Raises:
        UserError: it is no such table, or holds none of the pictures.
    """
    index_of = {(data / name).resolve(): index for index, name in enumerate(pictures.files)}
    rows, held = np.zeros((len(pictures), NUM_SIGNS)), 0
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                index = index_of.get(Path(row["file"]).resolve())
                if index is None:
                    continue
                held += 1
                for sign, probability in _SIGN_COLUMNS:
                    if row[sign]:
                        rows[index, INDEX_OF[row[sign]]] = float(row[probability])
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"table={file} is no table that python -m src.predict wrote ({error}).") from None
    if not held:
        raise UserError(f"table={file} holds none of the pictures below {data}: give it the same folder as input=.")
    if held < len(pictures):
        Console().print(f"  [yellow]note[/] {len(pictures) - held} pictures are not in the table: they count as wrong.")
    return rows


def print_figures(name: str, scored: Figures, console: Console) -> None:
    """By person and by sign."""
    console.print(f"{name}: {scored.pictures} pictures, no hand found in {scored.unfound}", style="bold", markup=False)
    of_people = table()
    for title in ("person", "strict", "look-alikes as one", "36 signs open", "digit or letter known", "pictures"):
        of_people.add_column(title, justify="left" if title == "person" else "right")
    keys = ("strict", "alike", "open_strict", "known")
    for person, one in scored.people.items():
        of_people.add_row(person, *(f"{100 * one[key]:.1f}" for key in keys), f"{one['pictures']:.0f}")
    of_people.add_section()
    of_people.add_row("mean", *(f"{100 * getattr(scored, key):.1f}" for key in keys), "", style="bold")
    console.print(of_people)
    low, high = scored.interval
    console.print(
        f"  strict {100 * scored.strict:.1f} (other people, 95 %: {100 * low:.1f} to {100 * high:.1f}), look-alikes as "
        f"one {100 * scored.alike:.1f}, worst person {scored.worst} {100 * scored.worst_strict:.1f}",
        highlight=False,
        soft_wrap=True,
    )
    of_signs = table()
    for title in ("sign", "found", "look-alikes as one", "else read as"):
        of_signs.add_column(title, justify="right" if title in ("found", "look-alikes as one") else "left")
    for sign, one in sorted(scored.signs.items(), key=lambda item: item[1]["found"]):
        others = "  ".join(f"{other} {share:.0%}" for other, share in one["read_as"].items())
        of_signs.add_row(sign, f"{100 * one['found']:.0f}", f"{100 * one['alike']:.0f}", f"[dim]{others}[/]")
    console.print(of_signs)


def read_skin(data: Path, name: str, pictures: Pictures, scored: Figures, console: Console) -> BySkin | None:
    """Figures by skin; None, which is said, where the data root has no joints of the set."""
    try:
        return by_skin(scored, angles_of_people(data, name, pictures))
    except UserError as problem:
        console.print(f"  [yellow]note[/] not told by skin: {escape(str(problem))}", highlight=False)
        return None


def main(arguments: list[str]) -> None:
    """Read, score, print and write.

    Raises:
        UserError: an argument is not understood, or the network or the pictures cannot be used.
    """
    given = parse(Arguments, arguments)
    pictures = pictures_of(given.data, given.set)
    if given.table is not None:
        name, rows = given.table.name, read_by_table(given.table, given.data, pictures)
    else:
        name, rows = read_by_network(given.run, given.finder, [given.data / file for file in pictures.files])
    scored = figures(pictures, rows)
    console = Console()
    print_figures(name, scored, console)
    skin = read_skin(given.data, given.set, pictures, scored, console)
    if skin is not None:
        print_by_skin(skin, console)
    if given.output is not None:
        values: dict[str, Any] = {"reader": name, "set": given.set, "commit": commit(), "cores": os.cpu_count()}
        write_json(given.output, values | scored.plain() | {"skin": skin.plain() if skin else None})
    if given.answers is not None:
        np.savez_compressed(given.answers, files=pictures.files, probabilities=rows)


if __name__ == "__main__":
    run_door(main)
