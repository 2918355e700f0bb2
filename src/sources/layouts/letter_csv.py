"""CSV files of lines `label,pixel1,…`."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from src.sources.layouts.rows import Rows
from src.sources.tree import Folder

if TYPE_CHECKING:
    from src.sources.source import Places


class LetterCsv(Rows):
    """Every CSV file of a folder, a square grey image a line."""

    expected = "CSV files with the header label,pixel1,…"

    def groups_in(self, folder: Folder) -> Iterable[tuple[str, ...]]:
        return ((os.path.join(folder.path, name),) for name in folder.files if name.lower().endswith(".csv"))

    def labels(self, files: tuple[str, ...], places: "Places") -> Sequence[str]:
        from src.sources.csv_rows import CsvImages

        images = CsvImages(files[0])
        return [images.label(row) for row in range(len(images))]
