"""Try a network in the browser: `python -m src.demo`, then open the address that it prints.

Hold a hand before the camera, or drop images and films; without run= the network in the box reads. The page is served
to this machine alone and fetches nothing.
"""

from importlib.util import find_spec
from pathlib import Path

from src.errors import UserError
from src.settings.arguments import OfRuns, parse, run_door
from src.settings.options import Field, settings


@settings
class Arguments(OfRuns):
    """Whose network is served, and where."""

    run: Path | None = Field(
        default=None,
        title="run folder|file.onnx",
        description="whose network; without it the one in the box",
    )
    port: int = Field(default=7860, ge=0, le=65535, description="0 takes a free one")
    host: str = Field(default="127.0.0.1", title="address", description="0.0.0.0 shows the page to the whole network")


def main(arguments: list[str]) -> None:
    """Open the network and serve the page until Ctrl-C.

    Raises:
        UserError: an argument is not understood, a library is missing, or network or address cannot be used.
    """
    given = parse(Arguments, arguments)
    if find_spec("gradio") is None:  # not imported here: src.web.serving first tells it to keep quiet
        raise UserError("The page needs gradio: pip install -e .[demo] installs it, and make demo does so.")

    from src.inference.box import network_named
    from src.inference.recognizer import open_recognizer
    from src.web.serving import serve

    serve(open_recognizer(network_named(given.run)), given.host, given.port)


if __name__ == "__main__":
    run_door(main)
