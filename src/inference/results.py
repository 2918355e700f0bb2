"""What is printed and written about images and videos: tables in the terminal, .json and .csv."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from src.errors import UserError
from src.evaluation.promises import measured_on
from src.inference.images import ImageReading
from src.inference.recognizer import About, ranked
from src.inference.sight import NO_HAND
from src.inference.spelling import Letter
from src.storage.files import write_csv, write_json

NOT_SURE = "not sure"
WHICH_HAND = "the larger, more central one was read"
_SHOWN_ROWS = 40
_RUNNERS_UP = 2


def check_output(file: Path | None) -> None:
    """Before the work, not after it.

    Raises:
        UserError: the file's name ends in neither .json nor .csv.
    """
    if file is not None and file.suffix.lower() not in (".json", ".csv"):
        raise UserError(f"output={file} must end in .json or .csv.")


def print_about(about: About, console: Console) -> None:
    """One line on the network, and what a user should know before the results."""
    accuracy = about.record.test.get("accuracy") if about.record else None
    protocol = f": {accuracy:.1%} {measured_on(about.record)}" if about.record and accuracy is not None else ""
    console.print(f"{about.name}{protocol}", style="bold", markup=False, highlight=False, soft_wrap=True)
    for note in about.notes:
        print_note(note, console)


def _answer(best: Sequence[tuple[str, float]], about: About) -> str:
    return best[0][0] if about.is_sure(best[0][1]) else NOT_SURE


def print_images(readings: Sequence[ImageReading], about: About, console: Console) -> None:
    """A table of the first images, and how many there were."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("image", overflow="fold")
    table.add_column("sign")
    table.add_column("probability", justify="right")
    table.add_column("runners-up")
    for reading in readings[:_SHOWN_ROWS]:
        name = escape(reading.file.name)
        if reading.probabilities is None:
            sign, reason = (
                (f"[yellow]{NO_HAND}[/]", "") if reading.no_hand else ("–", f"[red]{escape(reading.problem)}[/]")
            )
            table.add_row(name, sign, "–", reason)
            continue
        best = ranked(reading.probabilities, 1 + _RUNNERS_UP)
        sure = about.is_sure(best[0][1])
        rest = "  ".join(f"{sign} {probability:.0%}" for sign, probability in (best[1:] if sure else best))
        table.add_row(
            name,
            f"[bold green]{best[0][0]}[/]" if sure else f"[yellow]{NOT_SURE}[/]",
            f"{best[0][1]:.1%}" if sure else "–",
            f"[dim]{rest}[/]",
        )
    console.print(table)
    if len(readings) > _SHOWN_ROWS:
        console.print(f"  … and {len(readings) - _SHOWN_ROWS} more; output=<file.csv> writes them all.")
    empty = sum(reading.no_hand for reading in readings)
    unread = sum(reading.probabilities is None for reading in readings) - empty
    if unread and len(readings) > 1:
        print_note(f"{unread} of {len(readings)} files could not be read.", console)
    if empty:
        print_note(f"No hand was found in {empty} of {len(readings)} images: nothing was read there.", console)
    if others := sum(reading.others for reading in readings):
        print_note(f"{others} of {len(readings)} images show another hand: {WHICH_HAND}.", console)


def print_note(note: str, console: Console) -> None:
    """A sentence that a user should know about the results."""
    console.print(f"  [yellow]note[/] {escape(note)}", highlight=False, soft_wrap=True)


def write_images(file: Path, readings: Sequence[ImageReading], about: About) -> None:
    """One row or entry an image; `answer` is the sign or "not sure", `sign` the most probable one in either case.

    Where nothing was read both are empty, and `problem` says why: "no hand", or what is wrong with the file.
    """
    rows = []
    for reading in readings:
        best = [] if reading.probabilities is None else ranked(reading.probabilities, 1 + _RUNNERS_UP)
        padded = [*best, *[("", None)] * (1 + _RUNNERS_UP - len(best))]
        answer = _answer(best, about) if best else ""
        rows.append((str(reading.file), answer, padded, reading.problem))
    if file.suffix.lower() == ".csv":
        header = ("file", "answer", "sign", "probability", "second", "second_probability", "third", "third_probability")
        write_csv(
            file,
            (*header, "problem"),
            (
                (name, answer, *(cell for sign, p in best for cell in (sign, "" if p is None else f"{p:.6f}")), problem)
                for name, answer, best, problem in rows
            ),
        )
        return
    entries = [
        {
            "file": name,
            "answer": answer or None,
            "sign": best[0][0] or None,
            "probability": best[0][1] and round(best[0][1], 6),
            "runners_up": [{"sign": sign, "probability": round(p, 6)} for sign, p in best[1:] if p is not None],
            "problem": problem or None,
        }
        for name, answer, best, problem in rows
    ]
    write_json(file, _heading(about) | {"pictures": entries})


def print_spelling(text: str, letters: Sequence[Letter], console: Console) -> None:
    """The text, and when each letter was signed."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("sign", "from", "to", "probability"):
        table.add_column(column, justify="left" if column == "sign" else "right")
    for letter in letters[:_SHOWN_ROWS]:
        if letter.after_space:
            table.add_row("[dim]space[/]", "", "", "")
        table.add_row(
            f"[bold green]{letter.sign}[/]",
            f"{letter.start_seconds:.2f} s",
            f"{letter.end_seconds:.2f} s",
            f"{letter.probability:.0%}",
        )
    if letters:
        console.print(table)
        if len(letters) > _SHOWN_ROWS:
            console.print(f"  … and {len(letters) - _SHOWN_ROWS} more; output=<file.csv> writes them all.")
    console.print(text or "No sign was held long enough to become a letter.", style="bold", markup=False)


def write_spelling(file: Path, text: str, letters: Sequence[Letter], about: About) -> None:
    """The text with the time of each letter."""
    if file.suffix.lower() == ".csv":
        rows = [
            (
                letter.sign,
                f"{letter.start_seconds:.3f}",
                f"{letter.end_seconds:.3f}",
                f"{letter.probability:.6f}",
                int(letter.after_space),
            )
            for letter in letters
        ]
        write_csv(file, ("sign", "start_seconds", "end_seconds", "probability", "after_space"), rows)
        return
    entries = [
        {
            "sign": letter.sign,
            "start_seconds": round(letter.start_seconds, 3),
            "end_seconds": round(letter.end_seconds, 3),
            "probability": round(letter.probability, 6),
            "after_space": letter.after_space,
        }
        for letter in letters
    ]
    write_json(file, _heading(about) | {"text": text, "letters": entries})


def _heading(about: About) -> dict[str, Any]:
    return {"model": about.name, "temperature": about.temperature, "not_sure_below": about.abstain_below}
