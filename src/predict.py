"""Say what is signed: `python -m src.predict input=<what to look at>`.

    python -m src.predict input='shots/*.jpg' output=found.csv annotate=drawn
    python -m src.predict input=hello.mp4 signs=letters output=hello.json annotate=hello_read.mp4
    python -m src.predict run=<run folder or .onnx file> input=camera:0

Without run= the network in the box reads. A network trained with datamodule.crop=hand is shown the hand that is found
in the image, any other the whole of it. Images give a table. Videos and cameras give text: a sign held becomes a
letter, a pause without one a space; a double letter needs the hand away in between.
"""

from pathlib import Path

from src.importing import imports
from src.settings.arguments import OfRuns, parse, run_door
from src.settings.options import Field, settings


@settings
class Arguments(OfRuns):
    """Whose network looks at what, and where it is written."""

    run: Path | None = Field(
        default=None, title="run folder|file.onnx", description="whose network; without it the one in the box"
    )
    input: str = Field(
        title="image|folder|'pattern'|video|camera:0", description="what to look at; Ctrl-C ends a camera"
    )
    output: Path | None = Field(
        default=None, title="file.json|file.csv", description="what was found, with times for a video"
    )
    annotate: Path | None = Field(
        default=None,
        title="folder|film.mp4",
        description="images, or a film, with the hand, the sign and its runners-up drawn on",
    )
    crop: str | None = Field(
        default=None,
        title="full|center|x,y,w,h",
        description="the part to look at; of a camera its centre for a network that reads whole frames, else all of it",
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
    certain: float | None = Field(
        default=None,
        ge=0,
        le=0.99,
        description="the probability that a letter must reach once; a network that reads found hands knows its own",
    )
    steady: float = Field(
        default=1,
        ge=0.1,
        le=1000,
        description="a found hand that moves more of its own lengths a second than this is between two signs",
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
        from src.inference.box import network_named
        from src.inference.images import crop_named
        from src.inference.predicting import Request, check, predict
        from src.inference.recognizer import open_recognizer, signs_named
        from src.inference.spelling import SpellingSettings

    request = Request(
        source=given.input,
        output=given.output,
        annotate=given.annotate,
        crop=crop_named(given.crop) if given.crop else None,
        rate_hz=given.rate,
        spelling=SpellingSettings(
            hold_seconds=given.hold,
            pause_seconds=given.pause,
            sure_above=given.sure,
            certain_above=given.certain,
            steady_below=given.steady,
        ),
        limit_seconds=given.seconds,
    )
    signs = signs_named(given.signs)
    check(request)  # before the seconds that loading a network takes
    predict(open_recognizer(network_named(given.run), signs), request)


if __name__ == "__main__":
    run_door(main)
