"""Images and films that a visitor dropped on the page: a card each; for a bad one the card says what is wrong."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from src.errors import UserError
from src.inference.images import VIDEO_EXTENSIONS, WHOLE, load_image, read_images
from src.inference.recognizer import ranked
from src.inference.results import WHICH_HAND
from src.inference.sight import Sight
from src.inference.spelling import speller_for
from src.inference.video import VideoFile
from src.inference.watching import watch
from src.sources.decoding import Unreadable
from src.sources.tree import EXTENSIONS
from src.web import shown
from src.web.live import SHOWN_SIGNS

FILE_EXTENSIONS = sorted(EXTENSIONS | VIDEO_EXTENSIONS)
MOST_FILES = 40
MOST_MEGAPIXELS, MOST_FILM_MEGAPIXELS = 50.0, 9.0  # 9: a film of 4K; every frame of it is decoded
FILM_SECONDS = 60.0
_FILM_RATE_HZ = 15.0
_MOST_STILLS = 40
_SHOWN_PX = 320


def read_dropped(sight: Sight, files: Sequence[Path]) -> Iterator[str]:
    """The cards so far, as HTML, each time another file has been read."""
    parts: list[str] = []
    for file in files[:MOST_FILES]:
        try:
            parts.append(_card(sight, file))
        except (UserError, Unreadable) as error:
            parts.append(shown.problem_card(file.name, _without_path(str(error), file)))
        yield shown.cards(parts)
    if len(files) > MOST_FILES:
        rest = f"… and {len(files) - MOST_FILES} more"
        yield shown.cards([*parts, shown.problem_card(rest, f"were not read: {MOST_FILES} files at once are allowed.")])


def _without_path(problem: str, file: Path) -> str:
    """The sentence without the server's folder, which says nothing to a visitor."""
    return problem.replace(f"input={file}", "it").replace(f"{file} ", "").replace(str(file), "it")


def _card(sight: Sight, file: Path) -> str:
    kind = file.suffix.lower()
    if kind in EXTENSIONS:
        return _image_card(sight, file)
    if kind in VIDEO_EXTENSIONS:
        return _film_card(sight, file)
    raise UserError(f"is neither an image nor a film that can be read ({kind or 'no ending'}).")


def _image_card(sight: Sight, file: Path) -> str:
    about = sight.recognizer.about
    most = min(about.max_megapixels, MOST_MEGAPIXELS)
    try:
        pixels = load_image(file, WHOLE, most, _SHOWN_PX)
    except Unreadable as error:
        raise UserError(f"cannot be read: {error}.") from None
    reading = next(read_images(sight, [file]))
    if reading.probabilities is None and not reading.no_hand:
        raise UserError(f"cannot be read: {reading.problem}.")
    best = [] if reading.probabilities is None else ranked(reading.probabilities, SHOWN_SIGNS)
    note = f"Another hand is seen: {WHICH_HAND}." if reading.others else ""
    return shown.image_card(file.name, pixels, best, about, note)


def _film_card(sight: Sight, file: Path) -> str:
    about = sight.recognizer.about
    film = VideoFile(file, _FILM_RATE_HZ, min(about.max_megapixels, MOST_FILM_MEGAPIXELS))
    notes = []
    if film.duration_seconds and film.duration_seconds > FILM_SECONDS:
        notes.append(f"Only its first {FILM_SECONDS:.0f} seconds were read; python -m src.predict reads all of it.")
    speller, others = speller_for(about), False
    frames = itertools.takewhile(lambda frame: frame.seconds <= FILM_SECONDS, film)
    stills: list[np.ndarray] = []
    for moment in watch(sight, frames, speller, keep_pixels=True):
        others = moment.others
        if moment.pixels is not None and len(stills) < min(len(speller.letters), _MOST_STILLS):
            stills.append(moment.pixels)
    if others:
        notes.append(f"Another hand was seen: {WHICH_HAND}.")
    if film.note:
        notes.append(film.note)
    return shown.film_card(file.name, speller.text, speller.letters, stills, notes)
