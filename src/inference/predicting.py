"""The work behind `python -m src.predict`: images to a table, a video or a camera to text."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

from src.errors import UserError
from src.inference import drawing, results
from src.inference.images import WHOLE, Crop, find_images, input_kind, load_image, read_images
from src.inference.recognizer import Recognizer, ranked
from src.inference.spelling import DEFAULT_SETTINGS, Speller, SpellingSettings
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
        crop: the part that the network sees.
        rate_hz: frames a second that are looked at.
        spelling: when a sign counts as a letter.
        limit_seconds: where a camera stops by itself, or None.
    """

    source: str
    output: Path | None = None
    annotate: Path | None = None
    crop: Crop = WHOLE
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
    if input_kind(request.source) == "images":
        _predict_images(recognizer, request, console)
    else:
        _predict_video(recognizer, request, console)


def _predict_images(recognizer: Recognizer, request: Request, console: Console) -> None:
    about, folder = recognizer.about, request.annotate
    files = find_images(request.source)
    root = _common_folder(files, folder)
    results.print_about(about, console)
    readings = []
    with progress("looking at images", len(files)) as advance:
        for reading in read_images(recognizer, files, request.crop):
            readings.append(reading)
            if folder is not None and reading.probabilities is not None:
                _annotate(reading.file, reading.probabilities, root, folder, recognizer, request.crop)
            advance(1)
    if all(reading.probabilities is None for reading in readings):
        first = readings[0]
        several = f" (and none of {len(readings) - 1} more can)" if len(readings) > 1 else ""
        raise UserError(f"{first.file} cannot be read: {first.problem}{several}.")
    results.print_images(readings, about, console)
    if request.output is not None:
        results.write_images(request.output, readings, about)
    _print_written(request, console)


def _annotate(
    file: Path, probabilities: np.ndarray, root: Path, folder: Path, recognizer: Recognizer, crop: Crop
) -> None:
    about = recognizer.about
    try:
        whole = load_image(file, WHOLE, about.max_megapixels)
        box = None if crop.kind == "full" else crop.within(whole.shape[1], whole.shape[0])
    except Unreadable:  # it was read a moment ago; another program has changed it since
        return
    best = ranked(probabilities, _SHOWN_SIGNS)
    image = drawing.annotated(whole, best, about.is_sure(best[0][1]), box)
    drawing.write_image(drawing.annotated_file(file.resolve(), root, folder), image)


def _predict_video(recognizer: Recognizer, request: Request, console: Console) -> None:
    about, is_camera = recognizer.about, input_kind(request.source) == "camera"
    file = None if is_camera else VideoFile(Path(request.source), request.rate_hz, about.max_megapixels)
    frames: Iterator[Frame] = camera_frames(request.source, request.rate_hz) if file is None else iter(file)
    if (limit := request.limit_seconds) is not None:
        frames = itertools.takewhile(lambda frame: frame.seconds < limit, frames)
    speller = Speller(request.spelling)
    results.print_about(about, console)
    with ExitStack() as open_things:
        film = None
        if request.annotate is not None:
            film = open_things.enter_context(drawing.film(request.annotate, request.rate_hz))
        live = open_things.enter_context(Live(console=Console(stderr=True), transient=True, refresh_per_second=10))
        moments = watch(recognizer, frames, speller, request.crop, film is not None, 1 if is_camera else 8)
        try:
            for moment in moments:
                best = ranked(moment.probabilities, _SHOWN_SIGNS)
                live.update(_status(moment.seconds, file, best, speller.text))
                if film is not None and moment.pixels is not None:
                    height, width = moment.pixels.shape[:2]
                    box = None if request.crop.kind == "full" else request.crop.within(width, height)
                    sure = bool(best) and best[0][1] >= speller.settings.sure_above
                    film.add(moment.seconds, drawing.annotated(moment.pixels, best, sure, box, speller.text))
        except KeyboardInterrupt:
            if not is_camera:
                raise
        finally:
            moments.close()
    if file is not None and file.note:
        console.print(f"  [yellow]note[/] {file.note}", highlight=False, soft_wrap=True)
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
