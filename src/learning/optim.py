"""Optimizers and learning-rate schedules over stages: every parameter in a group from step 0, a real rate per group."""

import math
from collections.abc import Callable

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from torch import nn

from src.nets.stages import StagedNetwork

_ONE_CYCLE_RISE = 0.3  # share of the run spent on the way up, as in Smith (2018), arXiv:1708.07120
_ONE_CYCLE_START = 1 / 25


def stage_learning_rates(network: StagedNetwork, cfg: DictConfig) -> dict[str, float]:
    """Stage → its first learning rate: `lr` at the head, times `layer_decay` for every stage below it."""
    below_head = len(network.stage_names) - 1
    return {stage: cfg.lr * cfg.layer_decay ** (below_head - place) for place, stage in enumerate(network.stage_names)}


def parameter_groups(network: StagedNetwork, cfg: DictConfig) -> list[dict[str, object]]:
    """One group a stage (and one for its 1-d parameters, which never decay), frozen stages included.

    Groups hold all parameters from the first step, so that thawing changes no group's shape: a scheduler and a saved
    optimizer state always fit. A frozen parameter has no gradient, and optimizers skip what has none.
    """
    groups: list[dict[str, object]] = []
    for stage, rate in stage_learning_rates(network, cfg).items():
        parameters = network.parameters_of(stage)
        for name, members, decay in (
            (stage, [p for p in parameters if p.ndim > 1], cfg.weight_decay),
            (f"{stage} (1-d)", [p for p in parameters if p.ndim <= 1], 0.0),
        ):
            if members:
                groups.append({"params": members, "lr": rate, "weight_decay": decay, "name": name, "stage": stage})
    grouped = [id(p) for group in groups for p in group["params"]]
    if sorted(grouped) != sorted(id(p) for p in network.parameters()):
        raise ValueError("every parameter must land in exactly one optimizer group")
    return groups


def build_optimizer(network: StagedNetwork, cfg: DictConfig, fused: bool = False) -> torch.optim.Optimizer:
    """The optimizer that the `optimizer` section names, over `parameter_groups`.

    Args:
        fused: one pass over each tensor in place of a dozen. Lightning then refuses to clip gradients.
    """
    groups = parameter_groups(network, cfg)
    match cfg.name:
        case "adamw":
            return torch.optim.AdamW(groups, lr=cfg.lr, fused=fused)
        case "adam":
            return torch.optim.Adam(groups, lr=cfg.lr, fused=fused)
        case "sgd":
            return torch.optim.SGD(groups, lr=cfg.lr, momentum=cfg.momentum, fused=fused)
    raise ValueError(f"unknown optimizer {cfg.name}")


def schedule_factor(cfg: DictConfig, steps_per_epoch: int, epochs: int) -> Callable[[int], float]:
    """The learning rate at an optimizer step, as a factor of the first: a pure function, so a resumed run cannot drift.

    With `interval: epoch` the factor stands still within an epoch.
    """
    total = max(1, steps_per_epoch * epochs)
    warmup = cfg.warmup_epochs * steps_per_epoch
    # Looked up once: the factor is asked for at every step, for every group, and a config is slow to read.
    name, by_epoch, final = cfg.name, cfg.interval == "epoch", cfg.final_fraction
    gamma, step_epochs = cfg.gamma, cfg.step_epochs

    def cosine(progress: float, first: float, last: float) -> float:
        return last + (first - last) * (1 + math.cos(math.pi * min(1.0, max(0.0, progress)))) / 2

    def factor(step: int) -> float:
        if by_epoch:
            step = step // steps_per_epoch * steps_per_epoch
        if step < warmup:
            return (step + 1) / (warmup + 1)
        match name:
            case "cosine":
                return cosine((step - warmup) / max(1.0, total - warmup), 1.0, final)
            case "one_cycle":
                rise = _ONE_CYCLE_RISE * total
                if step < rise:
                    return cosine(step / rise, _ONE_CYCLE_START, 1.0)
                return cosine((step - rise) / max(1.0, total - rise), 1.0, final)
            case "step":
                return gamma ** (step // steps_per_epoch // step_epochs)
        return 1.0

    return factor


def build_scheduler(
    optimizer: torch.optim.Optimizer, cfg: DictConfig, steps_per_epoch: int, epochs: int
) -> dict[str, object]:
    """Lightning's scheduler entry for the `scheduler` section."""
    if cfg.name == "plateau":
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            mode="min" if cfg.monitor == "val/loss" else "max",
            factor=cfg.gamma,
            patience=cfg.patience_epochs,
        )
        return {"scheduler": scheduler, "interval": "epoch", "monitor": cfg.monitor}  # stepped by PlateauSteps
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule_factor(cfg, steps_per_epoch, epochs))
    # Always asked for at each step: `schedule_factor` itself holds still within an epoch where the config says so.
    return {"scheduler": scheduler, "interval": "step"}


class PlateauSteps(pl.Callback):
    """Steps ReduceLROnPlateau when validation ends, before the checkpoint is written.

    Lightning would step it afterwards, and a resumed run would have forgotten the last validation.
    """

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for config in trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                config.scheduler.step(trainer.callback_metrics[self.monitor])


def parameter_count(module_or_parameters: nn.Module | list[nn.Parameter]) -> int:
    """Number of scalar weights."""
    parameters = (
        module_or_parameters.parameters() if isinstance(module_or_parameters, nn.Module) else module_or_parameters
    )
    return sum(parameter.numel() for parameter in parameters)
