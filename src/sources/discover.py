"""Finding the images of a public set on this machine, in whatever nesting they were unpacked.

Five forms are known: a folder per class; signer folders that hold a folder per class; loose files that carry their
label in their name; X.npy with Y.npy; CSV files of pixels. For a user's own images there is also manifest.csv. Nothing
is decoded here, and every image file below the set's folder ends up either among the records or among the findings.
"""

import csv
import filecmp
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath

import numpy as np

from src.errors import UserError
from src.signs.labels import INDEX_OF
from src.sources import catalog
from src.sources.catalog import PHOTOS_PER_DIGIT, PUBLISHED_NPY_ORDER, Dataset, signers_from_order
from src.sources.download import fetch, where_to_get
from src.sources.images import EXTENSIONS, CsvImages, open_array, open_images
from src.sources.records import NO_FRAME, Finding, ImageRecord

_SILENT_FILES = frozenset({"thumbs.db", "desktop.ini"})
_SILENT_FOLDERS = frozenset({"__macosx"})
# A burst's shots are numbered from 1 under each light; this keeps the bursts of one hand apart in the frame order.
_FRAMES_PER_LIGHT = 1000


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found of one set.

    Attributes:
        source: the catalog's name of the set.
        records: the images, ordered by path and row, the same on every machine.
        findings: image files that are not used, and why.
    """

    source: str
    records: list[ImageRecord]
    findings: list[Finding]


def discover(
    source: str,
    root: Path,
    *,
    folder: Path | None = None,
    npy_label_order: Sequence[int] | None = None,
    download: Callable[[Dataset, Path], Path] | None = fetch,
) -> Discovery:
    """All images of one set, found by name only.

    `key` of a record is its path below the place where the class folders start, so it is the same in every nesting.

    Args:
        source: the catalog's name of the set.
        root: the data root; the set is looked for in `root/<source>` and in the folders Kaggle's archives unpack to.
        folder: where the images of the source "folder" are.
        npy_label_order: which digit each column of Y.npy stands for; needed only where the counts do not tell.
        download: called with the set and the root where the set is missing; None to never download.

    Raises:
        UserError: the set is missing and cannot be fetched, or its files are not what the catalog says.
    """
    entry = catalog.entry(source)
    if source == "folder":
        if folder is None:
            raise UserError("The source 'folder' needs to know where your images are: give the folder that holds them.")
        starts = [Path(folder).absolute()]
        if not starts[0].is_dir():
            raise UserError(f"The image folder {folder} does not exist; give the folder that holds your images.")
    else:
        starts = _starts(entry, Path(root).absolute())
        if not starts:
            if download is None:
                raise UserError(where_to_get(entry, Path(root)))
            starts = [Path(download(entry, Path(root)))]
    search = _Search(entry)
    for start in starts:
        if manifest := _manifest_in(entry, start):
            search.read_manifest(manifest)
        else:
            search.walk(_listing(start))
    discovery = search.finish(npy_label_order)
    if not discovery.records:
        raise UserError(_nothing_found(entry, starts, discovery.findings))
    return discovery


def present_sources(root: Path) -> list[str]:
    """Names of the catalog's sets whose folders lie under `root`, whatever state they are in.

    Raises:
        UserError: none is there; the sentence says where they come from.
    """
    present = [name for name, entry in catalog.CATALOG.items() if name != "folder" and _starts(entry, Path(root))]
    if not present:
        pages = ", ".join(f"{name} ({entry.page_url})" for name, entry in catalog.CATALOG.items() if entry.page_url)
        raise UserError(
            f"No dataset lies under {root}: put one there, or say where they are with datamodule.root=<folder> or the "
            f"environment variable FINGERSPELL_DATA; public sets are {pages}."
        )
    return present


def _starts(entry: Dataset, root: Path) -> list[Path]:
    """Folders that hold the set: `root/<name>` alone if there, else every folder an archive of it unpacks to."""
    if not root.is_dir():
        return []
    present = {name.casefold(): root / name for name in sorted(os.listdir(root)) if (root / name).is_dir()}
    places = [present[name.casefold()] for name in entry.folder_names if name.casefold() in present]
    places = [place for place in places if any(place.iterdir())]
    return places[:1] if places and places[0].name.casefold() == entry.name.casefold() else places


def _nothing_found(entry: Dataset, starts: Sequence[Path], findings: Sequence[Finding]) -> str:
    expected = {
        "class_folders": "one folder a class",
        "signer_folders": "a folder a signer with one folder a class in it",
        "labelled_files": "files named after their class",
        "digit_arrays": "X.npy with Y.npy",
        "letter_csv": "CSV files with the header label,pixel1,…",
        "manifest_csv": "a manifest.csv",
    }
    forms = " or ".join(expected[layout] for layout in entry.layouts)
    places = " and ".join(str(start) for start in starts)
    archives = [
        name for start in starts for name in sorted(os.listdir(start)) if name.lower().endswith((".zip", ".tar.gz"))
    ]
    if archives:
        return f"No images of '{entry.name}' are in {places}, but {archives[0]} is: unpack it there."
    names = "the signs 0-9 and A-Z" if entry.name == "folder" else f"its classes ({' '.join(entry.labels)})"
    why = f" (first of {len(findings)} files left out: {findings[0].file}: {findings[0].reason})" if findings else ""
    page = f", as downloaded from {entry.page_url}" if entry.page_url else ""
    return f"No images of '{entry.name}' are in {places}: expected {forms}, named after {names}{page}{why}."


# --- what is on disk ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Folder:
    path: str
    name: str
    folders: list["_Folder"] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def image_files(self) -> Iterator[tuple[str, str]]:
        """(path below this folder, absolute path) of every image file, at any depth."""
        for below, path in self.all_files():
            if _is_image(path):
                yield below, path

    def all_files(self) -> Iterator[tuple[str, str]]:
        for name in self.files:
            yield name, os.path.join(self.path, name)
        for folder in self.folders:
            for below, path in folder.all_files():
                yield f"{folder.name}/{below}", path

    def holds_images(self) -> bool:
        return next(self.image_files(), None) is not None


def _is_image(path: str) -> bool:
    return f".{path.rpartition('.')[2].lower()}" in EXTENSIONS


def _listing(start: Path) -> _Folder:
    """The folder tree below `start` in sorted order, without hidden and system files; links that loop are cut."""

    def read(path: str, name: str, above: frozenset[str]) -> _Folder:
        result = _Folder(path, name)
        real = os.path.realpath(path)
        if real in above:
            return result
        above = above | {real}
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except PermissionError:
            raise UserError(f"The folder {path} cannot be read; give yourself permission to read it.") from None
        for entry in entries:
            if entry.name.startswith(".") or entry.name.casefold() in _SILENT_FILES | _SILENT_FOLDERS:
                continue
            if Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir():
                result.folders.append(read(entry.path, entry.name, above))
            elif entry.is_symlink() or entry.is_file():  # a link to nothing is listed later, as a file not found
                result.files.append(entry.name)
        return result

    start = Path(start).absolute()
    return read(str(start), start.name, frozenset())


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file that looks like an image of the set: `key` is its path below the place where its tree starts."""

    tree: str
    key: str
    file: str
    raw_label: str
    signer: str = ""
    frame: int | None = None


class _Search:
    """Collects what one set's folders hold, then settles copies, labels, signers and the order."""

    def __init__(self, entry: Dataset) -> None:
        self.entry = entry
        self.candidates: list[_Candidate] = []
        self.arrays: list[tuple[str, str]] = []
        self.csv_files: list[str] = []
        self.findings: list[Finding] = []

    def leave_out(self, file: str, reason: str) -> None:
        self.findings.append(Finding(file, self.entry.name, reason, kept=False))

    # -- walking

    def walk(self, node: _Folder) -> None:
        """Take everything below a folder that is in one of the set's forms; list the other images."""
        self._visit(node, parent=None)
        settled = {candidate.file for candidate in self.candidates} | {finding.file for finding in self.findings}
        for _, path in node.image_files():
            if path not in settled:
                self.leave_out(path, "outside the set's layout")

    def _visit(self, node: _Folder, parent: _Folder | None) -> bool:
        """Whether anything of the set was found in or below `node`."""
        layouts = self.entry.layouts
        found = self._files_of(node)
        classes: list[_Folder] = []
        if "class_folders" in layouts or "signer_folders" in layouts:
            classes = [child for child in node.folders if self._is_class(child)]
            if not any(child.holds_images() for child in classes):
                classes = []
        if classes:
            found = True
            tree = parent if "signer_folders" in layouts and parent is not None else node
            above = f"{node.name}/" if tree is not node else ""
            for child in classes:
                self._class_folder(child, tree.path, f"{above}{child.name}")
        for child in node.folders:
            if any(child is taken for taken in classes):
                continue
            if self._visit(child, node):
                found = True
            elif classes:
                for _, path in child.image_files():
                    self.leave_out(path, f"folder '{child.name}' is none of the classes")
        return found

    def _is_class(self, node: _Folder) -> bool:
        if not self.entry.knows(node.name):
            return False
        if any(_is_image(name) for name in node.files):
            return True
        # A signer called "1" or "A" is not a class: its subfolders are.
        return not any(self.entry.knows(child.name) and child.holds_images() for child in node.folders)

    def _class_folder(self, node: _Folder, tree: str, key: str) -> None:
        empty = True
        for below, path in node.all_files():
            if _is_image(path):
                empty = False
                self.candidates.append(_Candidate(tree, f"{key}/{below}", path, node.name))
            else:
                ending = Path(path).suffix.lower()
                self.leave_out(path, f"not an image file ({ending or 'no ending'})")
        if empty and self.entry.sign_of(node.name):
            self.leave_out(node.path, "class folder without images")

    def _files_of(self, node: _Folder) -> bool:
        """Take what lies directly in a folder that is not a class folder."""
        entry, found = self.entry, False
        by_name = {name.casefold(): os.path.join(node.path, name) for name in node.files}
        if "digit_arrays" in entry.layouts and {"x.npy", "y.npy"} <= by_name.keys():
            self.arrays.append((by_name["x.npy"], by_name["y.npy"]))
            found = True
        for name in node.files:
            path = os.path.join(node.path, name)
            if "letter_csv" in entry.layouts and name.lower().endswith(".csv"):
                self.csv_files.append(path)
                found = True
            elif (
                entry.labelled_file
                and _is_image(path)
                and (match := entry.labelled_file.fullmatch(f"{node.name}/{name}"))
            ):
                self.candidates.append(_Candidate(node.path, name, path, match["label"]))
                found = True
        return found

    # -- a user's own table

    def read_manifest(self, manifest: Path) -> None:
        """Take the images that manifest.csv lists; paths are relative to the manifest's folder and stay inside it.

        A table that comes with a data set can so never pull in other files of this machine, and keys stay the same on
        every machine.
        """
        home = manifest.parent
        listed: set[str] = set()
        try:
            with open(manifest, encoding="utf-8-sig", newline="") as file:
                table = csv.DictReader(file, skipinitialspace=True)
                columns = [column.strip().lower() for column in table.fieldnames or []]
                if not {"path", "label"} <= set(columns):
                    raise UserError(f"{manifest} needs a first line with the columns path,label (and signer,frame).")
                table.fieldnames = columns
                for values in table:
                    self._manifest_line(manifest, home, values, table.line_num, listed)
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{manifest} is not a CSV table in UTF-8 ({error}); save it again as such.") from None
        for below, path in _listing(home).image_files():
            if below not in listed:
                self.leave_out(path, "not listed in manifest.csv")

    def _manifest_line(self, manifest: Path, home: Path, values: dict, line: int, listed: set[str]) -> None:
        cells = {column: (text or "").strip() for column, text in values.items() if isinstance(text, str) and column}
        written = cells.get("path", "").replace("\\", "/")
        if not written:
            return
        below = os.path.normpath(written).replace("\\", "/")
        if below.startswith("/") or below.split("/")[0] == ".." or PureWindowsPath(below).is_absolute():
            raise UserError(
                f"{manifest}, line {line}: '{written}' lies outside {home}; paths in a manifest are relative to it and "
                "stay below it, so put the images there."
            )
        path = os.path.join(home, below)
        frame = cells.get("frame", "")
        if frame and not frame.isdecimal():
            raise UserError(f"{manifest}, line {line}: the frame '{frame}' is not a whole number; mend or empty it.")
        if below in listed:
            self.leave_out(path, "listed twice in manifest.csv")
        elif not Path(path).is_file():
            self.leave_out(path, "listed in manifest.csv but not there")
        else:
            number = int(frame) if frame else NO_FRAME
            raw_label = cells.get("label", "")
            self.candidates.append(_Candidate(str(home), below, path, raw_label, cells.get("signer", ""), number))
        listed.add(below)

    # -- settling

    def finish(self, npy_label_order: Sequence[int] | None) -> Discovery:
        records = [record for record in map(self._record, self._without_copies()) if record]
        if self.entry.counts_up:
            records = _with_signers_from_order(records)
        if self.arrays and records:
            for images, _ in self.arrays:
                self.leave_out(images, "the photos in the class folders, smaller and grey: the folders are used")
        elif self.arrays:
            records = self._array_records(npy_label_order)
        records += self._csv_records()
        records.sort(key=lambda record: (record.key.partition("#")[0], record.row, record.key))
        self.findings.sort(key=lambda finding: (finding.file, finding.reason))
        return Discovery(self.entry.name, records, self.findings)

    def _without_copies(self) -> list[_Candidate]:
        """Candidates without the files of a doubled tree; keys name the tree where several remain.

        A copy is a file at the same place in another tree with the same bytes; the tree nearest to the top is kept.
        """
        trees: dict[str, list[_Candidate]] = {}
        for candidate in self.candidates:
            trees.setdefault(candidate.tree, []).append(candidate)
        seen: dict[str, list[str]] = {}
        kept: dict[str, list[_Candidate]] = {}
        for tree in sorted(trees, key=lambda tree: (tree.count(os.sep), tree)):
            for candidate in trees[tree]:
                if any(_same_bytes(candidate.file, other) for other in seen.get(candidate.key, ())):
                    self.leave_out(candidate.file, "second copy of a file of the set")
                else:
                    kept.setdefault(tree, []).append(candidate)
            for candidate in kept.get(tree, ()):
                seen.setdefault(candidate.key, []).append(candidate.file)
        keys = [candidate.key for tree in kept.values() for candidate in tree]
        if len(set(keys)) == len(keys):
            return [candidate for tree in kept.values() for candidate in tree]
        top = os.path.commonpath(list(kept))
        return [
            replace(candidate, key=_posix(os.path.normpath(os.path.join(os.path.relpath(tree, top), candidate.key))))
            for tree, candidates in kept.items()
            for candidate in candidates
        ]

    def _record(self, candidate: _Candidate) -> ImageRecord | None:
        entry, raw_label = self.entry, candidate.raw_label
        sign = entry.sign_of(raw_label)
        if sign is None:
            reason = entry.dropped.get(raw_label.casefold(), f"label '{raw_label}' is not one of the 36 signs")
            self.leave_out(candidate.file, reason)
            return None
        signer, frame = candidate.signer or entry.one_signer, candidate.frame
        if frame is None:
            frame = NO_FRAME
            if entry.path_pattern and (match := entry.path_pattern.search(candidate.key)):
                told = match.groupdict()
                signer = told.get("signer") or signer
                frame = int(told["frame"])
                if told.get("light"):
                    frame += _FRAMES_PER_LIGHT * _light_number(told["light"])
                named = told.get("label")
                if named and entry.sign_of(named) != sign:
                    reason = f"file name says '{named}', folder says '{raw_label}': the folder's label is used"
                    self.findings.append(Finding(candidate.file, entry.name, reason, kept=True))
        key = unicodedata.normalize("NFC", _posix(candidate.key))
        return ImageRecord(candidate.file, key, INDEX_OF[sign], entry.name, signer=signer, frame=frame)

    # -- rows of arrays and CSV files

    def _array_records(self, npy_label_order: Sequence[int] | None) -> list[ImageRecord]:
        records: list[ImageRecord] = []
        for images_path, labels_path in self._distinct(self.arrays):
            digits = _digits_of_rows(images_path, labels_path, npy_label_order)
            name = self._key_of(images_path, [images for images, _ in self.arrays])
            records += [
                ImageRecord(images_path, f"{name}#{row}", INDEX_OF[str(digit)], self.entry.name, row=row)
                for row, digit in enumerate(digits.tolist())
            ]
        return records

    def _csv_records(self) -> list[ImageRecord]:
        records: list[ImageRecord] = []
        for (path,) in self._distinct([(path,) for path in self.csv_files]):
            images = CsvImages(path)
            name = self._key_of(path, self.csv_files)
            for row in range(len(images)):
                raw_label = images.label(row)
                if (sign := self.entry.sign_of(raw_label)) is None:
                    self.leave_out(f"{path}#{row}", f"label '{raw_label}' is not one of the set's classes")
                else:
                    records.append(ImageRecord(path, f"{name}#{row}", INDEX_OF[sign], self.entry.name, row=row))
        return records

    def _distinct(self, groups: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Groups of files without those that repeat an earlier group byte for byte under the same names."""
        result: list[tuple[str, ...]] = []
        for group in sorted(groups, key=lambda group: (group[0].count(os.sep), group)):
            for other in result:
                same_names = Path(group[0]).name.casefold() == Path(other[0]).name.casefold()
                if same_names and all(_same_bytes(a, b) for a, b in zip(group, other, strict=True)):
                    self.leave_out(group[0], "second copy of a file of the set")
                    break
            else:
                result.append(group)
        return result

    def _key_of(self, path: str, among: Sequence[str]) -> str:
        name = Path(path).name
        if sum(Path(other).name.casefold() == name.casefold() for other in among) == 1:
            return name
        top = os.path.commonpath([Path(other).parent for other in among])
        return _posix(os.path.relpath(path, top))


def _same_bytes(file: str, other: str) -> bool:
    try:
        return filecmp.cmp(file, other, shallow=False)
    except OSError:
        return False


def _posix(path: str) -> str:
    return path.replace(os.sep, "/")


def _light_number(light: str) -> int:
    """A number for a light, from its name alone so that it does not depend on which other files are there."""
    lights = ("bot", "dif", "left", "right", "top")
    light = light.lower()
    return lights.index(light) if light in lights else len(lights)


def _manifest_in(entry: Dataset, start: Path) -> Path | None:
    if "manifest_csv" not in entry.layouts:
        return None
    return next((start / name for name in sorted(os.listdir(start)) if name.casefold() == "manifest.csv"), None)


def _with_signers_from_order(records: Iterable[ImageRecord]) -> list[ImageRecord]:
    records = list(records)
    signer_of = signers_from_order({record.frame: record.label for record in records if record.frame != NO_FRAME})
    return [replace(record, signer=signer_of.get(record.frame, record.signer)) for record in records]


def _digits_of_rows(images_path: str, labels_path: str, npy_label_order: Sequence[int] | None) -> np.ndarray:
    """(images,) the digit that each row of X.npy shows.

    The one-hot columns of the published Y.npy are not in the order of the digits. Which order a file has is read from
    how many rows each column has: those counts fit the photos per digit in one order only. Any other counts are
    refused, because a guess would train on wrong labels without a word.

    Raises:
        UserError: the arrays do not fit each other, or the order cannot be told.
    """
    images, labels = open_images(images_path), np.asarray(open_array(labels_path))
    if labels.ndim == 2 and labels.shape[1] == 10:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise UserError(f"{labels_path} is not one-hot: each row needs a single 1 among zeros.")
        columns = labels.argmax(axis=1)
    elif labels.ndim == 1 and np.isin(labels, np.arange(10)).all():
        columns = labels.astype(np.int64)
    else:
        raise UserError(f"{labels_path} has the shape {labels.shape}; expected (images, 10) one-hot or (images,) 0-9.")
    if len(images) != len(columns):
        raise UserError(f"{images_path} has {len(images)} images but {labels_path} has {len(columns)} labels.")
    counts = tuple(np.bincount(columns, minlength=10).tolist())
    if npy_label_order is not None:
        order = tuple(int(digit) for digit in npy_label_order)
        if sorted(order) != list(range(10)):
            raise UserError(f"npy_label_order is {list(order)}; it must name each digit 0-9 once, column by column.")
    elif counts == tuple(PHOTOS_PER_DIGIT[digit] for digit in PUBLISHED_NPY_ORDER):
        order = PUBLISHED_NPY_ORDER
    elif counts == PHOTOS_PER_DIGIT:
        order = tuple(range(10))
    else:
        raise UserError(
            f"Which digits the columns of {labels_path} stand for cannot be told from their counts {list(counts)}; "
            f"set npy_label_order to the digit of each column (the published file has {list(PUBLISHED_NPY_ORDER)})."
        )
    return np.array(order)[columns]
