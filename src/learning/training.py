"""`train(settings, run_dir) -> Result`: one run from settings to figures."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytorch_lightning as pl
import torch

from src.data.datamodule import SignDataModule
from src.errors import UserError
from src.evaluation.calibration import fit_calibration
from src.learning.checkpoints import RunCheckpoint
from src.learning.classifier import SignClassifier
from src.learning.dashboard import Dashboard
from src.learning.epochs import Stopwatch
from src.learning.feature_plan import FeaturePlan
from src.learning.freeze_callback import Freezing
from src.learning.lightning_objects import build_callbacks, build_loggers, opened
from src.learning.recording import Finished, record_of, write_run
from src.learning.run_data import run_data
from src.learning.run_settings import RunSettings
from src.learning.trainer import fit, predict, run_trainer, scoring_trainer, settle_process
from src.nets.build import build_network
from src.nets.stages import StagedNetwork
from src.runs import folder as run_folder
from src.runs.record import RunRecord

CallbackT = TypeVar("CallbackT", bound=pl.Callback)


@dataclass(frozen=True)
class Result:
    """What a run measured.

    Attributes:
        record: what metrics.json holds.
        run_dir: the run's folder.
        data, network: its images and its best network; pages are made from them without reading either again.
        is_first_process: False in the other processes of distributed training, which leave nothing.
    """

    record: RunRecord
    run_dir: Path
    data: SignDataModule
    network: StagedNetwork
    is_first_process: bool


def train(settings: RunSettings, run_dir: Path, resume: bool = False) -> Result:
    """Train, test and record one run.

    Args:
        settings: checked ones.
        run_dir: where everything that the run leaves is written.
        resume: continue from `run_dir/checkpoints/last.ckpt`.

    Raises:
        UserError: data, weights or settings do not fit together.
    """
    commit = run_folder.commit()  # of the code that runs, not of what the checkout has become by the end
    _refuse_another_run(run_dir, resume)
    settle_process(settings.seed)
    callbacks = list(build_callbacks(settings.callbacks).values())
    loggers = build_loggers(settings.logger, run_dir)
    freezing, best = _one(callbacks, Freezing), _one(callbacks, RunCheckpoint)

    built = build_network(settings.model, settings.datamodule.image_size_px, settings.seed)
    if settings.trainer.channels_last:
        built.network.to(memory_format=torch.channels_last)
    module = SignClassifier(built.network, settings)
    _refuse_frozen_noise(settings, module)
    epochs = settings.trainer.max_epochs
    data = run_data(settings, FeaturePlan.of(module.freeze_schedule, epochs).cut_epochs)
    stages_move = module.freeze_schedule.changes_within(epochs)
    trainer = run_trainer(settings.trainer, run_dir, callbacks, list(loggers.values()), stages_move)
    with opened(loggers, run_dir):
        fit(trainer, module, data, run_dir / run_folder.LAST if resume else None)
        freezing.check_all(module.network)

        checkpoint = torch.load(
            best.best_model_path or run_dir / run_folder.LAST, map_location="cpu", weights_only=True
        )
        module.load_state_dict(checkpoint["state_dict"])
        scorer = scoring_trainer(settings.trainer)
        val = predict(scorer, module, data.val_dataloader(), data.manifest.labels)
        test = predict(scorer, module, data.test_dataloader(), data.manifest.labels)
        calibration = fit_calibration(val)
        finished = Finished(module, data, built.weights, val, test, calibration, int(checkpoint["epoch"]) + 1, commit)
        record = record_of(finished, trainer, freezing, _one(callbacks, Stopwatch))
        if trainer.is_global_zero:
            write_run(run_dir, finished, freezing, record)
            for dashboard in (callback for callback in callbacks if isinstance(callback, Dashboard)):
                dashboard.summarise(trainer, settings, test, record)
    return Result(record, run_dir, data, module.network, trainer.is_global_zero)


def _refuse_another_run(run_dir: Path, resume: bool) -> None:
    if not resume and ((run_dir / run_folder.METRICS).exists() or (run_dir / run_folder.CHECKPOINTS).exists()):
        raise UserError(f"{run_dir} holds a run already: choose another hydra.run.dir, or resume={run_dir}.")


def _one(callbacks: Iterable[pl.Callback], kind: type[CallbackT]) -> CallbackT:
    """The first callback of a kind, without which there is no run."""
    for callback in callbacks:
        if isinstance(callback, kind):
            return callback
    raise UserError(
        f"callbacks lists no {kind.__module__}.{kind.__qualname__}, without which nothing that a run says would hold: "
        "begin your list with defaults: [default, _self_]."
    )


def _refuse_frozen_noise(settings: RunSettings, module: SignClassifier) -> None:
    if (
        settings.model.weights is None
        and module.freeze_schedule.freezes_anything()
        and not settings.freeze.allow_untrained
    ):
        raise UserError(
            f"freeze={settings.freeze.slug} would freeze stages of a network without trained weights: give "
            "model.weights, use freeze=none, or say freeze.allow_untrained=true if random features are what you want."
        )
