"""The runs of a multirun folder, gathered into configurations that differ in their seed alone."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.runs.folder import METRICS, read_failure
from src.runs.record import RunRecord, read_run
from src.runs.recorded import OVERRIDES, recorded_overrides


@dataclass
class Configuration:
    """Runs of a sweep that differ in their seed alone.

    Attributes:
        settings: what was varied, `key=value`, without the seed.
        runs: records of the finished runs.
        failed: folder name → why, in a line.
        unfinished: names of folders with neither a record nor an error.
    """

    settings: dict[str, str]
    runs: list[RunRecord] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The settings in a line."""
        return " ".join(f"{key}={value}" for key, value in self.settings.items()) or "as configured"

    def values(self, key: str) -> list[float]:
        """One figure, such as `test/accuracy` or `train_seconds`, of every finished run that has it."""
        return [value for run in self.runs if (value := run.figure(key)) is not None]

    @property
    def seconds(self) -> list[float]:
        """What every finished run took, less filling the cache: whichever run comes first does that for the others."""
        return [run.seconds - run.cache_fill_seconds for run in self.runs]

    @property
    def saved_seconds(self) -> float:
        """What the cached prefix saved a run, on average, filling it counted; 0 for runs without one."""
        return mean_sd([run.cache_saved_seconds for run in self.runs])[0]

    @property
    def stages_trained(self) -> int:
        """How many stages its runs train, the head too."""
        return self.runs[0].stages_trained


def mean_sd(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (n - 1); the deviation of a single value is 0, of none both are NaN."""
    if not values:
        return math.nan, math.nan
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def read_sweep(folder: Path) -> list[Configuration]:
    """The configurations of a multirun folder, those with fewer trained stages first.

    A run whose record is damaged or of another version counts as failed.

    Raises:
        UserError: the folder holds no runs.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not there: give the folder of a multirun, such as experiments/sweeps/<name>.")
    runs = sorted(file.parent.parent for file in folder.glob(f"*/{OVERRIDES}"))
    if not runs:
        raise UserError(f"{folder} is not a multirun's folder: none of its folders holds a run.")
    settings_of = {run: _settings(run) for run in runs}
    varied = [
        key
        for key in dict.fromkeys(key for settings in settings_of.values() for key in settings)
        if len({settings.get(key) for settings in settings_of.values()}) > 1 and not _is_seed(key)
    ]
    configurations: dict[tuple[tuple[str, str], ...], Configuration] = {}
    for run, settings in settings_of.items():
        own = {key: settings[key] for key in varied if key in settings}
        _add(configurations.setdefault(tuple(own.items()), Configuration(own)), run)
    return sorted(configurations.values(), key=_order)


def _add(configuration: Configuration, run: Path) -> None:
    if (run / METRICS).is_file():
        try:
            configuration.runs.append(read_run(run))
        except UserError as error:
            configuration.failed[run.name] = str(error)
    elif reason := read_failure(run):
        configuration.failed[run.name] = reason
    else:
        configuration.unfinished.append(run.name)


def _is_seed(key: str) -> bool:
    return key == "seed" or key.endswith(".seed")


def _settings(run: Path) -> dict[str, str]:
    pairs = (override.lstrip("+~").partition("=") for override in recorded_overrides(run))
    return {key: value for key, equals, value in pairs if equals}


def _order(configuration: Configuration) -> tuple[Any, ...]:
    stages = min((run.stages_trained for run in configuration.runs), default=math.inf)
    return stages, [
        (0, float(value), "") if value.replace(".", "", 1).isdigit() else (1, 0.0, value)
        for value in configuration.settings.values()
    ]
