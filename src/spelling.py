"""Measure how well a run reads spelled words: `python -m src.spelling run=<run folder or .onnx file>`.

Makes films of known words from single pictures (hands that change, drift, pause and leave between double letters),
reads them as `python -m src.predict` does, and prints what it read and the character error rate at each speed.

hands=test|rendered      a run's own test pictures (default), or rendered ones of a person that no run has seen
                         (an .onnx file has no test pictures of its own)
words=HELLO WORLD,BOOK   what to spell; several with commas
speeds=0.4,0.7,1.2       seconds a letter
signs=letters            what may be answered, as for src.predict
output=<file.csv>        every film's text, what was read, and the edits between them
films=<folder>           keep the films
datamodule.root=<dir>    where the run's images lie now, if they have moved
"""

import sys
from pathlib import Path

from src.errors import UserError
from src.settings.composition import decimal_number, evaluation_config, named_values, speaking_plainly

_PLACES = ("datamodule.root", "datamodule.folder", "datamodule.cache_dir")
_WORDS = "HELLO WORLD,JUMPING FOX,BUZZ QUICKLY,SEE YOU TOMORROW,VIVID BOOK"


def main(arguments: list[str]) -> None:
    """Make the films, read them, print and write.

    Raises:
        UserError: an argument is not understood, or the run or its images cannot be used.
    """
    keys = ("run", "hands", "words", "speeds", "signs", "output", "films", *_PLACES)
    values = named_values(arguments, keys)
    if "run" not in values:
        raise UserError("Name the run to measure: python -m src.spelling run=<run folder>.")
    hands = values.get("hands", "test")
    if hands not in ("test", "rendered"):
        raise UserError(f"hands={hands} is not understood: test or rendered.")
    speeds = [decimal_number("speeds", part, 0.1, 10) for part in values.get("speeds", "0.4,0.7,1.2").split(",")]
    run = Path(values["run"]).resolve()
    if hands == "test" and run.is_file():
        raise UserError(f"{run.name} does not know its test pictures: use hands=rendered, or name the run's folder.")

    from src.inference import spelling_trial, word_films
    from src.inference.recognizer import open_recognizer, signs_named

    texts = [word_films.check_text(text) for text in values.get("words", _WORDS).split(",")]
    signs = signs_named(values.get("signs", "letters"))
    recognizer = open_recognizer(run, signs)
    if hands == "rendered":
        pictures = word_films.rendered_hands()
    else:
        cfg = evaluation_config(run, [f"{key}='{values[key]}'" for key in _PLACES if key in values])
        pictures = spelling_trial.hands_of_run(run, cfg, set(signs))
    output, films = (Path(values[key]) if key in values else None for key in ("output", "films"))
    spelling_trial.spelling_trial(recognizer, pictures, texts, speeds, output, films)


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
