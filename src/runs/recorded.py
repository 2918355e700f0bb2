"""The config that a run was started with, read back as plain values: nothing in it is built or imported here."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.errors import UserError

CONFIG = ".hydra/config.yaml"
OVERRIDES = ".hydra/overrides.yaml"


def recorded_config(run: Path) -> dict[str, Any]:
    """The resolved config that a run was started with.

    Raises:
        UserError: the folder is not a run's, or its config is damaged.
    """
    file = run / CONFIG
    if not file.is_file():
        raise UserError(f"{run} is not a run's folder: it holds no {CONFIG}.")
    try:
        config = OmegaConf.to_container(OmegaConf.load(file), resolve=True)
    except (OmegaConfBaseException, ValueError, OSError) as error:
        raise UserError(f"{file} is damaged ({str(error).splitlines()[0]}): nothing but a run writes it.") from None
    if not isinstance(config, dict):
        raise UserError(f"{file} is damaged: nothing but a run writes it.")
    return {str(key): value for key, value in config.items()}


def recorded_overrides(run: Path) -> list[str]:
    """The overrides that a run was started with.

    Raises:
        UserError: the folder is not a run's.
    """
    file = run / OVERRIDES
    if not file.is_file():
        raise UserError(f"{run} is not a run's folder: it holds no {OVERRIDES}.")
    return [str(item) for item in OmegaConf.load(file)]
