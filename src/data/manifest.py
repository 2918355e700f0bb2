"""One table for all images of all sources: what each shows, who signed it, and where its pixels are."""

from collections.abc import Iterable, Iterator

import numpy as np

from src.sources.records import UNKNOWN_SIGNER, ImageRecord


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
