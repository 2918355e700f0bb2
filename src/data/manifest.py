"""One table for all images of all sources: what each shows, who signed it, and where its pixels are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

UNKNOWN_SIGNER = ""
NO_FRAME = -1
WHOLE_FILE = -1


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image.

    Attributes:
        file: absolute path of the file that holds the pixels.
        key: the image's name within its source, the same on every machine; random draws are tied to it.
        label: class index into `src.signs.labels.SIGNS`.
        source: the catalog's name of the dataset.
        signer: who signed, or `UNKNOWN_SIGNER`.
        frame: position in a video or burst, or `NO_FRAME`.
        row: row of an array or CSV file that holds many images, or `WHOLE_FILE`.
        width_px, height_px: size as stored, after EXIF rotation; 0 before the file was inspected.
    """

    file: str
    key: str
    label: int
    source: str
    signer: str = UNKNOWN_SIGNER
    frame: int = NO_FRAME
    row: int = WHOLE_FILE
    width_px: int = 0
    height_px: int = 0

    @property
    def name(self) -> str:
        """`source/key`: unique over all sources of a manifest."""
        return f"{self.source}/{self.key}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that is not used as it stands.

    Attributes:
        file: the path (with `#row` for a row of an array or CSV).
        source: the catalog's name of the dataset.
        reason: what is wrong, in a few words.
        kept: True where the image is used after a conversion that keeps its meaning, False where it was left out.
    """

    file: str
    source: str
    reason: str
    kept: bool


class Manifest:
    """An ordered, immutable list of images with the columns that splits and metrics ask for."""

    def __init__(self, records: Iterable[ImageRecord]) -> None:
        self.records: tuple[ImageRecord, ...] = tuple(records)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self.records)

    def __getitem__(self, index: int) -> ImageRecord:
        return self.records[index]

    @property
    def labels(self) -> np.ndarray:
        """(images,) int64 class indices."""
        return np.array([record.label for record in self.records], dtype=np.int64)

    @property
    def sources(self) -> np.ndarray:
        """(images,) str names of the datasets."""
        return np.array([record.source for record in self.records], dtype=object)

    @property
    def signers(self) -> np.ndarray:
        """(images,) str: `source:signer`, or "" where the signer is not known; two sources never share a signer."""
        return np.array([f"{r.source}:{r.signer}" if r.signer else UNKNOWN_SIGNER for r in self.records], dtype=object)

    def subset(self, indices: Iterable[int]) -> "Manifest":
        """The images at `indices`, in that order."""
        return Manifest(self.records[int(index)] for index in indices)
