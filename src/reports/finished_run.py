"""What the sections of a run's page are made from: the folder that a finished run left, read once."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from src.errors import UserError
from src.runs.folder import CLASSES, CURVES, GROUPS, PREDICTIONS, STAGES
from src.runs.record import EvaluationRecord, RunRecord, read_evaluations, read_run
from src.runs.tables import ClassScore, GroupScore, PredictionTable, StageRow, read_predictions, read_rows


class Album(Protocol):
    """Where a page's images come from; each is a data URI."""

    def image(self, name: str) -> str | None:
        """The image `source/key`, or None where it is not there."""

    def explained(self, names: Sequence[str], classes: Sequence[int]) -> tuple[str, dict[str, str]]:
        """The stage looked at, and image → what of it spoke for the class; "" and {} where no stage can tell."""


@dataclass(frozen=True)
class FinishedRun:
    """A run's folder.

    Attributes:
        folder: where it is.
        album: its images, or None where they cannot be read.
        without_images: why they cannot, a sentence.

    Raises:
        UserError: by every property below, where the run has not finished or what it reads is damaged.
    """

    folder: Path
    album: Album | None = None
    without_images: str = ""

    @cached_property
    def record(self) -> RunRecord:
        """What it measured."""
        return read_run(self.folder)

    @cached_property
    def evaluations(self) -> list[EvaluationRecord]:
        """What it measured on other tests."""
        return read_evaluations(self.folder)

    @cached_property
    def predictions(self) -> PredictionTable:
        """What it predicted of its test set."""
        return read_predictions(self.folder / PREDICTIONS)

    @cached_property
    def stages(self) -> list[StageRow]:
        """Its stages, from input to head."""
        return read_rows(self.folder / STAGES, StageRow)

    @cached_property
    def groups(self) -> list[GroupScore]:
        """The accuracy of every signer, then of every source, the best first."""
        return read_rows(self.folder / GROUPS, GroupScore)

    @cached_property
    def signs(self) -> list[ClassScore]:
        """How every sign was read."""
        return read_rows(self.folder / CLASSES, ClassScore)

    @cached_property
    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """`train/loss`, `val/accuracy`, … → (epoch from 1, value) of each epoch that has one; {} without the table."""
        file = self.folder / CURVES
        if not file.is_file():
            return {}
        points: dict[str, list[tuple[int, float]]] = {}
        try:
            with file.open(newline="", encoding="utf-8") as stream:
                for row in csv.DictReader(stream):
                    epoch = int(row.pop("epoch"))
                    for name, value in row.items():
                        points.setdefault(name, []).extend([(epoch, float(value))] if value else [])
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(f"{file} is damaged ({error}): nothing but a run writes it.") from None
        return points
