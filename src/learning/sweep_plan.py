"""What the other jobs of the running sweep will train, so that one pass through frozen stages serves them all."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from src.errors import UserError
from src.learning.freezing import FreezePolicy
from src.learning.run_settings import RunSettings, compose
from src.settings.composing import MULTIRUN_PLAN


def swept_policies(own: RunSettings) -> list[FreezePolicy]:
    """The freeze policies of the jobs of the sweep that this process runs a job of; [] outside a sweep.

    Every combination of the swept settings of `freeze`, all other settings being those of this job. The plan is what
    Hydra's sweeper leaves in the sweep's folder, so it is known under every launcher and on every machine of a cluster.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return []
    hydra = HydraConfig.get()
    file = Path(hydra.sweep.dir) / MULTIRUN_PLAN
    if not file.is_file():
        return []
    plan: Any = OmegaConf.load(file)
    given = [
        *(f"{key}={value}" for key, value in (plan.hydra.sweeper.params or {}).items()),
        *plan.hydra.overrides.task,
    ]
    return _combinations(given, list(hydra.overrides.task))


def _combinations(given: Sequence[str], own: Sequence[str]) -> list[FreezePolicy]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    choices = {
        override.key_or_group: [f"{override.key_or_group}={value}" for value in override.sweep_string_iterator()]
        for override in OverridesParser.create().parse_overrides(list(given))
        if override.is_sweep_override() and override.key_or_group.partition(".")[0] == "freeze"
    }
    others = [override for override in own if override.partition("=")[0] not in choices]
    found = []
    for combination in itertools.product(*choices.values()) if choices else ():
        try:
            found.append(compose([*others, *combination]).freeze)
        except UserError:
            continue  # that job says so itself when its turn comes
    return found
