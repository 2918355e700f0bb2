"""What a run leaves on disk, and how it is read back: the only thing that other doors know about a run."""

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
FOLDS = "folds.json"
CALIBRATION = "calibration.json"
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
