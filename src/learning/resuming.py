"""Going on with an interrupted run, as what it was: from its own record, not from today's defaults."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from src.errors import UserError
from src.learning.run_settings import RunSettings
from src.runs.folder import LAST, METRICS
from src.runs.recorded import recorded_config
from src.settings.composing import parsed_overrides
from src.settings.options import import_plugins

# A resumed run may find its images elsewhere; whatever shapes the result stays as it was.
RESUMABLE_KEYS = ("datamodule.root", "datamodule.workers", "datamodule.cache_dir", "trainer.progress")


def resumed(arguments: Sequence[str]) -> tuple[RunSettings, Path]:
    """The settings and the folder of the run that `resume=<folder>` names, with the few settings that may differ.

    Raises:
        UserError: there is nothing to resume, or another argument would make it another run.
    """
    named = [argument for argument in arguments if argument.startswith("resume=")]
    run = Path(named[-1].partition("=")[2].strip("'\"")).resolve()
    config: Any = OmegaConf.create(recorded_config(run))
    added = [argument for argument in arguments if argument not in named]
    for argument in added:
        if argument.startswith("-") or "=" not in argument:
            raise UserError(f"resume= continues one run as it was; '{argument}' does not go with it.")
    for key, value in parsed_overrides(added).items():
        if key == "plugins":
            import_plugins(value)
        elif key in RESUMABLE_KEYS:
            OmegaConf.update(config, key, value, merge=False)
        else:
            raise UserError(
                f"resume= continues a run as it was, so {key} cannot change: leave it out, or start a new run "
                f"(only {', '.join(RESUMABLE_KEYS)} may differ)."
            )
    if (run / METRICS).is_file():
        raise UserError(f"{run} has finished: there is nothing to resume (python -m src.evaluate scores it again).")
    if not (run / LAST).is_file():
        raise UserError(f"{run} has no {LAST} to resume from: it stopped before its first epoch ended.")
    plain: Any = OmegaConf.to_container(config)
    return RunSettings.of(plain, from_file=True, check_files=False), run
