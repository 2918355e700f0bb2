"""Every signer or source held out once: the folds of one configuration as a multirun that can be gone on with."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from src.data.cross_validation import fold_holdouts
from src.errors import UserError
from src.learning.resuming import RESUMABLE_KEYS
from src.learning.run_data import loaded_data
from src.learning.run_settings import RunSettings
from src.runs import folder as run_folder
from src.storage.files import write_json


def multirun(settings: RunSettings, overrides: Sequence[str], folder: Path, count: int | None) -> list[str]:
    """The command line of a multirun that trains every fold of `overrides` in `folder`.

    What the folds are is kept in `folds.json` there, so that the same command finds them again.

    Args:
        settings: of `overrides`, for one seed.
        overrides: as on the command line; `seed` may have several values.
        folder: where the runs go.
        count: number of folds, or None for one a name.

    Raises:
        UserError: the images know no names to hold out, or the folder holds other folds.
    """
    data = loaded_data(settings)
    protocol = data.split.protocol
    # What "strictest" came to, by its own name; a user's own by the name of its file, which only they know.
    split = next((item.partition("=")[2] for item in overrides if item.startswith("split=")), "strictest")
    split = protocol.slug if split == "strictest" else split
    holdouts = fold_holdouts(data.manifest, protocol, count, settings.split.seed)
    kept = [item for item in overrides if item.partition("=")[0] not in ("split", "split.holdout")]
    plan: dict[str, object] = {
        "split": split,
        "settings": sorted(item for item in kept if item.partition("=")[0] not in RESUMABLE_KEYS),
        "holdouts": [list(names) for names in holdouts],
    }
    _keep(plan, folder / run_folder.FOLDS)
    named = ",".join("[" + ",".join(map(_quoted, names)) + "]" for names in holdouts)
    print(f"{len(holdouts)} folds, split={split}: {folder}", flush=True)
    return ["-m", *kept, f"split={split}", f"split.holdout={named}", f"hydra.sweep.dir={_quoted(str(folder))}"]


def _keep(plan: dict[str, object], file: Path) -> None:
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        if before != plan:
            what = next(key for key in plan if before.get(key) != plan[key])
            raise UserError(f"{file.parent} holds folds with other {what}: give the same command, or another folder=….")
    elif file.parent.is_dir() and any(file.parent.iterdir()):
        raise UserError(f"{file.parent} holds something else already: choose another folder=….")
    else:
        write_json(file, plan)


def _quoted(text: str) -> str:
    """A value as Hydra's command line reads it back unchanged."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_:.-]*", text):
        return text
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", text).replace("'", r"\'")
    return f"'{escaped}'"


def train_fold(settings: RunSettings, run_dir: Path, run: Callable[[RunSettings, Path, bool], None]) -> None:
    """Train one fold; one that has finished is kept, one that was interrupted goes on.

    Args:
        run: trains a run's settings into its folder, from its last checkpoint where the third argument says so.

    Raises:
        UserError: see `src.learning.training.train`.
    """
    if (run_dir / run_folder.METRICS).is_file():
        print("finished before, kept", flush=True)
        return
    (run_dir / run_folder.FAILURE_FILE).unlink(missing_ok=True)
    resume = (run_dir / run_folder.LAST).is_file()
    if resume and settings.trainer.devices not in (1, "auto"):
        raise UserError(f"{run_dir} was interrupted: python -m src.train resume={run_dir} goes on with it.")
    if not resume:
        shutil.rmtree(run_dir / run_folder.CHECKPOINTS, ignore_errors=True)  # of a fold stopped within its first epoch
    run(settings, run_dir, resume)
