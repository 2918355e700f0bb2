"""What the files of a run's folder are called, why a run failed, and which code is running."""

import subprocess
from pathlib import Path

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
