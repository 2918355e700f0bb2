"""A user's own table of images: manifest.csv with the columns path, label and, where known, signer and frame."""

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from src.errors import UserError
from src.sources.layouts.layout import Layout
from src.sources.records import NO_FRAME
from src.sources.tree import Folder

if TYPE_CHECKING:
    from src.sources.search import Search


class ManifestCsv(Layout):
    """A manifest.csv where the search starts. It says all; paths are relative to its folder and stay inside it.

    A table that comes with a data set can so never pull in other files of this machine, and keys stay the same on
    every machine.
    """

    expected = "a manifest.csv"

    def take(self, folder: Folder, search: "Search") -> Iterable[Folder]:
        return ()

    def take_all(self, start: Folder, search: "Search") -> bool:
        """Take the images that the table lists and leave out the others.

        Raises:
            UserError: it is no such table.
        """
        name = next((name for name in start.files if name.casefold() == "manifest.csv"), None)
        if name is None:
            return False
        manifest = os.path.join(start.path, name)
        listed: set[str] = set()
        try:
            with open(manifest, encoding="utf-8-sig", newline="") as file:
                table = csv.DictReader(file, skipinitialspace=True)
                columns = [column.strip().lower() for column in table.fieldnames or []]
                if not {"path", "label"} <= set(columns):
                    raise UserError(f"{manifest} needs a first line with the columns path,label (and signer,frame).")
                table.fieldnames = columns
                for values in table:
                    _take_line(f"{manifest}, line {table.line_num}", start, values, listed, search)
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{manifest} is not a CSV table in UTF-8 ({error}); save it again as such.") from None
        for below, path in start.images():
            if below not in listed:
                search.leave_out(path, "not listed in manifest.csv")
        return True


def _take_line(where: str, home: Folder, values: Mapping[str, Any], listed: set[str], search: "Search") -> None:
    cells = {column: (text or "").strip() for column, text in values.items() if isinstance(text, str) and column}
    written = cells.get("path", "").replace("\\", "/")
    if not written:
        return
    below = os.path.normpath(written).replace("\\", "/")
    if below.startswith("/") or below.split("/")[0] == ".." or PureWindowsPath(below).is_absolute():
        raise UserError(
            f"{where}: '{written}' lies outside {home.path}; paths in a manifest are relative to it and stay below it, "
            "so put the images there."
        )
    frame = cells.get("frame", "")
    if frame and not frame.isdecimal():
        raise UserError(f"{where}: the frame '{frame}' is not a whole number; mend or empty it.")
    path = os.path.join(home.path, below)
    if below in listed:
        search.leave_out(path, "listed twice in manifest.csv")
    elif not Path(path).is_file():
        search.leave_out(path, "listed in manifest.csv but not there")
    else:
        number = int(frame) if frame else NO_FRAME
        search.add(home, below, cells.get("label", ""), signer=cells.get("signer", ""), frame=number)
    listed.add(below)
