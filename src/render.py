"""Render hands as ordinary image folders: `python -m src.render output=<folder>`.

`images=3600 signers=100 size=128 seed=0` say how many pictures of how many people, how large, and which of all possible
sets. Beside the folders, manifest.csv gives each picture's sign, signer, box and 21 keypoints in pixels.
`chart=<file.png>` and `sheet=<file.png>` (or .jpg) draw the 36 signs and a page of samples.
"""

import sys
from pathlib import Path

from src.errors import UserError
from src.settings.composition import named_values, speaking_plainly, whole_number

_NUMBERS = {"images": 3600, "signers": 100, "size": 128, "seed": 0}
_FILES = ("output", "chart", "sheet")


def main(arguments: list[str]) -> None:
    """Render what is asked for.

    Raises:
        UserError: an argument is not understood, or a file cannot be written.
    """
    values = named_values(arguments, (*_FILES, *_NUMBERS))
    numbers = _NUMBERS | {key: whole_number(key, value) for key, value in values.items() if key in _NUMBERS}
    files = {key: Path(value) for key, value in values.items() if key in _FILES}
    if not files:
        raise UserError("Say what to make: output=<folder>, chart=<file.png> or sheet=<file.png>.")

    import cv2

    from src.synthetic.dataset import RenderedSpec, chart, sheet, write_folders

    spec = RenderedSpec(numbers["images"], numbers["signers"], numbers["size"], numbers["seed"])
    if "output" in files:
        print(f"{spec.images} pictures and manifest.csv: {write_folders(spec, files['output'])}")
    for name, draw in (("chart", chart), ("sheet", lambda: sheet(spec))):
        if name in files:
            files[name].parent.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(files[name]), cv2.cvtColor(draw(), cv2.COLOR_RGB2BGR)):
                raise UserError(
                    f"{files[name]} cannot be written: name a .png or .jpg file in a folder you may write to."
                )
            print(f"{name}: {files[name]}")


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
