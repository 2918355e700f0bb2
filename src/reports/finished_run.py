"""What the sections of a run's page are made from: the folder that a finished run left, read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from src.errors import UserError
from src.runs import folder as run_folder
from src.signs.labels import INDEX_OF

CURVES = "curves.csv"


class Album(Protocol):
    """Where a page's images come from; each is a data URI."""

    def image(self, name: str) -> str | None:
        """The image `source/key`, or None where it is not there."""

    def explained(self, names: Sequence[str], classes: Sequence[int]) -> tuple[str, dict[str, str]]:
        """The stage looked at, and image → what of it spoke for the class; "" and {} where no stage can tell."""


@dataclass(frozen=True)
class RunPredictions:
    """What a run predicted of its test set, one entry an image.

    Attributes:
        names: `source/path`.
        labels, predicted: `(images,) int64` class indices.
        probability: `(images,) float64` of the prediction, calibrated.
        uncalibrated: `(images,) float64` before temperature scaling.
        groups: `(images,) int64` near-duplicate groups.
    """

    names: list[str]
    labels: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    uncalibrated: np.ndarray
    groups: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """`(images,) bool`."""
        return self.labels == self.predicted


@dataclass(frozen=True)
class FinishedRun:
    """A run's folder.

    Attributes:
        folder: where it is.
        album: its images, or None where they cannot be read.
        without_images: why they cannot, a sentence.
    """

    folder: Path
    album: Album | None = None
    without_images: str = ""

    @cached_property
    def record(self) -> dict[str, Any]:
        """What it measured."""
        return run_folder.read_metrics(self.folder)

    @cached_property
    def predictions(self) -> RunPredictions:
        """What it predicted of its test set.

        Raises:
            UserError: the table is not there, or damaged.
        """
        file = self.folder / run_folder.PREDICTIONS
        rows = run_folder.read_rows(file)
        if not rows:
            raise UserError(f"{file} holds no predictions: python -m src.evaluate run={self.folder} writes some.")
        try:
            return RunPredictions(
                names=[f"{row['source']}/{row['path']}" for row in rows],
                labels=np.array([INDEX_OF[row["label"]] for row in rows], dtype=np.int64),
                predicted=np.array([INDEX_OF[row["prediction"]] for row in rows], dtype=np.int64),
                probability=np.array([float(row["probability"]) for row in rows]),
                uncalibrated=np.array([float(row["uncalibrated"]) for row in rows]),
                groups=np.array([int(row["group"]) for row in rows]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(f"{file} is damaged ({error}): a run writes it anew, nothing else should.") from None

    def table(self, name: str, words: Sequence[str]) -> list[dict[str, Any]]:
        """A table that the run left, one mapping a row: `words` are columns of text, the others of numbers or None.

        Raises:
            UserError: the table is damaged.
        """
        rows = run_folder.read_rows(self.folder / name)
        try:
            return [{k: v if k in words else float(v) if v else None for k, v in row.items()} for row in rows]
        except (ValueError, TypeError) as error:
            raise UserError(f"{self.folder / name} is damaged ({error}).") from None
