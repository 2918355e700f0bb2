"""Lightning's callbacks and loggers from the config: any class of Lightning's or of the user's own."""

import importlib
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import Logger

from src.errors import UserError
from src.settings.options import closest

BaseT = TypeVar("BaseT")
# What a config out of somebody's run folder may import; a user's own module must be named with plugins=[…].
_OWN = ("src.learning.", "pytorch_lightning.callbacks.", "pytorch_lightning.loggers.")


def build_callbacks(section: Mapping[str, Mapping[str, Any]], from_file: bool) -> dict[str, pl.Callback]:
    """Name → callback, in the order of the config.

    Args:
        section: name → `_target_` and its arguments.
        from_file: whether it comes out of a run folder: then only this project's,
            Lightning's and the named plugins' classes are built.

    Raises:
        UserError: a class is no callback, or does not take its arguments.
    """
    return {name: _build(pl.Callback, f"callbacks.{name}", entry, from_file) for name, entry in section.items()}


def build_loggers(section: Mapping[str, Mapping[str, Any]], run_dir: Path, from_file: bool) -> list[Logger]:
    """Loggers that write into the run's folder, unless their settings name another place.

    Raises:
        UserError: a class is no logger, its library is missing, or it does not take its arguments.
    """
    loggers = []
    for name, entry in section.items():
        where = f"logger.{name}"
        cls = _class(Logger, where, str(entry["_target_"]), from_file)  # type: ignore[type-abstract]
        place = {"save_dir": str(run_dir)} if "save_dir" in inspect.signature(cls).parameters else {}
        if "tracking_uri" in inspect.signature(cls).parameters and "tracking_uri" not in entry:
            place = {"tracking_uri": f"file:{run_dir}/mlruns"}
        loggers.append(_build(Logger, where, {**place, **entry}, from_file))  # type: ignore[type-abstract]
    return loggers


def _build(base: type[BaseT], where: str, entry: Mapping[str, Any], from_file: bool) -> BaseT:
    cls = _class(base, where, str(entry["_target_"]), from_file)
    arguments = {key: value for key, value in entry.items() if key != "_target_"}
    known = inspect.signature(cls).parameters
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values())
    if unknown := [key for key in arguments if key not in known and not takes_any]:
        raise UserError(f"{where}.{unknown[0]} is no argument of {cls.__name__}{closest(unknown[0], list(known))}.")
    try:
        return cls(**arguments)
    except ModuleNotFoundError as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{where} needs a library that is not installed ({reason}): pip install -e .[loggers]."
        ) from None
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise UserError(f"{where} cannot be made ({str(error).splitlines()[0].rstrip('.')}).") from None


def _class(base: type[BaseT], where: str, target: str, from_file: bool) -> type[BaseT]:
    module, _, name = target.rpartition(".")
    if from_file and not target.startswith(_OWN) and module not in sys.modules:
        raise UserError(
            f"{where} asks for {target}, which is none of this project's or Lightning's classes: if you trust the "
            f"module, name it with plugins=[{module}]."
        )
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"{where}._target_={target} cannot be imported ({error}).") from None
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise UserError(f"{where}._target_={target} is no {base.__name__} of Lightning.")
    return found
