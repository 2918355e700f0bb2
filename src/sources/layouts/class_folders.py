"""A folder a class, in whatever nesting."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from src.sources.layouts.layout import Layout
from src.sources.tree import Folder, is_image

if TYPE_CHECKING:
    from src.sources.image_set import ImageSet
    from src.sources.search import Search


class ClassFolders(Layout):
    """Folders named after the classes, with images at any depth in them; keys start with the class."""

    expected = "one folder a class"

    def take(self, folder: Folder, search: "Search") -> Iterable[Folder]:
        classes = [child for child in folder.folders if _is_class(child, search.image_set)]
        if not any(child.holds_images() for child in classes):
            return ()
        for child in classes:
            self.take_class(child, folder, search)
        return classes

    def take_class(self, child: Folder, folder: Folder, search: "Search") -> None:
        """Take the class folder `child` of `folder`."""
        _take_images(child, folder, child.name, "", search)


@dataclass(frozen=True)
class SignerFolders(ClassFolders):
    """A folder a signer with a folder a class in it; keys start with the signer.

    Attributes:
        prefix: what a signer folder's name starts with that is not part of the signer's name.
    """

    prefix: str = ""
    expected = "a folder a signer with one folder a class in it"

    def take_class(self, child: Folder, folder: Folder, search: "Search") -> None:
        if folder.parent is None:  # one signer's folder alone, and so without the signer's name
            super().take_class(child, folder, search)
        else:
            signer = folder.name.removeprefix(self.prefix)
            _take_images(child, folder.parent, f"{folder.name}/{child.name}", signer, search)


def _is_class(folder: Folder, image_set: "ImageSet") -> bool:
    if not image_set.knows(folder.name):
        return False
    if any(is_image(name) for name in folder.files):
        return True
    # A signer called "1" or "A" is not a class: its subfolders are.
    return not any(image_set.knows(child.name) and child.holds_images() for child in folder.folders)


def _take_images(folder: Folder, tree: Folder, key: str, signer: str, search: "Search") -> None:
    for below, path in folder.all_files():
        if is_image(path):
            search.add(tree, f"{key}/{below}", folder.name, signer=signer)
        else:
            search.leave_out(path, f"not an image file ({Path(path).suffix.lower() or 'no ending'})")
    if not folder.holds_images() and search.image_set.sign_of(folder.name):
        search.leave_out(folder.path, "class folder without images")
