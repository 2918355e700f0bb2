"""Say what is signed: `python -m src.predict run=<run folder or .onnx file> input=<what to look at>`.

    python -m src.predict run=<run> input='shots/*.jpg' output=found.csv annotate=drawn
    python -m src.predict run=<run> input=hello.mp4 signs=letters output=hello.json annotate=hello_read.mp4
    python -m src.predict run=model.onnx input=camera:0

Images give a table. Videos and cameras give text: a sign held becomes a letter, a pause without one a space; a double
letter needs the hand away in between.
"""

from pathlib import Path

from src.importing import imports
from src.settings.arguments import OfRuns, parse, run_door
from src.settings.options import Field, settings


@settings
class Arguments(OfRuns):
    """Whose network looks at what, and where it is written."""

    run: Path = Field(title="run folder|file.onnx", description="whose network")
    input: str = Field(
        title="image|folder|'pattern'|video|camera:0", description="what to look at; Ctrl-C ends a camera"
    )
    output: Path | None = Field(
        default=None, title="file.json|file.csv", description="what was found, with times for a video"
    )
    annotate: Path | None = Field(
        default=None,
        title="folder|film.mp4",
        description="images, or a film, with the sign and its runners-up drawn on",
    )
    crop: str | None = Field(
        default=None,
        title="full|center|x,y,w,h",
        description="the part to look at; a camera shows the network its centre, all else the whole image",
    )
    signs: str = Field(
        default="all",
        title="all|letters|digits|A,B,3",
        description="what may be answered: 0 and O, 2 and V, 6 and W are one handshape, so say which you mean",
    )
    rate: float = Field(default=15, ge=1, le=60, description="frames a second that are looked at")
    hold: float = Field(
        default=0.15, ge=0.05, le=10, title="seconds", description="a sign held this long becomes a letter"
    )
    pause: float = Field(
        default=0.7, ge=0.1, le=60, title="seconds", description="without a sign for this long: a space"
    )
    sure: float = Field(
        default=0.3, ge=0.05, le=0.99, description="the probability from which a sign counts in a video"
    )
    seconds: float | None = Field(
        default=None, ge=0.1, le=1_000_000, description="end a video or camera after this long"
    )


def main(arguments: list[str]) -> None:
    """Look, print and write.

    Raises:
        UserError: an argument is not understood, or the network or the input cannot be used.
    """
    given = parse(Arguments, arguments)

    with imports():
        from src.inference.images import crop_named, input_kind
        from src.inference.predicting import Request, check, predict
        from src.inference.recognizer import open_recognizer, signs_named
        from src.inference.spelling import SpellingSettings

    request = Request(
        source=given.input,
        output=given.output,
        annotate=given.annotate,
        crop=crop_named(given.crop or ("center" if input_kind(given.input) == "camera" else "full")),
        rate_hz=given.rate,
        spelling=SpellingSettings(hold_seconds=given.hold, pause_seconds=given.pause, sure_above=given.sure),
        limit_seconds=given.seconds,
    )
    signs = signs_named(given.signs)
    check(request)  # before the seconds that loading a network takes
    predict(open_recognizer(given.run, signs), request)


if __name__ == "__main__":
    run_door(main)
