"""What a layout is: it takes from a folder what is of its form and leaves the rest to others."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from src.sources.tree import Folder

if TYPE_CHECKING:
    from src.sources.search import Search


@dataclass(frozen=True)
class Layout(ABC):
    """One form in which a set is met on disk.

    Attributes:
        expected: the form in a few words, for the sentence that says that nothing of it was found.
    """

    expected: ClassVar[str]

    @abstractmethod
    def take(self, folder: Folder, search: "Search") -> Iterable[Folder]:
        """Take what is of this form directly in a folder: `search.add` an image, `search.leave_out` a file.

        Returns:
            Subfolders that are dealt with; the others are searched next, each as a folder of its own.
        """

    def take_all(self, start: Folder, search: "Search") -> bool:
        """Whether this form accounts for all that lies below the folder where the search starts; then nothing else is
        asked. Most forms do not."""
        return False
