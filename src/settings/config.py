"""The schema of every setting: its type, unit and what it may be. A mistake stops here, before torch is imported.

`conf/` holds the values; this file says which values make sense. `validated` merges a composed Hydra config into
these dataclasses and checks what types alone cannot say.
"""

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.errors import UserError
from src.signs.labels import DIGITS, LETTERS, SIGNS, sign_index
from src.sources import catalog


@dataclass
class RenderedConfig:
    images: int = MISSING
    signers: int = MISSING
    seed: int = MISSING  # another seed is another set of people and pictures


@dataclass
class DatamoduleConfig:
    sources: list[str] = MISSING  # rendered, or names of src/sources/catalog.py
    rendered: RenderedConfig = field(default_factory=RenderedConfig)
    root: str = MISSING  # folder that holds one folder a source
    folder: str | None = None  # where the source called `folder` lies
    signs: Any = "all"  # all | digits | letters | a list of signs
    image_size_px: int = MISSING
    fit: str = MISSING  # pad | stretch | crop: how a picture becomes a square
    irregular: str = MISSING  # convert | drop: CMYK, 16-bit, rotated … files that a conversion can save
    max_megapixels: float = MISSING  # a larger picture is refused unread
    npy_label_order: list[int] | None = None  # digits that the columns of an unknown Y.npy stand for
    cache_dir: str = MISSING
    batch_size: int = MISSING
    workers: int | None = None  # loader processes; null: chosen for the cores there are


@dataclass
class AugmentationConfig:
    name: str = MISSING
    transforms: list[Any] = field(default_factory=list)  # [{Albumentations class: its arguments}, …] in order


@dataclass
class SplitConfig:
    name: str = MISSING  # strictest | signer | source | group | random | everything
    holdout: list[str] = field(default_factory=list)  # the test set's signers or sources, by name
    validation: list[str] = field(default_factory=list)  # the validation set's, where they are to be named
    test_fraction: float = MISSING
    validation_fraction: float = MISSING
    seed: int = MISSING


@dataclass
class CnnConfig:
    family: str = "cnn"
    weights: str | None = None
    filters: list[int] = MISSING
    dense_units: int = MISSING
    batch_norm: bool = MISSING
    dropout: float = MISSING  # before the head
    lr: float = MISSING
    layer_decay: float = MISSING


@dataclass
class TimmConfig:
    family: str = MISSING  # mobilenetv2 | timm
    name: str = MISSING  # timm's name of the backbone
    weights: str | None = None  # hands | imagenet | a .safetensors or .ckpt file | null
    dropout: float = MISSING
    lr: float = MISSING
    layer_decay: float = MISSING


@dataclass
class FreezeConfig:
    policy: str = MISSING  # none | all | top_k | mask | gradual | lp_ft
    k: int | None = None  # top_k: stages trained below the head; gradual: stages thawed at most (null: all)
    train: list[str] = field(default_factory=list)  # mask: stages trained beside the head
    epochs_per_stage: int = 1  # gradual: epochs between one thaw and the next
    head_epochs: int = 1  # lp_ft: epochs of the head alone
    allow_untrained: bool = False


@dataclass
class CacheConfig:
    mode: str = MISSING  # prefix | off: whether what leaves the frozen stages is computed once and kept
    views: int | None = None  # augmented views an image has while a prefix is frozen; null: a fresh draw every epoch
    seed: int = MISSING  # of the views, which runs of other seeds share
    budget_gb: float = MISSING  # of disk for kept activations; the longest unused go first


@dataclass
class OptimizerConfig:
    name: str = MISSING  # adamw | adam | sgd
    lr: float = MISSING  # of the head
    weight_decay: float = MISSING  # never on 1-d parameters
    momentum: float = 0.9  # sgd
    layer_decay: float = MISSING  # each stage below learns this much slower than the one above it


@dataclass
class SchedulerConfig:
    name: str = MISSING  # constant | cosine | one_cycle | step | plateau
    interval: str = "epoch"  # step | epoch: how often the learning rate moves
    warmup_epochs: float = 0.0
    final_fraction: float = 0.01  # cosine, one_cycle: last learning rate / first
    step_epochs: int = 10  # step
    gamma: float = 0.1  # step, plateau
    patience_epochs: int = 3  # plateau
    monitor: str = "val/loss"  # plateau


@dataclass
class TrainerConfig:
    max_epochs: int = MISSING
    accelerator: str = MISSING
    devices: Any = "auto"
    strategy: str = "auto"
    precision: str = "auto"  # auto: bf16-mixed where the processor has it, else 32-true
    channels_last: bool = True
    deterministic: bool = True
    gradient_clip: float | None = None
    early_stopping_epochs: int | None = None  # epochs without a better `monitor` before stopping; null: never
    monitor: str = "val/accuracy"
    progress: bool = True
    limit_batches: int | None = None  # of each loader, for a smoke run


@dataclass
class Config:
    """What `python -m src.train` runs from."""

    seed: int = MISSING
    label_smoothing: float = MISSING
    datamodule: DatamoduleConfig = field(default_factory=DatamoduleConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    model: Any = MISSING
    freeze: FreezeConfig = field(default_factory=FreezeConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)


CHOICES: dict[str, tuple[str, ...]] = {
    "datamodule.fit": ("pad", "stretch", "crop"),
    "datamodule.irregular": ("convert", "drop"),
    "split.name": ("strictest", "signer", "source", "group", "random", "everything"),
    "model.family": ("cnn", "mobilenetv2", "timm"),
    "freeze.policy": ("none", "all", "top_k", "mask", "gradual", "lp_ft"),
    "cache.mode": ("prefix", "off"),
    "optimizer.name": ("adamw", "adam", "sgd"),
    "scheduler.name": ("constant", "cosine", "one_cycle", "step", "plateau"),
    "scheduler.interval": ("step", "epoch"),
    "trainer.accelerator": ("auto", "cpu", "gpu"),
    "trainer.strategy": ("auto", "ddp"),
    "trainer.precision": ("auto", "32-true", "bf16-mixed", "16-mixed", "64-true"),
    "trainer.monitor": ("val/accuracy", "val/f1_macro", "val/loss"),
    "scheduler.monitor": ("val/accuracy", "val/f1_macro", "val/loss"),
}

# (setting, smallest, largest); None is no bound. Bounds belong to the range.
RANGES: tuple[tuple[str, float | None, float | None], ...] = (
    ("seed", 0, 2**31 - 1),
    ("label_smoothing", 0, 0.9),
    ("datamodule.rendered.images", 36, 10_000_000),
    ("datamodule.rendered.signers", 1, 100_000),
    ("datamodule.rendered.seed", 0, 2**31 - 1),
    ("datamodule.image_size_px", 32, 1024),
    ("datamodule.batch_size", 1, 4096),
    ("datamodule.workers", 0, 256),
    ("datamodule.max_megapixels", 0.01, 1000),
    ("split.test_fraction", 0.01, 0.9),
    ("split.validation_fraction", 0.01, 0.9),
    ("split.seed", 0, 2**31 - 1),
    ("model.dropout", 0, 0.95),
    ("model.dense_units", 1, 65536),
    ("freeze.k", 0, None),
    ("freeze.epochs_per_stage", 1, None),
    ("freeze.head_epochs", 1, None),
    ("cache.views", 1, 1000),
    ("cache.seed", 0, 2**31 - 1),
    ("cache.budget_gb", 0, 1e6),
    ("optimizer.lr", 1e-12, 100),
    ("optimizer.weight_decay", 0, 10),
    ("optimizer.momentum", 0, 0.9999),
    ("optimizer.layer_decay", 0.01, 1),
    ("scheduler.warmup_epochs", 0, None),
    ("scheduler.final_fraction", 0, 1),
    ("scheduler.step_epochs", 1, None),
    ("scheduler.gamma", 0.0001, 1),
    ("scheduler.patience_epochs", 0, None),
    ("trainer.max_epochs", 1, None),
    ("trainer.gradient_clip", 0, None),
    ("trainer.early_stopping_epochs", 1, None),
    ("trainer.limit_batches", 1, None),
)


def closest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """` (did you mean 'x'?)` where a known word is near, else an empty string."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _merged(schema: type, values: DictConfig, where: str) -> DictConfig:
    try:
        return OmegaConf.merge(OmegaConf.structured(schema), values)
    except OmegaConfBaseException as error:
        key = ".".join(part for part in (where, error.full_key) if part)
        text = str(error.msg or error).splitlines()[0]
        if "not in" in text:
            known = [str(name) for name in OmegaConf.structured(schema)]
            name = key.rsplit(".", 1)[-1]
            raise UserError(f"{key} is not a setting of this project{closest(name, known)}.") from None
        if "is not a ListConfig" in text:
            raise UserError(f"{key} is a list: write {key}=[…], with commas between several.") from None
        raise UserError(f"{key}: {text[0].lower()}{text[1:].rstrip('.')}.") from None


def validated(cfg: DictConfig, check_files: bool = True) -> DictConfig:
    """The composed config with every key known, typed, filled in and in range.

    Args:
        cfg: a composed config, resolved.
        check_files: whether files that settings name must exist.

    Raises:
        UserError: the first setting that is unknown, of the wrong type, missing, out of range or not a choice.
    """
    cfg = _merged(Config, cfg, "")
    family = OmegaConf.select(cfg, "model.family")
    _check_choice("model.family", family)
    cfg.model = _merged(CnnConfig if family == "cnn" else TimmConfig, cfg.model, "model")
    missing = sorted(OmegaConf.missing_keys(cfg))
    if missing:
        raise UserError(f"{missing[0]} has no value: give one with {missing[0]}=….")
    for key in CHOICES:
        _check_choice(key, OmegaConf.select(cfg, key))
    for key, low, high in RANGES:
        value = OmegaConf.select(cfg, key)
        if value is None:
            continue
        if not ((low is None or value >= low) and (high is None or value <= high)):  # so that NaN is out of range
            bounds = f"at least {low}" if high is None else f"between {low} and {high}"
            raise UserError(f"{key}={value} is out of range: it must be {bounds}.")
    _check_datamodule(cfg.datamodule)
    _check_split(cfg)
    _check_freeze(cfg)
    if cfg.cache.mode == "prefix" and cfg.cache.views is None:
        raise UserError("cache=prefix needs cache.views=<augmented views an image>; cache=off draws anew every epoch.")
    _check_model(cfg.model, check_files)
    _check_trainer(cfg)
    return cfg


def _check_choice(key: str, value: object) -> None:
    if value not in CHOICES[key]:
        raise UserError(
            f"{key}={value} is not an option{closest(str(value), CHOICES[key])}: choose from {', '.join(CHOICES[key])}."
        )


def _check_datamodule(cfg: DictConfig) -> None:
    if not cfg.sources:
        raise UserError(
            "datamodule.sources is empty: name at least one source, such as datamodule.sources=[asl_dataset]."
        )
    for source in cfg.sources:
        catalog.check_source(source)
    if len(set(cfg.sources)) != len(cfg.sources):
        raise UserError(f"datamodule.sources={list(cfg.sources)} names a source twice: name each once.")
    if "folder" in cfg.sources and not cfg.folder:
        raise UserError(
            "The source 'folder' needs datamodule.folder=<a directory of one folder a class, or with a manifest.csv>."
        )
    if cfg.folder and "folder" not in cfg.sources:
        raise UserError("datamodule.folder is given but not used: add it with datamodule.sources=[folder].")
    signs_of(cfg)


def signs_of(cfg: DictConfig) -> tuple[int, ...]:
    """The class indices that `datamodule.signs` asks for.

    Raises:
        UserError: it names something that is no sign.
    """
    named = {"all": SIGNS, "digits": DIGITS, "letters": LETTERS}
    wanted = cfg.signs
    if isinstance(wanted, str) and wanted in named:
        return tuple(sign_index(sign) for sign in named[wanted])
    if OmegaConf.is_list(wanted) and len(wanted):
        return tuple(sorted({sign_index(str(sign)) for sign in wanted}))
    raise UserError(f"datamodule.signs={wanted} is not understood: use all, digits, letters or a list such as [A,B,3].")


def _check_split(cfg: DictConfig) -> None:
    split = cfg.split
    if split.name in ("group", "random", "everything") and (split.holdout or split.validation):
        raise UserError(
            f"split={split.name} holds out no names: use split=signer or split=source with split.holdout=[…]."
        )
    overlap = set(split.holdout) & set(split.validation)
    if overlap:
        raise UserError(
            f"split.holdout and split.validation both name {sorted(overlap)}: an image can be in one of them only."
        )
    if split.name == "source":
        known = list(cfg.datamodule.sources)
        for name in [*split.holdout, *split.validation]:
            if name not in known:
                raise UserError(
                    f"split.holdout names '{name}', which is not in datamodule.sources={known}{closest(name, known)}."
                )
        if set(known) <= {*split.holdout, *split.validation}:
            raise UserError(
                f"split.holdout={list(split.holdout)} leaves no source to train on: {known} are all there are."
            )
        if not split.holdout:
            raise UserError(f"split=source needs split.holdout=[…] with one or more of {known}.")
    if split.test_fraction + split.validation_fraction >= 1:
        raise UserError(
            "split.test_fraction and split.validation_fraction leave nothing to train on: their sum must stay below 1."
        )


def _check_freeze(cfg: DictConfig) -> None:
    freeze = cfg.freeze
    if freeze.policy == "top_k" and freeze.k is None:
        raise UserError("freeze=top_k needs freeze.k=<number of stages trained below the head>.")
    if freeze.policy not in ("top_k", "gradual") and freeze.k is not None:
        raise UserError(f"freeze.k is not used by freeze={freeze.policy}: it belongs to top_k and gradual.")
    if freeze.policy != "mask" and freeze.train:
        raise UserError(f"freeze.train is not used by freeze={freeze.policy}: it belongs to mask.")
    if freeze.policy == "lp_ft" and freeze.head_epochs >= cfg.trainer.max_epochs:
        raise UserError(
            f"freeze.head_epochs={freeze.head_epochs} leaves no epoch for fine-tuning: "
            f"keep it below trainer.max_epochs={cfg.trainer.max_epochs}."
        )


def _check_trainer(cfg: DictConfig) -> None:
    devices = cfg.trainer.devices
    numbers = list(devices) if OmegaConf.is_list(devices) else [devices]
    is_count = isinstance(devices, int) and (devices >= 1 or devices == -1)
    is_list = OmegaConf.is_list(devices) and all(isinstance(n, int) and n >= 0 for n in numbers) and numbers
    if devices != "auto" and not is_count and not is_list:
        raise UserError(f"trainer.devices={devices} is not understood: give a number, a list of numbers, or auto.")
    if cfg.scheduler.name == "plateau" and cfg.scheduler.interval == "step":
        raise UserError("scheduler=plateau looks at validation, which comes once an epoch: scheduler.interval=epoch.")
    if cfg.trainer.precision == "16-mixed" and cfg.trainer.accelerator == "cpu":
        raise UserError("trainer.precision=16-mixed needs a GPU: on the CPU use bf16-mixed or 32-true.")


def _check_model(model: DictConfig, check_files: bool) -> None:
    weights = model.weights
    if model.family == "cnn" and (not model.filters or min(model.filters) < 1):
        raise UserError(f"model.filters={list(model.filters)}: give at least one layer, each with at least one filter.")
    if model.family == "mobilenetv2" and not model.name.startswith("mobilenetv2_"):
        raise UserError(f"model.name={model.name} is no MobileNetV2: use model=timm model.name={model.name}.")
    if weights is None:
        return
    if weights == "hands":
        if model.get("name") != "mobilenetv2_100":
            raise UserError("model.weights=hands fits model=mobilenetv2 alone: use imagenet, null or a file.")
        return
    if weights == "imagenet":
        if model.family == "cnn":
            raise UserError(
                "model.weights=imagenet does not exist for model=cnn: use null or a file that a run of it left."
            )
        return
    file = Path(weights)
    if file.suffix not in (".safetensors", ".ckpt"):
        raise UserError(
            f"model.weights={weights} is not understood: use hands, imagenet, null, or a .safetensors or .ckpt file."
        )
    if check_files and not file.is_file():
        raise UserError(f"model.weights={weights}: there is no such file.")
