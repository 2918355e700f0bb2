"""Rows of CSV files of pixels as images, through a memory map: a file is opened once and never loaded whole."""

import mmap
from functools import lru_cache
from pathlib import Path

import numpy as np

from src.errors import UserError
from src.sources.decoding import Unreadable
from src.sources.npy_rows import grey_to_rgb


class CsvImages:
    """A file of lines `label,pixel1,…,pixelN` with a header: square grey images of 0-255.

    Only the places of the lines are kept; a row is parsed when it is asked for, so that a damaged line harms no other.

    Raises:
        UserError: the file is empty or its header is another.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        with open(self.path, "rb") as file:
            header = file.readline(1 << 20).decode("utf-8-sig", errors="replace").strip().replace('"', "")
            columns = header.split(",")
            self.side_px = round((len(columns) - 1) ** 0.5)
            if columns[0].strip().lower() != "label" or len(columns) < 2 or self.side_px**2 != len(columns) - 1:
                raise UserError(
                    f"{self.path} does not start with the header label,pixel1,…,pixelN (N a square number); put the "
                    "unchanged CSV file of the dataset there."
                )
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            starts = [file.tell()]
            for line in file:
                starts.append(starts[-1] + len(line))
        self._starts = np.array(starts, dtype=np.int64)
        if len(self) and not self._line(len(self) - 1).strip():  # a blank last line
            self._starts = self._starts[:-1]

    def __len__(self) -> int:
        return len(self._starts) - 1

    def _line(self, row: int) -> bytes:
        return self._bytes[self._starts[row] : self._starts[row + 1]]

    def label(self, row: int) -> str:
        """The label of a row as written."""
        return self._line(row).split(b",", 1)[0].strip(b' "\r\n').decode("ascii", errors="replace")

    def image(self, row: int) -> np.ndarray:
        """(side, side) uint8 grey.

        Raises:
            Unreadable: the line has another number of values, or values that are not whole numbers from 0 to 255.
        """
        fields = self._line(row).strip().replace(b'"', b"").split(b",")[1:]
        if len(fields) != self.side_px**2:
            raise Unreadable("line with a wrong number of pixels")
        try:
            values = bytes(map(int, fields))
        except ValueError:
            raise Unreadable("line with a pixel that is not a whole number from 0 to 255") from None
        return np.frombuffer(values, dtype=np.uint8).reshape(self.side_px, self.side_px)


@lru_cache(maxsize=8)
def _opened_csv(path: str, _mtime_ns: int) -> CsvImages:
    return CsvImages(path)


def csv_row(path: str, row: int) -> np.ndarray:
    """Row `row` of a CSV file, (side, side, 3) uint8.

    Raises:
        Unreadable: there is no such row, or it is damaged.
    """
    try:
        images = _opened_csv(path, Path(path).stat().st_mtime_ns)
    except (UserError, OSError, ValueError) as error:
        raise Unreadable(str(error)) from None
    if not 0 <= row < len(images):
        raise Unreadable("line not found")
    return grey_to_rgb(images.image(row))
