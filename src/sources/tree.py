"""What lies below a folder on disk."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from src.errors import UserError

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
)

_SILENT_FILES = frozenset({"thumbs.db", "desktop.ini"})
_SILENT_FOLDERS = frozenset({"__macosx"})


def is_image(path: str) -> bool:
    """Whether a file's name ends as an image's does."""
    return f".{path.rpartition('.')[2].lower()}" in EXTENSIONS


@dataclass(slots=True, eq=False)
class Folder:
    """A folder and what is in it, sorted by name, without hidden and system files.

    Attributes:
        path: absolute.
        name: its last part.
        parent: the folder that it is in, or None for the one where the listing starts.
        folders: its subfolders.
        files: names of its files.
    """

    path: str
    name: str
    parent: "Folder | None" = None
    folders: list["Folder"] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def all_files(self) -> Iterator[tuple[str, str]]:
        """(path below this folder, absolute path) of every file, at any depth."""
        for name in self.files:
            yield name, os.path.join(self.path, name)
        for folder in self.folders:
            for below, path in folder.all_files():
                yield f"{folder.name}/{below}", path

    def images(self) -> Iterator[tuple[str, str]]:
        """(path below this folder, absolute path) of every image file, at any depth."""
        return ((below, path) for below, path in self.all_files() if is_image(path))

    def holds_images(self) -> bool:
        """Whether any image file is in it, at any depth."""
        return next(self.images(), None) is not None


def listing(start: Path) -> Folder:
    """The folder tree below `start`; links that loop are cut.

    Raises:
        UserError: a folder cannot be read.
    """
    start = Path(start).absolute()
    return _read(Folder(str(start), start.name), frozenset())


def _read(folder: Folder, above: frozenset[str]) -> Folder:
    real = os.path.realpath(folder.path)
    if real in above:
        return folder
    try:
        entries = sorted(os.scandir(folder.path), key=lambda entry: entry.name)
    except PermissionError:
        raise UserError(f"The folder {folder.path} cannot be read; give yourself permission to read it.") from None
    for entry in entries:
        if entry.name.startswith(".") or entry.name.casefold() in _SILENT_FILES | _SILENT_FOLDERS:
            continue
        if Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir():
            folder.folders.append(_read(Folder(entry.path, entry.name, folder), above | {real}))
        elif entry.is_symlink() or entry.is_file():  # a link to nothing is listed later, as a file not found
            folder.files.append(entry.name)
    return folder
