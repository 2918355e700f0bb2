"""What a run writes down when it is done: its record, and the tables beside it."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytorch_lightning as pl

from src import hardware
from src.data.datamodule import SignDataModule
from src.evaluation.calibration import FittedCalibration
from src.evaluation.measurement import Scored, measured, write_tables
from src.evaluation.metrics import measure
from src.evaluation.predictions import Predictions
from src.learning.classifier import SignClassifier
from src.learning.epochs import Stopwatch
from src.learning.feature_cache import FeatureCache
from src.learning.freeze_callback import Freezing
from src.learning.overview import stage_rows
from src.learning.trainer import number_format
from src.runs.folder import FINDINGS, METRICS, STAGES
from src.runs.record import RunRecord
from src.runs.tables import StageRow, write_rows
from src.sources.records import Finding


@dataclass(frozen=True)
class Finished:
    """A run whose best network has been scored.

    Attributes:
        module, data: the network in training and its images.
        weights: a word on where its first weights came from.
        val, test: what it said of the validation and the test images.
        calibration: fitted on the former.
        best_epoch: from 1.
        commit: of the code that ran.
    """

    module: SignClassifier
    data: SignDataModule
    weights: str
    val: Predictions
    test: Predictions
    calibration: FittedCalibration
    best_epoch: int
    commit: str

    def scored(self) -> Scored:
        """The test set with what the network said of it."""
        return Scored.of(self.test, self.data.manifest, self.data.groups, self.data.split.name)


def record_of(finished: Finished, trainer: pl.Trainer, freezing: Freezing, stopwatch: Stopwatch) -> RunRecord:
    """All that metrics.json says of a run."""
    module, data, split = finished.module, finished.data, finished.data.split
    settings, network = module.settings, module.network
    epochs = trainer.current_epoch
    trained = [
        s for s in network.stage_names if s in module.freeze_schedule.trained_within(settings.trainer.max_epochs)
    ]
    sizes = {stage: sum(p.numel() for p in network.parameters_of(stage)) for stage in network.stage_names}
    caches = [
        callback
        for callback in getattr(trainer, "callbacks", ())
        if isinstance(callback, FeatureCache) and callback.is_used
    ]
    shows_views = bool(data.draws.viewed) and not data.augmentation.is_identity
    return RunRecord(
        **measured(finished.scored(), finished.calibration.parameters),
        val=measure(finished.val),
        split=split.name,
        holdout=split.holdout,
        validation=split.validation,
        validation_rule=split.validation_rule,
        split_notes=" ".join(split.notes),
        leaked_test_percent=round(100 * split.leaked_share, 2),
        sources=settings.datamodule.sources,
        train_images=len(split.train),
        val_images=len(finished.val.labels),
        test_images=len(finished.test.labels),
        left_out_images=sum(not finding.kept for finding in data.findings),
        model=settings.model.title,
        weights=finished.weights,
        freeze=settings.freeze.slug,
        stages_trained=len(trained),
        stages_trained_names=tuple(trained),
        parameters=sum(sizes.values()),
        parameters_trained=sum(sizes[stage] for stage in trained),
        frozen_unchanged=freezing.before == freezing.after,
        augmentation=settings.augmentation.name,
        image_size_px=settings.datamodule.image_size_px,
        batch_size=settings.datamodule.batch_size,
        seed=settings.seed,
        split_seed=settings.split.seed,
        precision=number_format(settings.trainer),
        seconds=round(stopwatch.elapsed_seconds, 2),
        train_seconds=round(stopwatch.train_seconds, 2),
        images_per_second=round(stopwatch.images / stopwatch.train_seconds, 1) if stopwatch.train_seconds else 0.0,
        machine=hardware.machine(),
        best_epoch=finished.best_epoch,
        epochs=epochs,
        commit=finished.commit,
        cache=settings.cache.mode if caches else "off",
        cache_views=(settings.cache.views or 0) if shows_views else 0,
        cache_fill_seconds=round(sum(cache.fill_seconds for cache in caches), 2),
        cache_saved_seconds=round(sum(cache.saved_seconds(epochs) for cache in caches), 2),
    )


def write_run(run_dir: Path, finished: Finished, freezing: Freezing, record: RunRecord) -> None:
    """The tables of a finished run, then its record: a folder with metrics.json is a finished run."""
    finished.calibration.write(run_dir)
    write_tables(run_dir, finished.scored(), finished.calibration.parameters)
    rows = stage_rows(finished.module, finished.module.settings.trainer.max_epochs)
    before, after = freezing.before, freezing.after
    proved = [
        replace(row, sha256_before=before.get(row.stage, ""), sha256_after=after.get(row.stage, "")) for row in rows
    ]
    write_rows(run_dir / STAGES, StageRow, proved)
    write_rows(run_dir / FINDINGS, Finding, finished.data.findings)
    record.write(run_dir / METRICS)
