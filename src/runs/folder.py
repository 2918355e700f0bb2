"""What the files of a run's folder are called, why a run failed, and which code is running."""

import csv
import json
import subprocess
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


def read_failure(run: Path) -> str | None:
    """Why a run failed, in a line; None for one that did not, or not yet."""
    file = run / FAILURE_FILE
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8").strip().splitlines() or ["no reason given"]
    # A traceback says what happened in its last line, a sentence for the user in its first.
    return lines[-1 if lines[0].startswith("Traceback") else 0]


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


# What follows is for callers that are not yet on src.runs.record and src.runs.tables; it goes with the last of them.


def read_metrics(run: Path) -> dict[str, Any]:
    """The figures of a finished run, unchecked.

    Raises:
        UserError: the folder is no run's, or the run has not finished.
    """
    file = run / METRICS
    if not file.is_file():
        if (run / LAST).is_file():
            raise UserError(f"{run} has not finished: python -m src.train resume={run} goes on with it.")
        raise UserError(f"{run} is not the folder of a finished run: it holds no {METRICS}.")
    return dict(json.loads(file.read_text(encoding="utf-8")))


def read_evaluations(run: Path) -> list[dict[str, Any]]:
    """The figures of each test that a finished run was put to beside its own, by name, unchecked.

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


def read_rows(file: Path) -> list[dict[str, str]]:
    """A table that a run left, one mapping a row; [] where the run has no such table."""
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))
