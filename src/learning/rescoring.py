"""Scoring a finished run again, on its own test set or elsewhere."""

import re
from collections.abc import Container, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from src import hardware
from src.data.collect import beside
from src.data.datamodule import SignDataModule, collected
from src.data.duplicates import find_duplicates
from src.data.manifest import Manifest
from src.data.settings import DatamoduleSettings
from src.errors import UserError
from src.evaluation.measurement import Scored, measured, write_tables
from src.learning.classifier import SignScorer
from src.learning.run_data import loaded_data
from src.learning.run_settings import RunSettings
from src.learning.trainer import number_format, predict, quiet_lightning, scoring_trainer
from src.nets.stages import StagedNetwork
from src.nets.weights import read_tensors
from src.runs.calibration import read_calibration
from src.runs.folder import BEST, EVALUATIONS, commit
from src.runs.record import EvaluationRecord
from src.runs.tables import read_split
from src.sources.catalog import RENDERED


def load_network(run: Path, settings: RunSettings) -> StagedNetwork:
    """The network of a run's best checkpoint, with its weights.

    Raises:
        UserError: the run has no checkpoint, or it does not fit the run's settings.
    """
    file = run / BEST
    if not file.is_file():
        raise UserError(f"{run} has no {BEST}: the run did not get through its first epoch.")
    network = settings.model.network(settings.datamodule.image_size_px)
    try:
        network.load_state_dict(read_tensors(file))
    except RuntimeError as error:
        reason = re.sub(r"\s+", " ", str(error))[:160]
        raise UserError(f"{file} does not fit the network of its own run's config ({reason}).") from None
    return network


def evaluate(run: Path, settings: RunSettings, name: str, own: DatamoduleSettings) -> EvaluationRecord:
    """Score a run's best checkpoint on the test set of `settings`, and write `evaluations/<name>.json` and its tables.

    Args:
        run: its folder.
        settings: the run's, with the images, split and hardware to score it by.
        name: of what is written.
        own: which images the run was trained on.

    Raises:
        UserError: no checkpoint, no images, or a split that they do not allow.
    """
    quiet_lightning()
    hardware.keep_freed_memory()
    module = SignScorer(load_network(run, settings))
    data = loaded_data(settings)
    split = data.split
    test = predict(scoring_trainer(settings.trainer), module, data.test_dataloader(), data.manifest.labels)
    scored = Scored.of(test, data.manifest, data.groups, split.name)
    calibration, part_of = read_calibration(run), read_split(run)
    parts = _parts(data.manifest, part_of, _renamed_sources(settings.datamodule, own))
    leaked, unread = _leaked_percent(data, test.indices, parts, own, part_of)
    record = EvaluationRecord(
        **measured(scored, calibration),
        run=run.name,
        split=split.name,
        holdout=split.holdout,
        split_notes=" ".join((*split.notes, *unread)),
        sources=settings.datamodule.sources,
        test_images=len(test.labels),
        seen_in_training=int((parts[test.indices] == "train").sum()),
        seen_in_validation=int((parts[test.indices] == "val").sum()),
        leaked_test_percent=leaked,
        precision=number_format(settings.trainer),
        commit=commit(),
        machine=hardware.machine(),
    )
    folder = run / EVALUATIONS
    write_tables(folder, scored, calibration, name)
    record.write(folder / f"{name}.json")
    return record


def _renamed_sources(images: DatamoduleSettings, own: DatamoduleSettings) -> set[str]:
    """Sources that go by the name of one that the run was trained on, and hold other images."""
    other = {"folder": images.folder != own.folder, RENDERED: images.rendered != own.rendered}
    return {source for source in images.sources if other.get(source, False)}


def _parts(manifest: Manifest, part_of: Mapping[str, str], renamed: Container[str]) -> np.ndarray:
    """`(images,) str`: the part that each image had in the run, "" where it had none."""
    return np.array(["" if image.source in renamed else part_of.get(image.name, "") for image in manifest], dtype=str)


def _leaked_percent(
    data: SignDataModule, tested: np.ndarray, parts: np.ndarray, own: DatamoduleSettings, part_of: Mapping[str, str]
) -> tuple[float | None, list[str]]:
    """Percent of the tested images with a near-duplicate among those of training, wherever these lie.

    Args:
        data: the images that are scored.
        tested: indices of the test set.
        parts: `(images,) str`: what each of `data` was to the run.
        own: which images the run was trained on.
        part_of: image name → its part in the run.

    Returns:
        The percentage, or None where the images of training cannot be read, and why not, a sentence.
    """
    trained_here = parts == "train"
    leaks = np.isin(data.groups, data.groups[trained_here])[tested]
    # Rendered pictures are drawn independently: none has a near-duplicate anywhere.
    elsewhere = replace(
        own,
        sources=tuple(source for source in own.sources if source != RENDERED),
        crop=data.settings.crop,  # a cropped and a whole image look too different to be compared
        crop_margin=data.settings.crop_margin,
    )
    if elsewhere.sources and trained_here.sum() < sum(part == "train" for part in part_of.values()):
        try:
            theirs = collected(elsewhere)
        except UserError as error:
            return None, [f"Near-duplicates of the images of training were not looked for: {error}"]
        trained = [i for i, record in enumerate(theirs.manifest) if part_of.get(record.name) == "train"]
        manifest, pixels = beside(
            (data.manifest.subset(tested), data.pixels.subset(tested)),
            (theirs.manifest.subset(trained), theirs.pixels.subset(trained)),
        )
        groups = find_duplicates(manifest, pixels, Path(own.cache_dir)).near
        leaks |= np.isin(groups[: len(tested)], groups[len(tested) :])
    return round(100 * float(leaks.mean()), 2), []
