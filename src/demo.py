"""Try a network in the browser: `python -m src.demo`, then open the address that it prints.

Hold a hand before the camera, or drop pictures and films. It is served to this machine alone and fetches nothing.

run=<run folder|model.onnx>     whose network; without it the one in the box, trained on rendered hands
port=<number>                   7860 unless said
host=<address>                  127.0.0.1 unless said; 0.0.0.0 shows the page to the whole network
"""

import sys
from importlib.util import find_spec
from pathlib import Path

from src.errors import UserError
from src.settings.composition import named_values, speaking_plainly, whole_number

IN_THE_BOX = Path(__file__).parent / "inference" / "rendered.onnx"


def main(arguments: list[str]) -> None:
    """Open the network and serve the page until Ctrl-C.

    Raises:
        UserError: an argument is not understood, a library is missing, or network or address cannot be used.
    """
    values = named_values(arguments, ("run", "port", "host"))
    port = whole_number("port", values.get("port", "7860"), 0, 65535)
    if find_spec("gradio") is None:  # not imported here: src.web.serving first tells it to keep quiet
        raise UserError("The page needs gradio: pip install -e .[demo] installs it, and make demo does so.")

    from src.inference.recognizer import open_recognizer
    from src.web.serving import serve

    serve(open_recognizer(Path(values.get("run", IN_THE_BOX))), values.get("host", "127.0.0.1"), port)


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
