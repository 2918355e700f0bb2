"""`src.runs.sweeps` as plain mappings, for pages that are not yet on its records; it goes with the last of them."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from src.errors import UserError
from src.evaluation.promises import line_name, promise
from src.runs.folder import METRICS, read_failure
from src.runs.record import Record
from src.runs.sweeps import mean_sd


@dataclass
class Configuration:
    """Runs of a sweep that differ in their seed alone.

    Attributes:
        settings: what was varied, `key=value`, without the seed.
        runs: metrics of the finished runs.
        failed: folder name → first line of the error.
        unfinished: names of folders with neither metrics nor an error.
    """

    settings: dict[str, str]
    runs: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The settings in a line."""
        return " ".join(f"{key}={value}" for key, value in self.settings.items()) or "as configured"

    def values(self, figure: str) -> list[float]:
        """One figure of every finished run."""
        return [float(run[figure]) for run in self.runs]

    @property
    def seconds(self) -> list[float]:
        """What every finished run took, less filling the cache: whichever run comes first does that for the others."""
        return [float(run["seconds"]) - float(run.get("cache_fill_seconds", 0.0)) for run in self.runs]

    @property
    def saved_seconds(self) -> float:
        """What the cached prefix saved a run, on average, filling it counted; 0 for runs without one."""
        return mean_sd([float(run.get("cache_saved_seconds", 0.0)) for run in self.runs])[0]


def read_sweep(folder: Path) -> list[Configuration]:
    """The configurations of a multirun folder, those with fewer trained stages first.

    Raises:
        UserError: the folder holds no runs.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not there: give the folder of a multirun, such as experiments/sweeps/<name>.")
    runs = sorted(file.parent.parent for file in folder.glob("*/.hydra/overrides.yaml"))
    if not runs:
        raise UserError(f"{folder} is not a multirun's folder: none of its folders holds a run.")
    settings_of = {run: _settings(run) for run in runs}
    varied = [
        key
        for key in dict.fromkeys(key for settings in settings_of.values() for key in settings)
        if len({settings.get(key) for settings in settings_of.values()}) > 1 and not _is_seed(key)
    ]
    configurations: dict[tuple[str, ...], Configuration] = {}
    for run, settings in settings_of.items():
        own = {key: settings[key] for key in varied if key in settings}
        configuration = configurations.setdefault(tuple(own.items()), Configuration(own))
        if (run / METRICS).is_file():
            configuration.runs.append(json.loads((run / METRICS).read_text(encoding="utf-8")))
        elif reason := read_failure(run):
            configuration.failed[run.name] = reason
        else:
            configuration.unfinished.append(run.name)
    return sorted(configurations.values(), key=_order)


def trained_stages(configuration: Configuration) -> int:
    """How many stages its runs train, the head too."""
    return int(configuration.runs[0]["stages_trained"])


@dataclass(frozen=True)
class Line:
    """The configurations of one protocol that differ in what they train: a line of a chart.

    Attributes:
        name: the protocol, what it leaks, and whatever else was varied.
        members: those with fewer trained stages first; each has a finished run.
        protocol: in a few words.
        promise: what a figure of it promises and what not, a sentence.
    """

    name: str
    members: list[Configuration]
    protocol: str
    promise: str


def lines_of(configurations: Sequence[Configuration]) -> list[Line]:
    """One line a protocol and whatever else was varied beside the freezing."""
    found: dict[tuple[str, str], list[Configuration]] = {}
    several_models = len({run["model"] for one in configurations for run in one.runs}) > 1
    for one in configurations:
        if not one.runs:
            continue
        first = one.runs[0]
        # The protocol names these already; what sets the number of trained stages is the axis.
        others = {k: v for k, v in one.settings.items() if not k.startswith(("freeze", "split"))}
        if several_models and "model" not in others:
            others = {"model": first["model"], **others}
        if len({run["holdout"] for run in one.runs}) > 1:  # the seed drew another signer each time
            first = {**first, "holdout": ""}
        found.setdefault((line_name(Record.from_flat(first)), " ".join(others.values())), []).append(one)
    lines = []
    for (protocol, more), members in found.items():
        members.sort(key=trained_stages)
        runs = [run for one in members for run in one.runs]
        leaked = [float(run.get("leaked_test_percent") or 0) for run in runs]
        name = " · ".join(filter(None, (more, protocol, f"leaks {leaks}" if (leaks := leak_range(leaked)) else "")))
        lines.append(Line(name, members, protocol, promise(Record.from_flat(runs[0]))))
    return lines


def leak_range(leaked: Sequence[float]) -> str:
    """ "61 %" or "58 to 61 %" of some runs' leaked percentages; "" where none leaks."""
    if not any(leaked):
        return ""
    return " to ".join(dict.fromkeys(f"{percent:.0f}" for percent in (min(leaked), max(leaked)))) + " %"


def _is_seed(key: str) -> bool:
    return key == "seed" or key.endswith(".seed")


def _settings(run: Path) -> dict[str, str]:
    overrides = [str(item) for item in OmegaConf.load(run / ".hydra" / "overrides.yaml")]
    return dict(override.lstrip("+~").split("=", 1) for override in overrides if "=" in override)


def _order(configuration: Configuration) -> tuple[Any, ...]:
    stages = min((run["stages_trained"] for run in configuration.runs), default=math.inf)
    return stages, [
        (0, float(value), "") if value.replace(".", "", 1).isdigit() else (1, 0.0, value)
        for value in configuration.settings.values()
    ]
