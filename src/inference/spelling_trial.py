"""The work behind `python -m src.spelling`: films of known words, read as a user's film would be, and counted."""

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from torchmetrics.functional.text import edit_distance

from src.data.datamodule import places_of
from src.data.settings import DatamoduleSettings
from src.errors import UserError
from src.inference.recognizer import Recognizer
from src.inference.results import print_about
from src.inference.run_images import run_images
from src.inference.sight import Sight
from src.inference.spelling import DEFAULT_SETTINGS, SpellingSettings, speller_for
from src.inference.video import VideoFile
from src.inference.watching import watch
from src.inference.word_films import Hands, Pace, write_film
from src.signs.labels import INDEX_OF, SIGNS
from src.sources.catalog import source_named
from src.sources.decoding import Unreadable
from src.sources.images import read_image
from src.sources.records import UNKNOWN_SIGNER, ImageRecord
from src.storage.files import write_csv
from src.terminal import progress

COLUMNS = ("letter_seconds", "text", "read", "edits", "characters")


@dataclass(frozen=True)
class Trial:
    """One film: `text` is what was spelled, `read` what was understood."""

    letter_seconds: float
    text: str
    read: str

    @property
    def edits(self) -> int:
        """Letters to insert, delete or replace to make one text of the other (Levenshtein, 1966)."""
        return int(edit_distance(self.read, self.text, reduction="sum"))


def read_film(sight: Sight, file: Path, rate_hz: float = 15.0, settings: SpellingSettings = DEFAULT_SETTINGS) -> str:
    """The text that a film spells."""
    speller = speller_for(sight.recognizer.about, settings)
    for _ in watch(sight, iter(VideoFile(file, rate_hz)), speller):
        pass
    return speller.text


def hands_of_run(run: Path, settings: DatamoduleSettings, signs: set[int]) -> Hands:
    """Class index → test images of it that the run never saw.

    Raises:
        UserError: its images are not on this machine.
    """
    collection, test, _ = run_images(run, settings)
    return _read((record for index in test if (record := collection.manifest[int(index)]).label in signs), settings)


def hands_of_signer(signer: str, settings: DatamoduleSettings, signs: set[int]) -> Hands:
    """Class index → all images of it by one signer of the settings' only source.

    Raises:
        UserError: the source is not on this machine, or has no image by that signer.
    """
    (name,) = settings.sources
    records = source_named(name).find(places_of(settings)).records
    if not any(record.signer == signer for record in records):
        known = sorted({record.signer for record in records} - {UNKNOWN_SIGNER})
        named = f"; it has {', '.join(known[:20])}{' …' if len(known) > 20 else ''}" if known else ": it names none"
        raise UserError(f"hands={name}:{signer}: {name} has no signer of that name{named}.")
    return _read((record for record in records if record.signer == signer and record.label in signs), settings)


def _read(records: Iterable[ImageRecord], settings: DatamoduleSettings) -> Hands:
    hands: dict[int, list[np.ndarray]] = defaultdict(list)
    for record in records:
        try:
            hands[record.label].append(read_image(record, settings.max_megapixels)[0])
        except Unreadable:
            continue
    return hands


def still_accuracy(sight: Sight, hands: Hands) -> float:
    """Share of the single images that are recognised: what no reading of films made of them can make up for."""
    correct = total = 0
    for sign, images in hands.items():
        squares = [seen.square for seen in map(sight.look, images) if seen.square is not None]
        if squares:
            correct += int((sight.recognizer.probabilities(np.stack(squares)).argmax(axis=1) == sign).sum())
        total += len(images)
    return correct / total


def run_trials(
    sight: Sight,
    hands: Hands,
    texts: list[str],
    speeds: list[float],
    keep: Path | None = None,
) -> list[Trial]:
    """Spell every text at every speed and read it back.

    Args:
        speeds: seconds a letter.
        keep: folder for the films; None throws them away.
    """
    needed = {INDEX_OF[character] for text in texts for character in text if character != " "}
    if missing := sorted(needed - set(hands)):
        raise UserError(f"There is no image of '{SIGNS[missing[0]]}' to make a film from: choose other words.")
    jobs = [(speed, number, text) for speed in speeds for number, text in enumerate(texts)]
    trials = []
    with tempfile.TemporaryDirectory() as temporary, progress("spelling", len(jobs)) as advance:
        folder = keep or Path(temporary)
        for speed, number, text in jobs:
            file = folder / f"{text.replace(' ', '_')}_{speed:g}s.mp4"
            write_film(file, text, hands, Pace(speed), seed=number)
            trials.append(Trial(speed, text, read_film(sight, file)))
            advance(1)
    return trials


def spelling_trial(
    recognizer: Recognizer, hands: Hands, texts: list[str], speeds: list[float], output: Path | None, keep: Path | None
) -> None:
    """Run the trials, print what was read and the character error rates, and write them."""
    console = Console()
    print_about(recognizer.about, console)
    sight = Sight(recognizer)
    trials = run_trials(sight, hands, texts, speeds, keep)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("spelled")
    for speed in speeds:
        table.add_column(f"{speed:g} s a letter")
    for text in texts:
        table.add_row(text, *(next(t.read for t in trials if t.text == text and t.letter_seconds == s) for s in speeds))
    table.add_section()
    rates = []
    for speed in speeds:
        some = [trial for trial in trials if trial.letter_seconds == speed]
        rates.append(sum(trial.edits for trial in some) / sum(len(trial.text) for trial in some))
    table.add_row("character error rate", *(f"{rate:.1%}" for rate in rates), style="bold")
    console.print(table)
    console.print(
        f"  {still_accuracy(sight, hands):.1%} of the single images that the films are made of are recognised",
        highlight=False,
    )
    if output is not None:
        rows = [(t.letter_seconds, t.text, t.read, t.edits, len(t.text)) for t in trials]
        write_csv(output, COLUMNS, rows)
        console.print(f"  written to {output}", highlight=False, markup=False)
