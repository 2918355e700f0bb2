"""How overrides become a config: Hydra over conf/, its errors in one sentence."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from src.errors import UserError
from src.settings.naming import run_name
from src.settings.sentences import is_composition_error, sentence

PROJECT = Path(__file__).resolve().parents[2]
CONF = PROJECT / "conf"
STUDIES = PROJECT / "experiments"  # recipes: +<study>=<recipe>; conf/train.yaml has it in Hydra's search path

MULTIRUN_PLAN = "multirun.yaml"  # what Hydra's sweeper leaves in a sweep's folder

_UNIQUE = uuid.uuid4().hex[:6]


def register_resolvers() -> None:
    """Teach OmegaConf the few words of conf/ that are not Hydra's own."""
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
    OmegaConf.register_new_resolver("unique", lambda: _UNIQUE, replace=True)
    OmegaConf.register_new_resolver("studies", lambda: str(STUDIES), replace=True)


def compose_config(overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The resolved config of these overrides as plain values, as the command line would compose it.

    Raises:
        UserError: an override is not understood.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    register_resolvers()
    # Within a job Hydra is there already, with the folders that its command line added.
    inside = GlobalHydra.instance().is_initialized()
    opened = nullcontext() if inside else initialize_config_dir(config_dir=str(CONF), version_base="1.3")
    with opened, in_one_sentence():
        return plain_values(compose("train", overrides=list(overrides)))


def searching(folder: Path) -> str:
    """The override that looks for options in a folder of the user's too, as Hydra's `--config-dir` does."""
    quoted = str(folder.resolve()).replace("'", "\\'")
    return f"hydra.searchpath=['file://{STUDIES}','file://{quoted}']"


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """Errors of Hydra and OmegaConf inside this block become a `UserError`."""
    try:
        yield
    except Exception as error:
        if is_composition_error(error):
            raise UserError(sentence(error, CONF)) from None
        raise


def plain_values(cfg: DictConfig) -> dict[str, Any]:
    """A config resolved to plain values.

    Raises:
        UserError: a value is missing, or an interpolation leads nowhere.
    """
    with in_one_sentence():
        values: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
        return dict(values)


def parsed_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """Key → value of `key=value` overrides, as Hydra's grammar reads them.

    Raises:
        UserError: one is not understood.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    with in_one_sentence():
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        return {str(override.key_or_group): override.value() for override in parsed}
