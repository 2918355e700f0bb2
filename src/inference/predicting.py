"""The work behind `python -m src.predict`: images to a table, a video or a camera to text."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from src.errors import UserError
from src.inference import drawing, results
from src.inference.images import WHOLE, Crop, ImageReading, find_images, input_kind, load_image, read_images
from src.inference.recognizer import About, Recognizer, ranked
from src.inference.sight import Sight
from src.inference.spelling import DEFAULT_SETTINGS, SpellingSettings, speller_for
from src.inference.video import Frame, VideoFile, camera_frames
from src.inference.watching import watch
from src.sources.decoding import Unreadable
from src.terminal import progress

_SHOWN_SIGNS = 4


@dataclass(frozen=True)
class Request:
    """What a user asked for.

    Attributes:
        source: an image, folder, pattern, video or `camera:<number>`.
        output: .json or .csv file, or None.
        annotate: folder for images, film for a video or camera, or None.
        crop: the part that is looked at; None for all of it, but a camera's centre if the network reads whole frames.
        rate_hz: frames a second that are looked at.
        spelling: when a sign counts as a letter.
        limit_seconds: where a camera stops by itself, or None.
    """

    source: str
    output: Path | None = None
    annotate: Path | None = None
    crop: Crop | None = None
    rate_hz: float = 15.0
    spelling: SpellingSettings = DEFAULT_SETTINGS
    limit_seconds: float | None = None


def check(request: Request) -> None:
    """What can be known before a network is loaded.

    Raises:
        UserError: there is no such input, or a file to be written has an unsuitable name.
    """
    results.check_output(request.output)
    kind = input_kind(request.source)
    if kind == "images":
        _common_folder(find_images(request.source), request.annotate)
    else:
        if kind == "video" and not Path(request.source).is_file():
            raise UserError(f"input={request.source}: there is no such file.")
        if request.annotate is not None:
            drawing.check_film(request.annotate)


def _common_folder(files: list[Path], folder: Path | None) -> Path:
    """The folder that all images lie below."""
    root = Path(os.path.commonpath([file.resolve().parent for file in files]))
    if folder is not None:
        if folder.suffix and not folder.is_dir():
            raise UserError(f"annotate={folder}: name a folder for annotated images.")
        for file in files:
            drawing.annotated_file(file.resolve(), root, folder)
    return root


def predict(recognizer: Recognizer, request: Request, console: Console | None = None) -> None:
    """Look, print and write.

    Raises:
        UserError: the input cannot be used, or a result cannot be written.
    """
    console = console or Console()
    check(request)
    sight, kind = Sight(recognizer), input_kind(request.source)
    # A user before a camera is in its middle; a finder looks for the hand itself.
    usual = Crop("center") if kind == "camera" and sight.finder is None else WHOLE
    reads = _predict_images if kind == "images" else _predict_video
    reads(sight, request, request.crop or usual, console)


def _predict_images(sight: Sight, request: Request, crop: Crop, console: Console) -> None:
    about, folder = sight.recognizer.about, request.annotate
    files = find_images(request.source)
    root = _common_folder(files, folder)
    results.print_about(about, console)
    readings = []
    with progress("looking at images", len(files)) as advance:
        for reading in read_images(sight, files, crop):
            readings.append(reading)
            if folder is not None and (reading.probabilities is not None or reading.no_hand):
                _annotate(reading, root, folder, about, crop)
            advance(1)
    if all(reading.probabilities is None and not reading.no_hand for reading in readings):
        first = readings[0]
        several = f" (and none of {len(readings) - 1} more can)" if len(readings) > 1 else ""
        raise UserError(f"{first.file} cannot be read: {first.problem}{several}.")
    results.print_images(readings, about, console)
    if request.output is not None:
        results.write_images(request.output, readings, about)
    _print_written(request, console)


def _annotate(reading: ImageReading, root: Path, folder: Path, about: About, crop: Crop) -> None:
    try:
        whole = load_image(reading.file, WHOLE, about.max_megapixels)
        box = None if crop.kind == "full" else crop.within(whole.shape[1], whole.shape[0])
    except Unreadable:  # it was read a moment ago; another program has changed it since
        return
    best = [] if reading.probabilities is None else ranked(reading.probabilities, _SHOWN_SIGNS)
    sure = bool(best) and about.is_sure(best[0][1])
    image = drawing.annotated(whole, best, sure, box, hand=reading.hand)
    drawing.write_image(drawing.annotated_file(reading.file.resolve(), root, folder), image)


def _predict_video(sight: Sight, request: Request, crop: Crop, console: Console) -> None:
    about, is_camera = sight.recognizer.about, input_kind(request.source) == "camera"
    file = None if is_camera else VideoFile(Path(request.source), request.rate_hz, about.max_megapixels)
    frames: Iterator[Frame] = camera_frames(request.source, request.rate_hz) if file is None else iter(file)
    if (limit := request.limit_seconds) is not None:
        frames = itertools.takewhile(lambda frame: frame.seconds < limit, frames)
    speller, others = speller_for(about, request.spelling), False
    results.print_about(about, console)
    with ExitStack() as open_things:
        film = None
        if request.annotate is not None:
            film = open_things.enter_context(drawing.film(request.annotate, request.rate_hz))
        live = open_things.enter_context(Live(console=Console(stderr=True), transient=True, refresh_per_second=10))
        moments = watch(sight, frames, speller, crop, film is not None, 1 if is_camera else 8)
        try:
            for moment in moments:
                best = ranked(moment.probabilities, _SHOWN_SIGNS)
                others = moment.others
                live.update(_status(moment.seconds, file, best, speller.text))
                if film is not None and moment.pixels is not None:
                    height, width = moment.pixels.shape[:2]
                    box = None if crop.kind == "full" else crop.within(width, height)
                    sure = bool(best) and speller.is_steady(moment.speed) and speller.is_sure(best[0][1])
                    drawn = drawing.annotated(moment.pixels, best, sure, box, speller.text, moment.hand)
                    film.add(moment.seconds, drawn)
        except KeyboardInterrupt:
            if not is_camera:
                raise
        finally:
            moments.close()
    if file is not None and file.note:
        results.print_note(file.note, console)
    if others:
        results.print_note(f"Another hand was seen: {results.WHICH_HAND}.", console)
    results.print_spelling(speller.text, speller.letters, console)
    if request.output is not None:
        results.write_spelling(request.output, speller.text, speller.letters, about)
    _print_written(request, console)


def _status(seconds: float, file: VideoFile | None, best: list[tuple[str, float]], text: str) -> Text:
    length = file.duration_seconds if file is not None else None
    time = f"{seconds:.1f}" + (f" of {length:.1f} s" if length else " s, Ctrl-C ends it" if file is None else " s")
    shown = "  ".join(f"{sign} {probability:.0%}" for sign, probability in best) or "no hand"
    return Text(f"{time}   {shown}\n{text[-60:]}")


def _print_written(request: Request, console: Console) -> None:
    for path in (request.output, request.annotate):
        if path is not None:
            console.print(f"  written to {path}", highlight=False, markup=False, soft_wrap=True)
