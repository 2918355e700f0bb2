"""The jobs of `train` and `folds`, started and ended by Hydra's callbacks, so that every launcher treats them alike.

A failing job of a multirun writes `error.txt` into its folder and the others go on; when all are done they are added
up, and the exit status is 1 if any failed. A user's mistake in a single run is one sentence and status 2.
"""

import gc
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict, read_write

from src.errors import UserError
from src.runs.folder import FAILURE_FILE, FOLDS, LAST, METRICS
from src.settings.composing import CONF, plain_values, register_resolvers
from src.settings.naming import has_several_values
from src.settings.sentences import is_composition_error, sentence

if TYPE_CHECKING:
    from src.learning.run_settings import RunSettings

Task = Callable[["RunSettings", Path], object]
ONE_RUN = "hydra.mode=RUN"  # a recipe asks for a sweep; one job of it, started alone, must not


class Jobs(Callback):
    """What `conf/hydra/default.yaml` tells Hydra to call around jobs.

    Attributes:
        multirun: the folder of the multirun that this process started.
    """

    multirun: Path | None = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Job folders are named by what varies: settings with one value for all jobs stay out of their names."""
        Jobs.multirun = Path(config.hydra.sweep.dir).resolve()
        single = [item for item in config.hydra.overrides.task if not has_several_values(item)]
        keys = ",".join(f"'{item.partition('=')[0].lstrip('+')}'" for item in single)
        with read_write(config), open_dict(config):
            config.hydra.overrides.hydra.append(f"hydra.job.config.override_dirname.exclude_keys=[{keys}]")

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Note a failure in the job's folder; what is left of a single run that never began is removed."""
        if job_return.status != JobStatus.FAILED:
            return
        error, run_dir = job_return._return_value, Path(config.hydra.runtime.output_dir)
        if config.hydra.mode == RunMode.MULTIRUN:
            said = str(error) if isinstance(error, UserError) else "".join(traceback.format_exception(error))
            (run_dir / FAILURE_FILE).write_text(said.rstrip("\n") + "\n", encoding="utf-8")
            print(f"This job failed: {said}\nThe other jobs go on.", file=sys.stderr, flush=True)
            job_return.status, job_return.return_value = JobStatus.COMPLETED, None
        elif isinstance(error, UserError):  # through Hydra it would come with a paragraph of Hydra's own
            if {entry.name for entry in run_dir.iterdir()} <= {".hydra"}:
                shutil.rmtree(run_dir)  # nothing ran, so no folder should look as if something had
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Add up what the jobs left, and say by the exit status whether all of them finished."""
        add_up(Path(config.hydra.sweep.dir).resolve())


def add_up(folder: Path) -> None:
    """Print and write what the runs of a multirun or of folds add up to.

    Raises:
        SystemExit: with status 1 if a job failed or never finished.
    """
    if (folder / FOLDS).is_file():
        from src.reports.cross_validation import report

        report(folder)
    else:
        from src.reports.sweep import report as report_sweep

        report_sweep([folder])
    runs = sorted(file.parent.parent for file in folder.glob("*/.hydra/overrides.yaml"))
    failed = [run.name for run in runs if not (run / METRICS).is_file()]
    if failed:
        print(f"{len(failed)} of the jobs failed: {', '.join(failed)}.", file=sys.stderr)
        sys.exit(1)


def command_line(task: Task) -> None:
    """Run `task(settings, run_dir)` for the command line, once or as a multirun."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer release on import
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us; without it Hydra prints its own paragraphs and exits
    register_resolvers()
    import hydra
    from hydra.core.hydra_config import HydraConfig

    def job(cfg: DictConfig) -> None:
        hydra_cfg = HydraConfig.get()
        run_dir = Path(hydra_cfg.runtime.output_dir).resolve()
        is_multirun = hydra_cfg.mode == RunMode.MULTIRUN
        command = sys.argv[1:]
        if is_multirun:
            print(f"\n── job {hydra_cfg.job.num}: {run_dir.name}", flush=True)
            sys.argv[1:] = [*hydra_cfg.overrides.task, ONE_RUN]  # what Lightning starts this job's other processes with
        try:
            from src.learning.run_settings import RunSettings  # not for --help, which need not wait for it

            task(RunSettings.of(plain_values(cfg)), run_dir)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(run_dir) from None
        finally:
            sys.argv[1:] = command
            gc.collect()  # a job's trainer, network and maps hold each other in circles: gone before the next begins

    door = hydra.main(config_path=str(CONF), config_name="train", version_base="1.3")(job)
    speaking_plainly(door)


def speaking_plainly(door: Callable[[], object]) -> None:
    """Call `door`; a user's mistake ends with one sentence and status 2, Ctrl-C with how to go on and status 130."""
    try:
        door()
    except KeyboardInterrupt as stop:
        folder = stop.args[0] if stop.args else None
        if folder is not None and (Path(folder) / LAST).is_file():
            print(
                f"Stopped. python -m src.train resume='{folder}' goes on from the last finished epoch.", file=sys.stderr
            )
        else:
            print("Stopped.", file=sys.stderr)
        sys.exit(130)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:
        if is_composition_error(error):
            print(f"error: {sentence(error, CONF)}", file=sys.stderr)
            sys.exit(2)
        if Jobs.multirun is not None and Jobs.multirun.is_dir():  # a job died without a word: its launcher says so
            traceback.print_exc()
            add_up(Jobs.multirun)
        raise
