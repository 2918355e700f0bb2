"""A set of images on disk: what it is called, what its labels mean in the 36 signs, and in which layouts it is met."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from src.errors import UserError
from src.signs.labels import INDEX_OF, SIGNS
from src.sources.download import where_to_get
from src.sources.layouts.layout import Layout
from src.sources.records import NO_FRAME, ImageRecord
from src.sources.search import Search
from src.sources.source import Discovery, Places, Source


def own_names(signs: Sequence[str] = SIGNS) -> Mapping[str, str]:
    """Labels of a set that calls the signs by their own names."""
    return {sign: sign for sign in signs}


class Told(NamedTuple):
    """What an image's path says of it; empty where it says nothing."""

    signer: str = ""
    frame: int = NO_FRAME
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class ImageSet(Source):
    """A set in files. One that is peculiar in what its paths or their order tell is a small class below this one.

    Attributes:
        layouts: the forms it is met in on disk, see `src.sources.layouts`.
        labels: raw label → sign, in either case; the signs' own names where not given.
        dropped: raw label → why its images are left out.
        path_pattern: searched in an image's key; its named groups `signer`, `frame` and `label` say what that tells.
        one_signer: the signer of every image, for a set known or taken to show one person.
        kaggle: `owner/slug` on Kaggle, or "".
        other_names: folder names below the data root that it is unpacked under, besides its own and Kaggle's.

    Raises:
        UserError: a label stands for none of the 36 signs.
    """

    layouts: tuple[Layout, ...]
    labels: Mapping[str, str] = field(default_factory=own_names)
    dropped: Mapping[str, str] = field(default_factory=dict)
    path_pattern: re.Pattern[str] | None = None
    one_signer: str = ""
    kaggle: str = ""
    other_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for raw_label, sign in self.labels.items():
            if sign not in INDEX_OF:
                raise UserError(
                    f"{self.name} takes '{raw_label}' for '{sign}', which is not one of the signs 0-9 and A-Z."
                )
        for name in ("labels", "dropped"):
            folded = {raw_label.casefold(): meaning for raw_label, meaning in getattr(self, name).items()}
            object.__setattr__(self, name, folded)

    @property
    def signers_are_inferred(self) -> bool:
        return bool(self.one_signer)

    def sign_of(self, raw_label: str) -> str | None:
        """The sign a raw label stands for, or None where it is unknown or dropped."""
        return self.labels.get(raw_label.casefold())

    def knows(self, raw_label: str) -> bool:
        """Whether a raw label is one of the set's classes, dropped ones included."""
        return raw_label.casefold() in self.labels or raw_label.casefold() in self.dropped

    def why_not(self, raw_label: str) -> str:
        """Why images of a raw label that stands for no sign are left out."""
        classes = "36 signs" if len(self.labels) == len(SIGNS) else "set's classes"
        return self.dropped.get(raw_label.casefold(), f"label '{raw_label}' is not one of the {classes}")

    def told_by_path(self, key: str) -> Told:
        """What an image's key says of it."""
        match = self.path_pattern.search(key) if self.path_pattern else None
        told = match.groupdict() if match else {}
        return Told(told.get("signer") or "", int(told.get("frame") or NO_FRAME), told.get("label") or "")

    def settled(self, records: list[ImageRecord]) -> list[ImageRecord]:
        """The records of all image files, for a set that tells something only in their order."""
        return records

    def lies_in(self, root: Path) -> bool:
        return bool(self._folders_in(Path(root)))

    def find(self, places: Places) -> Discovery:
        """All its images, found by name only, wherever their folders are nested.

        `key` of a record is its path below the place where the class folders start, so it is the same in every
        nesting.

        Raises:
            UserError: the set is missing and cannot be fetched, or its files are not what this entry says.
        """
        starts = self.starts(places)
        search = Search(self)
        for start in starts:
            search.walk(start)
        records, findings = search.finish(places)
        if records:
            return Discovery(self, records, findings)
        first = (
            f" (first of {len(findings)} files left out: {findings[0].file}: {findings[0].reason})" if findings else ""
        )
        raise UserError(f"{self._nothing_in(starts)}{first}.")

    def starts(self, places: Places) -> list[Path]:
        """The folders to search: the set's below the data root, fetched if it is not there.

        Raises:
            UserError: it is missing and cannot be fetched.
        """
        root = Path(places.root).absolute()
        if folders := self._folders_in(root):
            return folders
        if places.download is None:
            raise UserError(where_to_get(self, root))
        return [Path(places.download(self, root))]

    def _folders_in(self, root: Path) -> list[Path]:
        """Folders that hold the set: `root/<name>` alone if there, else every folder an archive of it unpacks to."""
        if not root.is_dir():
            return []
        present = {name.casefold(): root / name for name in sorted(os.listdir(root)) if (root / name).is_dir()}
        slug = (self.kaggle.partition("/")[2],) if self.kaggle else ()
        names = dict.fromkeys(name.casefold() for name in (self.name, *slug, *self.other_names))
        folders = [present[name] for name in names if name in present and any(present[name].iterdir())]
        return folders[:1] if folders and folders[0].name.casefold() == self.name.casefold() else folders

    def _nothing_in(self, starts: Sequence[Path]) -> str:
        where = f"No images of '{self.name}' are in {' and '.join(map(str, starts))}"
        names = (name for start in starts for name in sorted(os.listdir(start)))
        if archive := next((name for name in names if name.lower().endswith((".zip", ".tar.gz"))), None):
            return f"{where}, but {archive} is: unpack it there"
        forms = " or ".join(layout.expected for layout in self.layouts)
        classes = (
            "the signs 0-9 and A-Z" if len(self.labels) == len(SIGNS) else f"its classes ({' '.join(self.labels)})"
        )
        page = f", as downloaded from {self.page_url}" if self.page_url else ""
        return f"{where}: expected {forms}, named after {classes}{page}"
