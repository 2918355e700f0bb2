"""`train(cfg, run_dir) -> Result`: one run from config to figures."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.strategies import DDPStrategy

from src import hardware
from src.data.augment import Draws
from src.data.datamodule import SignDataModule
from src.data.split import PARTS, Split
from src.errors import UserError
from src.evaluation.calibration import FittedCalibration, fit_calibration
from src.evaluation.measurement import Measured, Scored, measured, write_tables
from src.evaluation.metrics import measure
from src.learning.checkpoints import RunCheckpoint, StopsForGood
from src.learning.classifier import SignClassifier
from src.learning.dashboard import Dashboard
from src.learning.epochs import EpochLines, Stopwatch, progress_bar
from src.learning.feature_cache import CachedPrefix, FollowsEpochs, PrefixPlan
from src.learning.freeze_callback import FreezeSchedule
from src.learning.freezing import FreezePolicy
from src.learning.optim import PlateauSteps, parameter_count, stage_learning_rates
from src.learning.trainer import build_trainer, number_format, predict, quiet_lightning, scoring_trainer
from src.nets.build import BuiltNetwork, build_network
from src.reports import tables
from src.reports.album import write_run_page
from src.runs import folder as run_folder
from src.runs.record import RunRecord
from src.runs.tables import StageRow, write_rows, write_split
from src.sources.records import Finding


@dataclass(frozen=True)
class Result:
    """What a run measured.

    Attributes:
        record: what is in metrics.json.
        run_dir: the run's folder.
    """

    record: RunRecord
    run_dir: Path


def train(cfg: DictConfig, run_dir: Path, resume: bool = False, swept: Sequence[DictConfig] = ()) -> Result:
    """Train, test and record one run.

    Args:
        cfg: a validated config.
        run_dir: where everything that the run leaves is written.
        resume: continue from `run_dir/checkpoints/last.ckpt`.
        swept: the `freeze` sections of the sweep that this run belongs to; one pass through frozen stages serves all.

    Raises:
        UserError: data, weights or settings do not fit together.
    """
    started = time.perf_counter()
    commit = run_folder.commit()  # of the code that runs, not of what the checkout has become by the end
    if not resume and ((run_dir / run_folder.METRICS).exists() or (run_dir / run_folder.CHECKPOINTS).exists()):
        raise UserError(f"{run_dir} holds a run already: choose another hydra.run.dir, or resume={run_dir}.")
    quiet_lightning()
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_num_threads(hardware.cores())
    hardware.keep_freed_memory()
    precision = number_format(cfg)
    plain = OmegaConf.to_container(cfg, resolve=True)

    built = build_network(cfg.model, cfg.datamodule.image_size_px, cfg.seed)
    network = built.network
    policy = FreezePolicy(cfg.freeze, network.stage_names)
    _refuse_frozen_noise(cfg, policy)
    if cfg.trainer.channels_last:
        network.to(memory_format=torch.channels_last)

    data = SignDataModule(cfg)
    data.prepare()
    if not len(data.split.train):
        raise UserError(f"split={data.split.name} leaves nothing to train on: it is for python -m src.evaluate.")
    plan = PrefixPlan.of(policy, cfg.trainer.max_epochs)
    if cfg.cache.views is not None:
        data.draws = Draws(cfg.seed, cfg.cache.views, cfg.cache.seed, plan.cut_epochs)
    classifier = SignClassifier(network, plain)
    freeze = FreezeSchedule(network, policy)
    stopwatch = Stopwatch(started)
    dashboard = Dashboard(policy)
    best = RunCheckpoint(
        dirpath=run_dir / run_folder.CHECKPOINTS,
        filename="best",
        monitor=cfg.trainer.monitor,
        mode="min" if cfg.trainer.monitor == "val/loss" else "max",
        enable_version_counter=False,
    )
    # Not `save_last=True`: Lightning 2.6 writes that only when the best changes, and a resumed run would lose epochs.
    # After `best`, so that what it saves knows the newest best.
    latest = RunCheckpoint(dirpath=run_dir / run_folder.CHECKPOINTS, filename="last", enable_version_counter=False)
    callbacks: list[pl.Callback] = [freeze, stopwatch, dashboard, PlateauSteps(cfg.scheduler.monitor), best, latest]
    if cfg.trainer.early_stopping_epochs is not None:
        callbacks.insert(
            0, StopsForGood(cfg.trainer.monitor, patience=cfg.trainer.early_stopping_epochs, mode=best.mode)
        )
    bar = progress_bar() if cfg.trainer.progress else None
    callbacks += [bar] if bar else [EpochLines()] if cfg.trainer.progress else []
    trainer = build_trainer(
        default_root_dir=run_dir,
        max_epochs=cfg.trainer.max_epochs,
        accelerator=cfg.trainer.accelerator,
        devices=cfg.trainer.devices,
        strategy=_strategy(cfg, policy),
        precision=precision,
        logger=TensorBoardLogger(run_dir, name=None, version="", default_hp_metric=False),
        callbacks=callbacks,
        enable_progress_bar=bar is not None,
        enable_model_summary=False,  # the table of stages says more
        deterministic="warn" if cfg.trainer.deterministic else False,
        gradient_clip_val=cfg.trainer.gradient_clip,
        limit_train_batches=cfg.trainer.limit_batches,
        limit_val_batches=cfg.trainer.limit_batches,
        limit_predict_batches=cfg.trainer.limit_batches,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        use_distributed_sampler=False,  # our sampler shares out the images itself
    )
    if trainer.is_global_zero:
        write_split(run_dir, ((data.manifest[i].name, part) for part in PARTS for i in data.split.part(part)))
        tables.print_data(data.manifest, data.split, len([f for f in data.findings if not f.kept]))
        tables.print_stages(_stage_rows(built, policy, cfg))
    prefix: CachedPrefix | None = None
    if cfg.cache.mode == "prefix" and plan.cut_epochs:
        prefix = CachedPrefix(cfg, network, plan, data, precision, trainer.world_size)
        prefix.prepare(trainer, swept)
        data.inputs, data.reads_images = prefix.inputs, len(plan.cut_epochs) < cfg.trainer.max_epochs
        trainer.callbacks.insert(0, FollowsEpochs(prefix))
    last = run_dir / run_folder.LAST
    try:
        trainer.fit(classifier, data, ckpt_path=last if resume else None, weights_only=True)
    except SystemExit:  # Lightning turns Ctrl-C into a plain exit and leaves the signal ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt(run_dir) from None
    freeze.check_all()

    checkpoint = torch.load(best.best_model_path or last, map_location="cpu", weights_only=True)
    classifier.load_state_dict(checkpoint["state_dict"])
    scorer = scoring_trainer(cfg, precision)
    val = predict(scorer, classifier, data.val_dataloader(), data.manifest.labels)
    test = predict(scorer, classifier, data.test_dataloader(), data.manifest.labels)
    calibration = fit_calibration(val)
    scored = Scored.of(test, data.manifest, data.groups, data.split.name)
    figures, val_figures = measured(scored, calibration.parameters), measure(val)
    record = _record(
        cfg,
        figures,
        data,
        built,
        [stage for stage in network.stage_names if stage in policy.trained_within(cfg.trainer.max_epochs)],
        val=val_figures,
        val_images=len(val.labels),
        test_images=len(test.labels),
        frozen_unchanged=freeze.before == freeze.after,
        precision=precision,
        seconds=round(stopwatch.elapsed_seconds, 2),
        train_seconds=round(stopwatch.train_seconds, 2),
        images_per_second=round(stopwatch.images / stopwatch.train_seconds, 1) if stopwatch.train_seconds else 0.0,
        best_epoch=int(checkpoint["epoch"]) + 1,
        epochs=trainer.current_epoch,
        commit=commit,
        cache=cfg.cache.mode if prefix else "off",
        cache_views=(cfg.cache.views or 0) if plan.cut_epochs and not data.augmentation.is_identity else 0,
        cache_fill_seconds=round(prefix.fill_seconds, 2) if prefix else 0.0,
        cache_saved_seconds=round(prefix.saved_seconds(trainer.current_epoch), 2) if prefix else 0.0,
    )
    if trainer.is_global_zero:
        hashed = [
            replace(
                row,
                sha256_before=freeze.before.get(row.stage, ""),
                sha256_after=freeze.after.get(row.stage, ""),
            )
            for row in _stage_rows(built, policy, cfg)
        ]
        _write(run_dir, data, scored, hashed, calibration, record)
        dashboard.summarise(trainer, data, test, record.flat())
        write_run_page(run_dir, cfg, data)
        tables.print_result(record.flat(), run_dir)
    return Result(record, run_dir)


def _refuse_frozen_noise(cfg: DictConfig, policy: FreezePolicy) -> None:
    if cfg.model.weights is None and policy.freezes_anything() and not cfg.freeze.allow_untrained:
        raise UserError(
            f"freeze={cfg.freeze.policy} would freeze stages of a network without trained weights: give model.weights, "
            "use freeze=none, or say freeze.allow_untrained=true if random features are what you want."
        )


def _strategy(cfg: DictConfig, policy: FreezePolicy) -> Any:
    devices = cfg.trainer.devices
    if cfg.trainer.strategy != "ddp" and devices == 1:
        return "auto"
    # A stage that thaws later has no gradient before; distributed training must be told to expect that.
    moves = any(policy.trained(e) != policy.trained(0) for e in range(cfg.trainer.max_epochs))
    return DDPStrategy(find_unused_parameters=moves)


def _stage_rows(built: BuiltNetwork, policy: FreezePolicy, cfg: DictConfig) -> list[StageRow]:
    network = built.network
    rates = stage_learning_rates(network, cfg.optimizer)
    rows = []
    for stage in network.stage_names:
        epochs = [epoch for epoch in range(cfg.trainer.max_epochs) if stage in policy.trained(epoch)]
        norms = sum(
            isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for o in network.modules_of(stage) for m in o.modules()
        )
        rows.append(
            StageRow(
                stage=stage,
                parameters=parameter_count(network.parameters_of(stage)),
                trained_from_epoch=epochs[0] + 1 if epochs else None,
                batch_norms=norms,
                learning_rate=rates[stage] if epochs else 0.0,
            )
        )
    return rows


def _record(
    cfg: DictConfig,
    figures: Measured,
    data: SignDataModule,
    built: BuiltNetwork,
    trained: list[str],
    **further: Any,
) -> RunRecord:
    """What the run measured and what it was; `trained` are the stages that were, from input to head."""
    split: Split = data.split
    return RunRecord(
        **figures,
        split=split.name,
        holdout=tuple(split.holdout),
        validation=tuple(split.validation),
        validation_rule=split.validation_rule,
        split_notes=" ".join(split.notes),
        leaked_test_percent=round(100 * split.leaked_share, 2),
        sources=tuple(cfg.datamodule.sources),
        train_images=len(split.train),
        left_out_images=sum(not finding.kept for finding in data.findings),
        model=cfg.model.get("name", cfg.model.family),
        weights=built.weights,
        freeze=cfg.freeze.policy,
        stages_trained=len(trained),
        stages_trained_names=tuple(trained),
        parameters=parameter_count(built.network),
        parameters_trained=sum(parameter_count(built.network.parameters_of(stage)) for stage in trained),
        augmentation=cfg.augmentation.name,
        image_size_px=cfg.datamodule.image_size_px,
        batch_size=cfg.datamodule.batch_size,
        seed=cfg.seed,
        split_seed=cfg.split.seed,
        machine=hardware.machine(),
        **further,
    )


def _write(
    run_dir: Path,
    data: SignDataModule,
    scored: Scored,
    stages: list[StageRow],
    calibration: FittedCalibration,
    record: RunRecord,
) -> None:
    calibration.write(run_dir)
    write_tables(run_dir, scored, calibration.parameters)
    write_rows(run_dir / run_folder.STAGES, StageRow, stages)
    write_rows(run_dir / run_folder.FINDINGS, Finding, data.findings)
    # Last, since a folder with metrics.json is a finished run.
    record.write(run_dir / run_folder.METRICS)
