"""Measure how well a network reads spelled words: `python -m src.spelling run=<run folder or .onnx file>`.

    python -m src.spelling run=<run> hands=asl_dataset:hand5

Makes films of known words from single images (hands that change, drift, pause and leave between double letters), reads
them as `python -m src.predict` does, and prints what it read and the character error rate at each speed. Without run=
the network in the box reads films of rendered hands.
"""

from pathlib import Path
from typing import Annotated

from src.errors import UserError
from src.learning.run_settings import compose, evaluation_settings
from src.settings.arguments import IMAGE_PLACES, OfRuns, as_paths, parse, passed_on, run_door
from src.settings.options import Field, settings
from src.sources.catalog import source_named

_WORDS = ("HELLO WORLD", "JUMPING FOX", "BUZZ QUICKLY", "SEE YOU TOMORROW", "VIVID BOOK")


@settings
class Arguments(OfRuns):
    """Whose network reads which films."""

    run: Path | None = Field(
        default=None, title="run folder|file.onnx", description="whose network; without it the one in the box"
    )
    hands: str | None = Field(
        default=None,
        title="test|rendered|source:signer",
        description="a run's own test images, rendered ones of a person that no run has seen, or all images of one "
        "signer of a source; without run= rendered",
    )
    words: tuple[str, ...] = Field(default=_WORDS, description="what is spelled")
    speeds: tuple[Annotated[float, Field(ge=0.1, le=10)], ...] = Field(
        default=(0.4, 0.7, 1.2), description="seconds a letter"
    )
    signs: str = Field(default="letters", title="all|letters|digits|A,B,3", description="what may be answered")
    output: Path | None = Field(
        default=None, title="file.csv", description="every film's text, what was read, and the edits between them"
    )
    films: Path | None = Field(default=None, title="folder", description="keep the films")
    overrides: tuple[str, ...] = passed_on(
        *IMAGE_PLACES, description="where the images lie, for a run's own if they have moved"
    )

    def check(self) -> None:
        """What of `hands` can be known before images are looked for; an exported file does not know its test images."""
        if self.hands not in (None, "test", "rendered"):
            source, _, signer = self.hands.partition(":")
            if not source or not signer:
                raise UserError(
                    f"hands={self.hands} is not understood: choose from test, rendered, or name a signer of a source, "
                    "such as asl_dataset:hand5."
                )
            source_named(source)
            return
        named = "The network in the box" if self.run is None else self.run.name
        asked = self.hands == "test" if self.run is None else self.hands != "rendered" and self.run.is_file()
        if asked:
            raise UserError(f"{named} does not know its test images: use hands=rendered, or name the run's folder.")


def main(arguments: list[str]) -> None:
    """Make the films, read them, print and write.

    Raises:
        UserError: an argument is not understood, or the run or its images cannot be used.
    """
    given = parse(Arguments, arguments)

    from src.inference import spelling_trial, word_films
    from src.inference.box import network_named
    from src.inference.recognizer import open_recognizer, signs_named

    texts = [word_films.check_text(text) for text in given.words]
    signs = signs_named(given.signs)
    run = network_named(given.run).resolve()
    recognizer = open_recognizer(run, signs)
    if given.hands is not None and ":" in given.hands:
        source, _, signer = given.hands.partition(":")
        images = compose([f"datamodule.sources=[{source}]", *as_paths(given.overrides)]).datamodule
        hands = spelling_trial.hands_of_signer(signer, images, set(signs))
    elif given.hands == "rendered" or given.run is None:
        hands = word_films.rendered_hands()
    else:
        images = evaluation_settings(run, as_paths(given.overrides)).datamodule
        hands = spelling_trial.hands_of_run(run, images, set(signs))
    spelling_trial.spelling_trial(recognizer, hands, texts, list(given.speeds), given.output, given.films)


if __name__ == "__main__":
    run_door(main)
