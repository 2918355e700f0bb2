"""Scoring a finished run again, on its own test set or elsewhere."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from src import hardware
from src.data.collect import beside
from src.data.datamodule import SignDataModule, chosen_signs, collected
from src.data.duplicates import find_duplicates
from src.errors import UserError
from src.evaluation.measurement import measured, write_predictions, write_scores
from src.learning.classifier import SignClassifier
from src.learning.trainer import number_format, predict, quiet_lightning, scoring_trainer
from src.nets.build import architecture
from src.nets.weights import read_tensors
from src.reports import tables
from src.runs import folder as run_folder
from src.sources.catalog import RENDERED
from src.storage.files import write_json


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


def evaluate(run: Path, cfg: DictConfig, name: str, own: DictConfig) -> dict[str, Any]:
    """Score a run's best checkpoint on the test set of `cfg`; print, and write `evaluations/<name>.json` and tables.

    Args:
        run: its folder.
        cfg: the run's config with the images, split and hardware to score it by.
        name: of what is written.
        own: the config that the run was trained by.

    Returns:
        The figures, and how much of the test set the run knew: `seen_in_training` counts the images that it was trained
        on, `leaked_test_percent` those with a near-duplicate among them; None where those cannot be read any more.

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
    strangers = _renamed_sources(cfg.datamodule, own.datamodule)
    known = [part_of.get(r.name, "") if r.source not in strangers else "" for r in data.manifest]
    seen = Counter(known[int(index)] for index in test.indices)
    leaked, unread = _leaked_percent(data, test.indices, np.array(known) == "train", own, part_of)
    split = data.split
    metrics = {
        **measured(data, test, calibration),
        "run": run.name,
        "split": split.name,
        "holdout": ",".join(split.holdout),
        "split_notes": " ".join((*split.notes, *unread)),
        "sources": ",".join(cfg.datamodule.sources),
        "test_images": len(test.labels),
        "seen_in_training": seen["train"],
        "seen_in_validation": seen["val"],
        "leaked_test_percent": leaked,
        "precision": precision,
        "commit": run_folder.commit(),
        "machine": hardware.machine(),
    }
    folder = run / run_folder.EVALUATIONS
    write_predictions(folder / f"{name}.csv", data, test, calibration)
    write_scores(folder, data, test, prefix=f"{name}.")
    write_json(folder / f"{name}.json", metrics)
    tables.print_evaluation(metrics, folder / f"{name}.json")
    return metrics


def _renamed_sources(cfg: DictConfig, own: DictConfig) -> set[str]:
    """Sources that go by the name of one that the run was trained on, and hold other images."""
    other = {"folder": cfg.folder != own.folder, RENDERED: cfg.rendered != own.rendered}
    return {source for source in cfg.sources if other.get(source, False)}


def _leaked_percent(
    data: SignDataModule, tested: np.ndarray, was_trained: np.ndarray, own: DictConfig, part_of: dict[str, str]
) -> tuple[float | None, list[str]]:
    """Percent of the tested images with a near-duplicate among those of training, wherever these lie.

    Args:
        data: the images that are scored.
        tested: indices of the test set.
        was_trained: (images,) bool: which of `data` are images of training.
        own: the config that the run was trained by.
        part_of: image name → its part in the run.

    Returns:
        The percentage, or None where the images of training cannot be read, and why not, a sentence.
    """
    leaks = np.isin(data.groups, data.groups[was_trained])[tested]
    # Rendered pictures are drawn independently: none has a near-duplicate anywhere.
    elsewhere = own.datamodule.copy()
    elsewhere.sources = [source for source in own.datamodule.sources if source != RENDERED]
    if elsewhere.sources and was_trained.sum() < sum(part == "train" for part in part_of.values()):
        try:
            theirs = chosen_signs(collected(elsewhere), elsewhere)
        except UserError as error:
            return None, [f"Near-duplicates of the images of training were not looked for: {error}"]
        trained = [i for i, record in enumerate(theirs.manifest) if part_of.get(record.name) == "train"]
        manifest, pixels = beside(
            (data.manifest.subset(tested), data.pixels.subset(tested)),
            (theirs.manifest.subset(trained), theirs.pixels.subset(trained)),
        )
        groups = find_duplicates(manifest, pixels, Path(own.datamodule.cache_dir)).near
        leaks |= np.isin(groups[: len(tested)], groups[len(tested) :])
    return round(100 * float(leaks.mean()), 2), []
