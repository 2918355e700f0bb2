"""What a run leaves on disk, and how it is read back: the only thing that other doors know about a run."""

import csv
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.errors import UserError

METRICS = "metrics.json"
PREDICTIONS = "predictions.csv"
SPLIT = "split.csv"
STAGES = "stages.csv"
FINDINGS = "findings.csv"
CURVES = "curves.csv"
FOLDS = "folds.json"
CALIBRATION = "calibration.json"
CLASSES = "classes.csv"
GROUPS = "groups.csv"
REPORT = "report.html"
EVALUATIONS = "evaluations"
AS_TRAINED = "as_trained"
FAILURE_FILE = "error.txt"
CHECKPOINTS = "checkpoints"
BEST = f"{CHECKPOINTS}/best.ckpt"
LAST = f"{CHECKPOINTS}/last.ckpt"


def read_metrics(run: Path) -> dict[str, Any]:
    """The figures of a finished run.

    Raises:
        UserError: the folder is no run's, or the run has not finished.
    """
    file = run / METRICS
    if not file.is_file():
        if (run / LAST).is_file():
            raise UserError(f"{run} has not finished: python -m src.train resume={run} goes on with it.")
        raise UserError(f"{run} is not the folder of a finished run: it holds no {METRICS}.")
    return json.loads(file.read_text(encoding="utf-8"))


def read_split(run: Path) -> dict[str, str]:
    """Image name (`source/key`) → the part (`train`, `val` or `test`) that it had in this run.

    Raises:
        UserError: the folder holds no split.csv.
    """
    file = run / SPLIT
    if not file.is_file():
        raise UserError(f"{run} is not a run's folder: it holds no {SPLIT}.")
    with file.open(newline="", encoding="utf-8") as stream:
        return {row["image"]: row["part"] for row in csv.DictReader(stream)}


def read_evaluations(run: Path) -> list[dict[str, Any]]:
    """The figures of each test that a finished run was put to beside its own, by name.

    Raises:
        UserError: a file is damaged.
    """
    found = []
    for file in sorted((run / EVALUATIONS).glob("*.json")):
        if file.stem == AS_TRAINED:
            continue
        try:
            found.append(dict(json.loads(file.read_text(encoding="utf-8"))))
        except (ValueError, TypeError):
            raise UserError(f"{file} is damaged: remove it, and score the run there again.") from None
    return found


@dataclass(frozen=True)
class Calibration:
    """What makes a run's probabilities mean what they say.

    Attributes:
        temperature: divides the logits before the softmax; > 0.
        abstain_below: an answer less probable than this, after the temperature, is "not sure"; 0 withholds none.
    """

    temperature: float
    abstain_below: float


def read_calibration(run: Path) -> Calibration | None:
    """A run's calibration, or None for a run of an earlier version, which has none.

    Raises:
        UserError: the file is damaged.
    """
    file = run / CALIBRATION
    if not file.is_file():
        return None
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        calibration = Calibration(float(values["temperature"]), float(values["abstain_below"]))
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{file} is damaged: it should hold the numbers temperature and abstain_below.") from None
    if not (0 < calibration.temperature < float("inf") and 0 <= calibration.abstain_below <= 1):
        raise UserError(f"{file} is damaged: temperature must be above 0 and abstain_below between 0 and 1.")
    return calibration


def read_rows(file: Path) -> list[dict[str, str]]:
    """A table that a run left, one mapping a row; [] where the run has no such table."""
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))


def commit() -> str:
    """The project's git commit, with `+changes` where files differ from it, or `unknown` outside a checkout."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
