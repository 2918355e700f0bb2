"""Say what is signed: `python -m src.predict run=<run folder or .onnx file> input=<what to look at>`.

`input=` is a picture, a folder, a pattern in quotes ('shots/*.jpg'), a video, or a camera (camera:0; Ctrl-C ends it).
Pictures give a table. Videos and cameras give text: a sign held `hold=` seconds (0.15) becomes a letter, `pause=`
seconds (0.7) without one a space; a double letter needs the hand away in between. `rate=` frames a second are looked
at (15).

output=<file.json|file.csv>     what was found, with times for a video
annotate=<folder|film.mp4>      pictures, or a film, with the sign and its runners-up drawn on
crop=full|center|x,y,w,h        the part to look at; a camera shows the network its centre, all else the whole picture
signs=all|letters|digits|A,B,3  what may be answered: 0 and O, 2 and V, 6 and W are one handshape, so say which you mean
sure=<number>                   the probability from which a sign counts in a video (0.3)
seconds=<number>                end a video or camera after this long
"""

import sys
from pathlib import Path

from src.errors import UserError
from src.importing import imports
from src.settings.composition import decimal_number, named_values, speaking_plainly

_KEYS = ("run", "input", "output", "annotate", "crop", "signs", "rate", "hold", "pause", "sure", "seconds")


def main(arguments: list[str]) -> None:
    """Look, print and write.

    Raises:
        UserError: an argument is not understood, or the network or the input cannot be used.
    """
    values = named_values(arguments, _KEYS)
    for key in ("run", "input"):
        if key not in values:
            raise UserError(f"{key}=… is missing: python -m src.predict run=<run folder> input=<picture, video …>.")
    rate = decimal_number("rate", values.get("rate", "15"), 1, 60)
    hold = decimal_number("hold", values.get("hold", "0.15"), 0.05, 10)
    pause = decimal_number("pause", values.get("pause", "0.7"), 0.1, 60)
    sure = decimal_number("sure", values.get("sure", "0.3"), 0.05, 0.99)
    limit = decimal_number("seconds", values["seconds"], 0.1, 1e6) if "seconds" in values else None

    with imports():
        from src.inference.pictures import crop_named, input_kind
        from src.inference.predicting import Request, check, predict
        from src.inference.recognizer import open_recognizer, signs_named
        from src.inference.spelling import SpellingSettings

    whole_picture = "center" if input_kind(values["input"]) == "camera" else "full"
    request = Request(
        source=values["input"],
        output=Path(values["output"]) if "output" in values else None,
        annotate=Path(values["annotate"]) if "annotate" in values else None,
        crop=crop_named(values.get("crop", whole_picture)),
        rate_hz=rate,
        spelling=SpellingSettings(hold_seconds=hold, pause_seconds=pause, sure_above=sure),
        limit_seconds=limit,
    )
    signs = signs_named(values.get("signs", "all"))
    check(request)  # before the seconds that loading a network takes
    predict(open_recognizer(Path(values["run"]), signs), request)


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
