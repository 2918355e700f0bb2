"""Files that hold many images each, one a row."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.sources.layouts.layout import Layout
from src.sources.tree import Folder

if TYPE_CHECKING:
    from src.sources.search import Search
    from src.sources.source import Places


@dataclass(frozen=True)
class Rows(Layout):
    """A form whose images are rows of files that `src.sources.images` can read: `.npy` or `.csv`.

    Attributes:
        unused_because: why the rows are left out where the set is there as image files too; "" to use both.
    """

    unused_because: str = ""

    def take(self, folder: Folder, search: "Search") -> Iterable[Folder]:
        for files in self.groups_in(folder):
            search.add_rows(self, files)
        return ()

    @abstractmethod
    def groups_in(self, folder: Folder) -> Iterable[tuple[str, ...]]:
        """Paths of the files directly in a folder that belong together, the one with the pixels first."""

    @abstractmethod
    def labels(self, files: tuple[str, ...], places: "Places") -> Sequence[str]:
        """The raw label of every row of a group of files.

        Raises:
            UserError: they are not what they should be.
        """
