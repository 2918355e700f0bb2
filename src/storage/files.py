"""Files that are never half-written: each is written beside its place and renamed into it."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from src.errors import UserError

_PART = ".part."


@contextmanager
def replacing_whole(file: Path) -> Iterator[Path]:
    """A path beside `file`, with its suffix, for another library to write; renamed to `file` when the block ends well.

    Raises:
        UserError: the place cannot be written to.
    """
    beside = file.with_name(f".{os.getpid()}{_PART}{file.name}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(file)
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror or error}): choose another place.") from None
    finally:
        with suppress(OSError):  # most often, because it became the file; or because there is no such folder
            beside.unlink()


def unfinished(folder: Path) -> list[Path]:
    """What processes that died while they wrote left in a folder; those that write now count, too."""
    return list(folder.glob(f".*{_PART}*"))


@contextmanager
def replacing(file: Path, newline: str | None = None) -> Iterator[TextIO]:
    """A text stream that becomes `file` when the block ends well; folders are made as needed.

    Raises:
        UserError: the place cannot be written to.
    """
    with (
        replacing_whole(file) as beside,
        beside.open("w", newline=newline, encoding="utf-8", errors="surrogateescape") as stream,
    ):
        yield stream


def write_text(file: Path, text: str) -> None:
    """A whole text."""
    with replacing(file) as stream:
        stream.write(text)


def write_json(file: Path, values: Mapping[str, Any]) -> None:
    """A mapping as JSON, one key a line."""
    write_text(file, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table as CSV with a header."""
    with replacing(file, newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
