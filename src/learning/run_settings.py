"""What `python -m src.train` runs from: every section as a checked object, before torch is imported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf

import src.data.split  # noqa: F401  # its protocols are known by being imported
from src.data.settings import AugmentationSettings, DatamoduleSettings
from src.data.split.protocol import SplitProtocol
from src.errors import UserError
from src.learning.freezing import FreezePolicy
from src.learning.optimizers import Optimizer
from src.learning.schedulers import Scheduler
from src.learning.trainer_settings import TrainerSettings
from src.nets.models import Model
from src.runs.recorded import recorded_config
from src.settings.composing import compose_config, parsed_overrides
from src.settings.options import Field, build, import_plugins, plain_value, refuse_stranger, settings, validated
from src.sources.catalog import present_sources, refuse_training_on, source_named


@settings
class FeatureCacheSettings:
    """Whether what leaves the frozen stages is computed once and kept."""

    mode: Literal["prefix", "off"] = "prefix"
    views: int | None = Field(
        default=16, ge=1, le=1000, description="augmented views an image has; null: a fresh draw every epoch"
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="of the views, which runs of other seeds share")
    budget_gb: float = Field(default=20, ge=0, le=1e6, description="of disk; the longest unused features go first")

    def check(self) -> None:
        if self.mode == "prefix" and self.views is None:
            raise UserError(
                "cache=prefix needs cache.views=<augmented views an image>; cache=off draws anew every epoch."
            )


@settings
class _General:
    seed: int = Field(default=1, ge=0, le=2**31 - 1)
    label_smoothing: float = Field(default=0.1, ge=0, le=0.9, allow_inf_nan=False)
    joints_weight: float = Field(default=0.0, ge=0, le=100, description="of a second task: the hand's joints")
    plugins: tuple[str, ...] = ()


_SECTIONS: Mapping[str, type] = {
    "datamodule": DatamoduleSettings,
    "augmentation": AugmentationSettings,
    "cache": FeatureCacheSettings,
}
_OPTIONS: Mapping[str, type] = {
    "split": SplitProtocol,
    "model": Model,
    "freeze": FreezePolicy,
    "optimizer": Optimizer,
    "scheduler": Scheduler,
}


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run; each section is an object that knows what it does.

    Attributes:
        callbacks, logger: name → `_target_` and its arguments, as Lightning's own classes take them.
        from_file: whether they came out of somebody's run folder, so that nothing is imported because they say so.
    """

    seed: int
    label_smoothing: float
    joints_weight: float
    plugins: tuple[str, ...]
    datamodule: DatamoduleSettings
    augmentation: AugmentationSettings
    split: SplitProtocol
    model: Model
    freeze: FreezePolicy
    cache: FeatureCacheSettings
    optimizer: Optimizer
    scheduler: Scheduler
    trainer: TrainerSettings
    callbacks: Mapping[str, Mapping[str, Any]]
    logger: Mapping[str, Mapping[str, Any]]
    from_file: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any], from_file: bool = False, check_files: bool = True) -> "RunSettings":
        """The settings that a composed and resolved config describes.

        Args:
            config: plain values, as Hydra composed them or a run recorded them.
            from_file: whether it comes out of a run folder or checkpoint; see `src.settings.options.build`.
            check_files: whether files that settings name must exist.

        Raises:
            UserError: the first setting that is unknown, of the wrong type, missing, out of range or contradictory.
        """
        general = ("seed", "label_smoothing", "joints_weight", "plugins")
        first = validated(_General, {key: config[key] for key in general if key in config}, "")
        if not from_file:
            import_plugins(first.plugins)
        config = {"logger": {}, **config}  # logger=none leaves no section
        known = [one.name for one in fields(cls) if one.name != "from_file"]
        if unknown := [key for key in config if key not in known]:
            raise UserError(f"{unknown[0]} is not a setting of this project.")
        if missing := [key for key in known if key not in config and key not in general]:
            raise UserError(f"{missing[0]} has no settings: the config lacks that section.")
        made = cls(
            **{key: getattr(first, key) for key in general},
            **{key: validated(kind, config[key], key) for key, kind in _SECTIONS.items()},
            **{key: build(base, config[key], from_file) for key, base in _OPTIONS.items()},
            trainer=TrainerSettings.of(config["trainer"]),
            callbacks=_entries("callbacks", config["callbacks"], from_file),
            logger=_entries("logger", config["logger"], from_file),
            from_file=from_file,
        )
        for key in _OPTIONS:
            getattr(made, key).check_with(made)
        if made.joints_weight and made.datamodule.crop == "none":
            raise UserError(
                f"joints_weight={made.joints_weight:g} asks for the joints of hands, which are known where hands are "
                "found: add datamodule.crop=hand."
            )
        if check_files:
            made.model.check_files()
        return made

    def check_training(self) -> None:
        """Accept these settings for training, before anything heavy is loaded; scoring and looking ask for less.

        Raises:
            UserError: a source is for measuring only, and not held out as a whole.
        """
        for name in self.datamodule.sources:
            if source_named(name).for_measuring_only and name not in self.split.holdout:
                refuse_training_on(name)

    def plain(self) -> dict[str, Any]:
        """The settings as plain values that `of` makes them from again; they travel in every checkpoint."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "from_file"}
        return {key: plain_value(value) for key, value in values.items()} | {"trainer": self.trainer.plain()}


# What a config out of somebody's run folder may name beside the user's plugins.
_CALLBACKS_AND_LOGGERS = ("src.learning.", "pytorch_lightning.callbacks.", "pytorch_lightning.loggers.")


def _entries(section: str, values: Mapping[str, Any] | None, from_file: bool) -> dict[str, dict[str, Any]]:
    entries = {}
    for name, entry in (values or {}).items():
        if entry is None:  # callbacks.dashboard=null leaves it out
            continue
        if not isinstance(entry, Mapping) or "_target_" not in entry:
            raise UserError(
                f"{section}.{name} needs a _target_: the class that is to be made, with its arguments beside."
            )
        if from_file and not str(entry["_target_"]).startswith(_CALLBACKS_AND_LOGGERS):
            refuse_stranger(f"{section}.{name}", str(entry["_target_"]))
        entries[str(name)] = dict(entry)
    return entries


def compose(overrides: Sequence[str] = (), check_files: bool = True) -> RunSettings:
    """The settings of these overrides, as the command line would compose them.

    Raises:
        UserError: an override is not understood.
    """
    return RunSettings.of(compose_config(overrides), check_files=check_files)


def image_settings(overrides: Sequence[str]) -> DatamoduleSettings:
    """Which images these overrides ask for; unless they name sources, all public sets that lie under the root.

    Raises:
        UserError: an override is not understood, or there are none.
    """
    images = compose(overrides).datamodule
    if any(override.startswith("datamodule.sources=") for override in overrides):
        return images
    return replace(images, sources=tuple(present_sources(Path(images.root))))


def recorded_settings(run: Path) -> RunSettings:
    """The settings that a run was started with; what it started from may have gone since.

    Raises:
        UserError: the folder is not a run's, or asks for classes that are not known here.
    """
    return RunSettings.of(recorded_config(run), from_file=True, check_files=False)


EVALUATION_SECTIONS = ("datamodule", "split", "trainer")
# What choosing another option of a section takes over from it; the rest belongs to the trained network or its run.
_HARDWARE = ("accelerator", "devices", "strategy")


def evaluation_settings(run: Path, overrides: Sequence[str]) -> RunSettings:
    """A run's own settings with other images, another split or other hardware.

    Raises:
        UserError: an override would change the network that was trained, or is not understood.
    """
    config = recorded_config(run)
    RunSettings.of(config, from_file=True, check_files=False)
    options = [override for override in overrides if override.partition("=")[0] in ("split", "trainer")]
    if options:
        composed = compose_config([*options, f"seed={config['seed']}"])
        for section in {option.partition("=")[0] for option in options}:
            taken = composed[section]
            config[section] = taken if section == "split" else config[section] | {key: taken[key] for key in _HARDWARE}
        if any(option.startswith("split=") for option in options):
            build(SplitProtocol, config["split"])  # type: ignore[type-abstract]  # the user's own choice: its class is imported here
    updated = OmegaConf.create(config)
    for key, value in parsed_overrides([override for override in overrides if override not in options]).items():
        if key.partition(".")[0] not in EVALUATION_SECTIONS or key in EVALUATION_SECTIONS or key == _SIZE:
            raise UserError(
                f"{key} belongs to the trained network and cannot change when it is scored: "
                f"only {', '.join(EVALUATION_SECTIONS)} can."
            )
        OmegaConf.update(updated, key, value, merge=False)
        if key == "datamodule.sources" and "folder" not in value:
            updated.datamodule.folder = None
    plain_values: Any = OmegaConf.to_container(updated)
    return RunSettings.of(plain_values, from_file=True, check_files=False)


_SIZE = "datamodule.image_size_px"
