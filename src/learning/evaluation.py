"""Scoring a finished run again, on its own test set or elsewhere."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from src import hardware, run_folder
from src.data.datamodule import SignDataModule
from src.data.duplicates import leaked_share
from src.errors import UserError
from src.learning.classifier import SignClassifier
from src.learning.measurement import measured, write_predictions, write_scores
from src.learning.scoring import number_format, predict, quiet_lightning, scoring_trainer
from src.nets.build import architecture
from src.nets.weights import read_tensors
from src.reports import tables
from src.writing import write_json


def load_classifier(run: Path, cfg: DictConfig) -> SignClassifier:
    """The network of a run's best checkpoint, with its weights.

    Raises:
        UserError: the run has no checkpoint, or it does not fit the run's config.
    """
    file = run / run_folder.BEST
    if not file.is_file():
        raise UserError(f"{run} has no {run_folder.BEST}: the run did not get through its first epoch.")
    network = architecture(cfg.model, cfg.datamodule.image_size_px)
    try:
        network.load_state_dict(read_tensors(file))
    except RuntimeError as error:
        reason = re.sub(r"\s+", " ", str(error))[:160]
        raise UserError(f"{file} does not fit the network of its own run's config ({reason}).") from None
    return SignClassifier(network, OmegaConf.to_container(cfg, resolve=True))


def evaluate(run: Path, cfg: DictConfig, name: str) -> dict[str, Any]:
    """Score a run's best checkpoint on the test set of `cfg`; print, and write `evaluations/<name>.json` and tables.

    Returns:
        The figures, and how much of the test set the run knew: `seen_in_training` counts the images that it was trained
        on, `leaked_test_percent` those with a near-duplicate among them; None where the sources hold none of them.

    Raises:
        UserError: no checkpoint, no images, or a split that they do not allow.
    """
    quiet_lightning()
    hardware.keep_freed_memory()
    classifier = load_classifier(run, cfg)
    data = SignDataModule(cfg)
    data.prepare()
    precision = number_format(cfg)
    test = predict(scoring_trainer(cfg, precision), classifier, data.test_dataloader(), data.manifest.labels)
    calibration = run_folder.read_calibration(run)
    part_of = run_folder.read_split(run)
    seen = Counter(part_of.get(data.manifest[int(index)].name, "") for index in test.indices)
    trained = np.array([i for i, record in enumerate(data.manifest) if part_of.get(record.name) == "train"], dtype=int)
    split = data.split
    metrics = {
        **measured(data, test, calibration),
        "run": run.name,
        "split": split.name,
        "holdout": ",".join(split.holdout),
        "split_notes": " ".join(split.notes),
        "sources": ",".join(cfg.datamodule.sources),
        "test_images": len(test.labels),
        "seen_in_training": seen["train"],
        "seen_in_validation": seen["val"],
        # Without images of the run among these sources there is nothing to compare with, which is not "none".
        "leaked_test_percent": round(100 * leaked_share(data.groups, trained, test.indices), 2)
        if len(trained)
        else None,
        "precision": precision,
        "commit": run_folder.commit(),
        "machine": hardware.machine(),
    }
    folder = run / "evaluations"
    write_predictions(folder / f"{name}.csv", data, test, calibration)
    write_scores(folder, data, test, prefix=f"{name}.")
    write_json(folder / f"{name}.json", metrics)
    tables.print_evaluation(metrics, folder / f"{name}.json")
    return metrics
