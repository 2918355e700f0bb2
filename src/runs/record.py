"""What a run measured, as typed values: the only place that writes and reads `metrics.json` and `evaluations/*.json`.

A file is flat, one figure or fact a line: `test/accuracy`, `test/accuracy_ci_low`, `split`, `holdout`, … Several names
stand in one string with commas between them.
"""

import json
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from src.errors import UserError
from src.nets import RANDOM_START
from src.runs.folder import AS_TRAINED, EVALUATIONS, LAST, METRICS
from src.storage.files import write_json

VERSION = 1
_LOW, _HIGH = "_ci_low", "_ci_high"

Figures = Mapping[str, float | None]
Names = tuple[str, ...]
RecordT = TypeVar("RecordT", bound="Record")


@dataclass(frozen=True, kw_only=True, config={"strict": True})
class Record:
    """What a network measured on a test set, and the protocol that it was measured by.

    Attributes:
        test: the figures of the test set by name, `accuracy`, …; None where one cannot be given.
        intervals: 95 % intervals of some of them, `(low, high)`; None where none can be given.
        interval_unit, interval_units: what was drawn again for the intervals, and how many of them there are.
        interval_note: what the intervals speak for, or why there are none; a sentence.
        temperature, abstain_below: the run's calibration, see `src.runs.calibration`; None for a run that has none.
        split: the protocol.
        holdout: the signers or sources that were held out, or () for a protocol without names.
        split_notes: what a reader of the figures must know, sentences.
        leaked_test_percent: test images with a near-duplicate in training; None where that could not be told.
        sources: the datasets.
        test_images: how many were tested.
        precision: Lightning's name of the number format.
        commit, machine: the code that measured, and where it ran.
    """

    test: Figures
    intervals: Mapping[str, tuple[float, float] | None]
    interval_unit: str
    interval_units: int
    interval_note: str
    temperature: float | None
    abstain_below: float | None
    split: str
    holdout: Names
    split_notes: str
    leaked_test_percent: float | None
    sources: Names
    test_images: int
    precision: str
    commit: str
    machine: str

    _FIGURES: ClassVar[Names] = ("test",)

    def interval(self, name: str) -> tuple[float, float] | None:
        """The 95 % interval of a figure of the test set, or None where none was given."""
        return self.intervals.get(name)

    def figure(self, key: str) -> float | None:
        """A number by its key in the file, such as `test/accuracy` or `seconds`; None where the record has none."""
        value = self.flat().get(key)
        return float(value) if isinstance(value, int | float) else None

    def flat(self) -> dict[str, Any]:
        """What the file holds."""
        values: dict[str, Any] = {"version": VERSION}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in self._FIGURES:
                values |= {f"{one.name}/{name}": figure for name, figure in value.items()}
            elif one.name == "intervals":
                for name, ends in value.items():
                    values[f"test/{name}{_LOW}"], values[f"test/{name}{_HIGH}"] = ends or (None, None)
            else:
                values[one.name] = _separator(one).join(value) if one.type is Names else value
        return values

    def write(self, file: Path) -> None:
        """The record as JSON, whole or not at all.

        Raises:
            UserError: the place cannot be written to.
        """
        write_json(file, self.flat())

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """The record in values as `flat` gives them, such as the metadata of an exported network.

        It is lenient: what is missing is "", 0, () or None, and what is unknown is left out.

        Raises:
            ValueError: a value is of another type than it should be.
        """
        made: dict[str, Any] = {}
        for one in fields(cls):
            if one.name in cls._FIGURES:
                own = {key.partition("/")[2]: value for key, value in values.items() if key.startswith(f"{one.name}/")}
                made[one.name] = {name: value for name, value in own.items() if not name.endswith((_LOW, _HIGH))}
            elif one.name == "intervals":
                lows = [key.removesuffix(_LOW) for key in values if key.startswith("test/") and key.endswith(_LOW)]
                ends = {key: (values[key + _LOW], values.get(key + _HIGH)) for key in lows}
                made[one.name] = {k.removeprefix("test/"): None if None in pair else pair for k, pair in ends.items()}
            elif one.type is Names:
                value = values.get(one.name, "")
                made[one.name] = tuple(filter(None, value.split(_separator(one)))) if isinstance(value, str) else value
            else:
                made[one.name] = values.get(one.name, _NOTHING.get(one.type))
        try:
            return cls(**made)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise ValueError(f"{'/'.join(map(str, first['loc']))}: {first['msg']}") from None


@dataclass(frozen=True, kw_only=True, config={"strict": True})
class RunRecord(Record):
    """What a finished run measured, and what it was: `metrics.json`.

    Attributes:
        val: the figures of the validation set, as `test`.
        validation, validation_rule: the signers or sources that validation was taken from, and the protocol it was by.
        train_images, val_images: how many there were of each.
        left_out_images: files that were not used.
        model: the network's name.
        weights: what its first weights were; see `started_from_random`.
        freeze: the freeze policy.
        stages_trained, stages_trained_names: stages that were trained in any epoch, from input to head.
        parameters, parameters_trained: scalar weights, in all and in the trained stages.
        frozen_unchanged: whether every frozen stage has the bits that it began with.
        augmentation, image_size_px, batch_size, seed, split_seed: settings.
        seconds, train_seconds: the whole run, and its epochs of training alone.
        images_per_second: in training.
        best_epoch: from 1, the epoch whose weights were tested.
        epochs: how many were trained.
        cache, cache_views: whether frozen stages were computed once, and for how many views of each training image.
        cache_fill_seconds, cache_saved_seconds: what filling the cache took, and what it saved.
    """

    val: Figures
    validation: Names
    validation_rule: str
    train_images: int
    val_images: int
    left_out_images: int
    model: str
    weights: str
    freeze: str
    stages_trained: int
    stages_trained_names: Names = field(metadata={"separator": "+"})
    parameters: int
    parameters_trained: int
    frozen_unchanged: bool
    augmentation: str
    image_size_px: int
    batch_size: int
    seed: int
    split_seed: int
    seconds: float
    train_seconds: float
    images_per_second: float
    best_epoch: int
    epochs: int
    cache: str
    cache_views: int
    cache_fill_seconds: float
    cache_saved_seconds: float

    _FIGURES: ClassVar[Names] = ("test", "val")

    @property
    def started_from_random(self) -> bool:
        """Whether the network began from random numbers rather than from trained weights."""
        return self.weights == RANDOM_START


@dataclass(frozen=True, kw_only=True, config={"strict": True})
class EvaluationRecord(Record):
    """What a finished run measured on another test: a file in `evaluations/`.

    Attributes:
        run: the name of its folder.
        seen_in_training, seen_in_validation: test images that the run was trained on, or chose its best epoch by.
    """

    run: str
    seen_in_training: int
    seen_in_validation: int


def read_run(run: Path) -> RunRecord:
    """The record of a finished run.

    Raises:
        UserError: the folder is no run's, the run has not finished, or its record is damaged or of another version.
    """
    file = run / METRICS
    if not file.is_file():
        if (run / LAST).is_file():
            raise UserError(f"{run} has not finished: python -m src.train resume={run} goes on with it.")
        raise UserError(f"{run} is not the folder of a finished run: it holds no {METRICS}.")
    return _read(file, RunRecord, "train the run again")


def read_evaluations(run: Path) -> list[EvaluationRecord]:
    """The records of the tests that a finished run was put to beside its own, by the files' names.

    Raises:
        UserError: a file is damaged or of another version.
    """
    files = sorted(file for file in (run / EVALUATIONS).glob("*.json") if file.stem != AS_TRAINED)
    return [_read(file, EvaluationRecord, "remove it, and score the run there again") for file in files]


_NOTHING: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False}


def _separator(one: Any) -> str:
    return str(one.metadata.get("separator", ","))


def _read(file: Path, kind: type[RecordT], mend: str) -> RecordT:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        version = values.get("version")
        if version == VERSION:
            record = kind.from_flat(values)
            if missing := record.flat().keys() - values.keys():
                raise ValueError(f"it lacks {', '.join(sorted(missing))}")
            return record
    except (ValueError, AttributeError) as error:
        raise UserError(f"{file} is damaged ({str(error)[:160]}): {mend}.") from None
    raise UserError(
        f"{file} was written by another version of this project (its record has version {version or 'none'}, this one "
        f"reads {VERSION}): {mend}."
    )
