"""Searching the folders of one set: its layouts take what is theirs, then copies, labels, signers and the order are
settled. Nothing is decoded, and every image file ends up either among the records or among the findings."""

import filecmp
import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from src.signs.labels import INDEX_OF
from src.sources.layouts.rows import Rows
from src.sources.records import NO_FRAME, Finding, ImageRecord
from src.sources.tree import Folder, listing

if TYPE_CHECKING:
    from src.sources.image_set import ImageSet
    from src.sources.source import Places

_COPY = "second copy of a file of the set"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file that looks like an image of the set: `key` is its path below the place where its tree starts."""

    tree: str
    key: str
    file: str
    raw_label: str
    signer: str
    frame: int


class Search:
    """Collects what the folders of a set hold.

    Attributes:
        image_set: the set.
        findings: files that are not used as they stand, so far.
    """

    def __init__(self, image_set: "ImageSet") -> None:
        self.image_set = image_set
        self.findings: list[Finding] = []
        self._candidates: list[_Candidate] = []
        self._rows: list[tuple[Rows, tuple[str, ...]]] = []

    # --- for layouts

    def add(self, tree: Folder, below: str, raw_label: str, *, signer: str = "", frame: int = NO_FRAME) -> None:
        """Take an image file.

        Args:
            tree: the folder where keys start: where the class folders lie, say.
            below: the file's path below it, with "/": its key.
            raw_label: its class as the set calls it.
            signer, frame: where the layout tells them; what the set's `path_pattern` tells comes first.
        """
        self._candidates.append(_Candidate(tree.path, below, os.path.join(tree.path, below), raw_label, signer, frame))

    def add_rows(self, layout: Rows, files: tuple[str, ...]) -> None:
        """Take files of many images."""
        self._rows.append((layout, files))

    def leave_out(self, file: str, reason: str) -> None:
        """Note a file that is not used."""
        self.findings.append(Finding(file, self.image_set.name, reason, kept=False))

    # --- walking

    def walk(self, start: Path) -> None:
        """Take everything below a folder that is in one of the set's layouts; list the other images."""
        folder = listing(start)
        if any(layout.take_all(folder, self) for layout in self.image_set.layouts):
            return
        self._visit(folder)
        settled = {candidate.file for candidate in self._candidates} | {finding.file for finding in self.findings}
        for _, path in folder.images():
            if path not in settled:
                self.leave_out(path, "outside the set's layout")

    def _visit(self, folder: Folder) -> bool:
        """Whether anything of the set was found in or below a folder."""
        before = len(self._candidates) + len(self._rows)
        taken = [child for layout in self.image_set.layouts for child in layout.take(folder, self)]
        for child in folder.folders:
            if child not in taken and not self._visit(child) and taken:
                for _, path in child.images():
                    self.leave_out(path, f"folder '{child.name}' is none of the classes")
        return len(self._candidates) + len(self._rows) > before

    # --- settling

    def finish(self, places: "Places") -> tuple[list[ImageRecord], list[Finding]]:
        """The set's records and findings, in an order that does not depend on the file system.

        Raises:
            UserError: a file of many images is not what it should be.
        """
        files = self.image_set.settled([record for record in map(self._record, self._without_copies()) if record])
        rows = [
            record
            for layout in self.image_set.layouts
            if isinstance(layout, Rows)
            for record in self._records_of_rows(layout, places, has_files=bool(files))
        ]
        records = sorted([*files, *rows], key=lambda record: (record.key.partition("#")[0], record.row, record.key))
        self.findings.sort(key=lambda finding: (finding.file, finding.reason))
        return records, self.findings

    def _without_copies(self) -> list[_Candidate]:
        """Candidates without the files of a doubled tree; keys name the tree where several remain.

        A copy is a file at the same place in another tree with the same bytes; the tree nearest to the top is kept.
        """
        trees: dict[str, list[_Candidate]] = {}
        for candidate in self._candidates:
            trees.setdefault(candidate.tree, []).append(candidate)
        seen: dict[str, list[str]] = {}
        kept: list[_Candidate] = []
        for tree in sorted(trees, key=lambda tree: (tree.count(os.sep), tree)):
            new = []
            for candidate in trees[tree]:
                if any(_same_bytes(candidate.file, other) for other in seen.get(candidate.key, ())):
                    self.leave_out(candidate.file, _COPY)
                else:
                    new.append(candidate)
            for candidate in new:
                seen.setdefault(candidate.key, []).append(candidate.file)
            kept += new
        if len({candidate.key for candidate in kept}) == len(kept):
            return kept
        top = os.path.commonpath({candidate.tree for candidate in kept})
        return [replace(one, key=_posix(os.path.relpath(os.path.join(one.tree, one.key), top))) for one in kept]

    def _record(self, candidate: _Candidate) -> ImageRecord | None:
        image_set, raw_label = self.image_set, candidate.raw_label
        sign = image_set.sign_of(raw_label)
        if sign is None:
            self.leave_out(candidate.file, image_set.why_not(raw_label))
            return None
        told = image_set.told_by_path(candidate.key)
        if told.label and image_set.sign_of(told.label) != sign:
            reason = f"file name says '{told.label}', folder says '{raw_label}': the folder's label is used"
            self.findings.append(Finding(candidate.file, image_set.name, reason, kept=True))
        return ImageRecord(
            candidate.file,
            unicodedata.normalize("NFC", _posix(candidate.key)),
            INDEX_OF[sign],
            image_set.name,
            signer=told.signer or candidate.signer or image_set.one_signer,
            frame=candidate.frame if told.frame == NO_FRAME else told.frame,
        )

    def _records_of_rows(self, layout: Rows, places: "Places", has_files: bool) -> Iterator[ImageRecord]:
        groups = [files for owner, files in self._rows if owner is layout]
        if has_files and layout.unused_because:
            for files in groups:
                self.leave_out(files[0], layout.unused_because)
            return
        for files in self._distinct(groups):
            name = _name_among(files[0], [group[0] for group in groups])
            for row, raw_label in enumerate(layout.labels(files, places)):
                sign = self.image_set.sign_of(raw_label)
                if sign is None:
                    self.leave_out(f"{files[0]}#{row}", self.image_set.why_not(raw_label))
                else:
                    yield ImageRecord(files[0], f"{name}#{row}", INDEX_OF[sign], self.image_set.name, row=row)

    def _distinct(self, groups: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Groups of files without those that repeat an earlier group byte for byte under the same names."""
        result: list[tuple[str, ...]] = []
        for group in sorted(groups, key=lambda group: (group[0].count(os.sep), group)):
            if any(_same_group(group, other) for other in result):
                self.leave_out(group[0], _COPY)
            else:
                result.append(group)
        return result


def _same_bytes(file: str, other: str) -> bool:
    try:
        return filecmp.cmp(file, other, shallow=False)
    except OSError:
        return False


def _same_group(group: tuple[str, ...], other: tuple[str, ...]) -> bool:
    same_name = Path(group[0]).name.casefold() == Path(other[0]).name.casefold()
    return same_name and all(_same_bytes(a, b) for a, b in zip(group, other, strict=True))


def _name_among(path: str, among: Sequence[str]) -> str:
    """A file's name, or its path below what all have in common where several have that name."""
    name = Path(path).name
    if sum(Path(other).name.casefold() == name.casefold() for other in among) == 1:
        return name
    return _posix(os.path.relpath(path, os.path.commonpath([Path(other).parent for other in among])))


def _posix(path: str) -> str:
    return path.replace(os.sep, "/")
