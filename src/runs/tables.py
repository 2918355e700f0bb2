"""The tables that a run leaves, each written and read by its columns: CSV files that a spreadsheet opens."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from src.errors import UserError
from src.runs.folder import SPLIT
from src.signs.labels import INDEX_OF, SIGNS
from src.storage.files import write_csv

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class ClassScore:
    """How one sign was read: a row of `classes.csv`.

    Attributes:
        sign: its name.
        images: how many show it.
        predicted: how many were read as it.
        precision: share of the images read as it that show it; 0 where none was read as it.
        recall: share of the images that show it that were read as it; 0 where none shows it.
        f1: harmonic mean of the two, 0 where both are.
    """

    sign: str
    images: int
    predicted: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class GroupScore:
    """The accuracy on one signer's or one source's images, with its interval where one can be given: of `groups.csv`.

    Attributes:
        kind: "signer" or "source".
        name: as `split.holdout` takes it.
        images: tested.
        accuracy: in [0, 1].
        low, high: the 95 % interval; None where there are too few units, or all or none are correct.
        unit, units: what was drawn again, and how many there are; "" for too few.
    """

    kind: str
    name: str
    images: int
    accuracy: float
    low: float | None
    high: float | None
    unit: str
    units: int


@dataclass(frozen=True)
class StageRow:
    """One stage of a network and what training does with it: a row of `stages.csv`.

    Attributes:
        stage: its name.
        parameters: scalar weights in it.
        trained_from_epoch: the first epoch (from 1) that trains it, or None if it stays frozen.
        batch_norms: batch-norm layers in it.
        learning_rate: before the schedule; 0 for a frozen stage.
        sha256_before, sha256_after: of a frozen stage's weights, before and after training; "" for the others.
    """

    stage: str
    parameters: int
    trained_from_epoch: int | None = field(metadata={"none": "frozen"})
    batch_norms: int
    learning_rate: float = field(metadata={"format": ".3g"})
    sha256_before: str = ""
    sha256_after: str = ""


def write_rows(file: Path, kind: type[RowT], rows: Iterable[RowT]) -> None:
    """A table of rows of one dataclass, a column a field; shares are rounded to six places."""
    columns = fields(kind)  # type: ignore[arg-type]
    write_csv(file, [c.name for c in columns], ([_cell(getattr(r, c.name), c) for c in columns] for r in rows))


def read_rows(file: Path, kind: type[RowT]) -> list[RowT]:
    """The rows of a table that `write_rows` wrote; [] where there is no such table.

    Raises:
        UserError: the table is damaged.
    """
    none = {column.name: column.metadata.get("none", "") for column in fields(kind)}  # type: ignore[arg-type]
    optional = {c.name for c in fields(kind) if type(None) in getattr(c.type, "__args__", ())}  # type: ignore[arg-type]
    rows = [
        {name: None if name in optional and text == none[name] else text for name, text in row.items()}
        for row in _read(file)
    ]
    try:
        return TypeAdapter(list[kind]).validate_python(rows)  # type: ignore[valid-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(f"{file} is damaged ({'/'.join(map(str, first['loc']))}: {first['msg']}).") from None


def _cell(value: Any, column: Any) -> Any:
    if value is None:
        return column.metadata.get("none", "")
    if "format" in column.metadata:
        return format(value, column.metadata["format"])
    return round(value, 6) if isinstance(value, float) else value


def _read(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))


def write_split(run: Path, parts: Iterable[tuple[str, str]]) -> None:
    """`split.csv`: the name (`source/key`) of each image and its part, `train`, `val` or `test`."""
    write_csv(run / SPLIT, ("image", "part"), parts)


def read_split(run: Path) -> dict[str, str]:
    """Image name (`source/key`) → the part (`train`, `val` or `test`) that it had in this run.

    Raises:
        UserError: the folder holds no split.csv.
    """
    file = run / SPLIT
    if not file.is_file():
        raise UserError(f"{run} is not a run's folder: it holds no {SPLIT}.")
    return {row["image"]: row["part"] for row in _read(file)}


@dataclass(frozen=True)
class PredictionTable:
    """What a network said of every image of a test set: `predictions.csv`, one row an image.

    Attributes:
        paths: of the images within their sources.
        sources: `(images,) str`.
        signers: `(images,) str` as `source:signer`, "" where unknown.
        groups: `(images,) int64` near-duplicate groups.
        labels, predicted: `(images,) int64` class indices.
        probability: `(images,) float64` of the prediction, calibrated.
        uncalibrated: `(images,) float64`, before temperature scaling.
    """

    paths: Sequence[str]
    sources: np.ndarray
    signers: np.ndarray
    groups: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    uncalibrated: np.ndarray

    @property
    def names(self) -> list[str]:
        """`source/path` of each image."""
        return [f"{source}/{path}" for source, path in zip(self.sources, self.paths, strict=True)]

    @property
    def correct(self) -> np.ndarray:
        """`(images,) bool`."""
        return np.asarray(self.labels == self.predicted)


_PREDICTION_COLUMNS = ("path", "source", "signer", "group", "label", "prediction", "probability", "uncalibrated")


def write_predictions(file: Path, table: PredictionTable) -> None:
    """A table as CSV, signs by their names."""
    columns = (
        table.paths,
        table.sources,
        (signer.partition(":")[2] for signer in table.signers),
        (int(group) for group in table.groups),
        (SIGNS[label] for label in table.labels),
        (SIGNS[label] for label in table.predicted),
        (f"{probability:.6f}" for probability in table.probability),
        (f"{probability:.6f}" for probability in table.uncalibrated),
    )
    write_csv(file, _PREDICTION_COLUMNS, zip(*columns, strict=True))


def read_predictions(file: Path) -> PredictionTable:
    """The table that `write_predictions` wrote.

    Raises:
        UserError: there is none, or it is damaged.
    """
    rows = _read(file)
    if not rows:
        raise UserError(f"{file} holds no predictions: python -m src.evaluate run={file.parent} writes them again.")
    try:
        return PredictionTable(
            paths=[row["path"] for row in rows],
            sources=np.array([row["source"] for row in rows], dtype=object),
            signers=np.array([f"{r['source']}:{r['signer']}" if r["signer"] else "" for r in rows], dtype=object),
            groups=np.array([int(row["group"]) for row in rows], dtype=np.int64),
            labels=np.array([INDEX_OF[row["label"]] for row in rows], dtype=np.int64),
            predicted=np.array([INDEX_OF[row["prediction"]] for row in rows], dtype=np.int64),
            probability=np.array([float(row["probability"]) for row in rows]),
            uncalibrated=np.array([float(row["uncalibrated"]) for row in rows]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{file} is damaged ({error}): nothing but a run writes it.") from None
