"""The networks in the box as files of the user's own, and the finder beside whatever reads found hands."""

from pathlib import Path

from rich.console import Console

from src.hands.finder import FINDER
from src.inference.box import network_named
from src.inference.recognizer import About, open_recognizer
from src.inference.results import print_about
from src.storage.files import replacing_whole


def hand_out(output: Path | None, console: Console | None = None) -> None:
    """Copy the network in the box, and the finder where it needs one, and print where to.

    Args:
        output: where to; None is the current folder, under its own name.

    Raises:
        UserError: it cannot be written.
    """
    console = console or Console()
    boxed = network_named(None, lambda said: console.print(said, highlight=False, markup=False, soft_wrap=True))
    output = output or Path(boxed.name)
    about = open_recognizer(boxed, threads=1).about
    print_about(about, console)
    _copy(boxed, output)
    console.print(f"  written to {output}", highlight=False, markup=False, soft_wrap=True)
    put_finder_beside(output, about, console)


def put_finder_beside(output: Path, about: About, console: Console) -> None:
    """Copy the finder to `<stem of output>.finder.onnx` for a network that reads found hands, and say what it is for.

    Raises:
        UserError: it cannot be written.
    """
    if about.crop != "hand":
        return
    finder = output.with_name(f"{output.stem}.finder.onnx")
    _copy(FINDER, finder)
    console.print(
        f"  written to {finder}: it finds the hand; {output.name} reads the square around it, "
        f"{about.crop_margin:g} × the longer side of its box",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _copy(file: Path, target: Path) -> None:
    with replacing_whole(target) as beside:
        beside.write_bytes(file.read_bytes())
