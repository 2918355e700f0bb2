"""Lightning's callbacks and loggers from the config: any class of Lightning's or of the user's own."""

import importlib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import pytorch_lightning as pl
from filelock import FileLock
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import Logger, MLFlowLogger, WandbLogger

from src.errors import UserError
from src.settings.options import closest, not_imported

MadeT = TypeVar("MadeT")


def build_callbacks(section: Mapping[str, Mapping[str, Any]]) -> dict[str, pl.Callback]:
    """Name → callback, in the order of the config.

    Args:
        section: name → `_target_` and its arguments; `RunSettings` has looked whether a file may name them.

    Raises:
        UserError: a class is no callback, or does not take its arguments.
    """
    return {
        name: _build(_class(pl.Callback, f"callbacks.{name}", entry), f"callbacks.{name}", entry)
        for name, entry in section.items()
    }


def build_loggers(section: Mapping[str, Mapping[str, Any]], run_dir: Path) -> dict[str, Logger]:
    """Name → logger; they write into the run's folder and go by its name unless their settings say otherwise.

    Args:
        section: name → `_target_` and its arguments; `RunSettings` has looked whether a file may name them.
        run_dir: the run's folder. A store that holds many runs (MLflow's) lies beside it.

    Raises:
        UserError: a class is no logger, its library is missing, or it does not take its arguments.
    """
    ours = {
        "save_dir": str(run_dir),
        "name": run_dir.name,
        "run_name": run_dir.name,
        "tracking_uri": f"sqlite:///{_store(run_dir)}",
    }
    loggers = {}
    for name, entry in section.items():
        where = f"logger.{name}"
        cls: type[Logger] = _class(Logger, where, entry)
        taken = inspect.signature(cls).parameters
        given = {key: value for key, value in ours.items() if key in taken}
        if "name" in given and isinstance(taken["name"].default, str):  # then it is a folder, and has a good name
            del given["name"]
        with _alone(run_dir) if issubclass(cls, MLFlowLogger) and "tracking_uri" not in entry else nullcontext():
            loggers[name] = _build(cls, where, {**given, **entry})
    return loggers


def _store(run_dir: Path) -> Path:
    return run_dir.parent.resolve() / "mlflow.db"


@contextmanager
def _alone(run_dir: Path) -> Iterator[None]:
    """Hold the store that a run shares with those beside it: MLflow's tables and experiments must not be made twice."""
    store = _store(run_dir)
    store.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{store}.lock"):
        yield


@contextmanager
def opened(loggers: Mapping[str, Logger], run_dir: Path) -> Iterator[None]:
    """Open what loggers write to, before the work, so that a login that is missing is said; close it afterwards.

    Left open, a W&B run would take in the figures of the next job of a sweep.

    Raises:
        UserError: one cannot be opened.
    """
    failed = True
    try:
        for name, logger in loggers.items():
            try:
                with _alone(run_dir) if isinstance(logger, MLFlowLogger) else nullcontext():
                    getattr(logger, "experiment", None)  # asking for it opens it
            except ModuleNotFoundError as error:
                raise _missing_library(f"logger.{name}", error) from None
            except Exception as error:  # every tracker has errors of its own
                raise UserError(f"logger.{name} cannot begin ({_reason(error)}).") from error
        yield
        failed = False
    finally:
        for logger in loggers.values():
            if isinstance(logger, WandbLogger) and logger._experiment is not None:
                logger.experiment.finish(exit_code=int(failed))


def _build(cls: type[MadeT], where: str, entry: Mapping[str, Any]) -> MadeT:
    arguments = {key: value for key, value in entry.items() if key != "_target_"}
    known = inspect.signature(cls).parameters
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values())
    if unknown := [key for key in arguments if key not in known and not takes_any]:
        raise UserError(f"{where}.{unknown[0]} is no argument of {cls.__name__}{closest(unknown[0], list(known))}.")
    try:
        return cls(**arguments)
    except ModuleNotFoundError as error:
        raise _missing_library(where, error) from None
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise UserError(f"{where} cannot be made ({_reason(error)}).") from None


def _missing_library(where: str, error: ModuleNotFoundError) -> UserError:
    reason = _reason(error).split(". ")[0]
    return UserError(f"{where} needs a library that is not installed ({reason}): pip install -e .[loggers].")


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].strip().rstrip(".")


def _class(base: type, where: str, entry: Mapping[str, Any]) -> Any:
    target = str(entry["_target_"])
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise not_imported(f"{where}._target_={target}", error) from None
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise UserError(f"{where}._target_={target} is no {base.__name__} of Lightning.")
    return found
