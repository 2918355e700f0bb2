"""Folders as runs and sweeps leave them, less the checkpoints: measured and written by the code that runs use."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from src.evaluation.measurement import Scored, measured, write_tables
from src.evaluation.predictions import Predictions
from src.runs.calibration import Calibration
from src.runs.folder import CURVES, METRICS, STAGES
from src.runs.tables import StageRow, write_rows
from src.signs.labels import NUM_SIGNS, SIGNS
from src.storage.files import write_csv, write_text
from tests.runs.records import run_record

EVIL = '"><script>alert(1)</script>'
IMAGES, SIGNERS = 96, 6


def scored_images(signer: str = "p", path: str = "a.jpg") -> Scored:
    """96 images of 12 signs and 6 signers, a group of near-duplicates for every 4; some predictions are wrong."""
    rng = np.random.default_rng(0)
    labels = np.arange(IMAGES) % 12
    logits = rng.standard_normal((IMAGES, NUM_SIGNS))
    logits[np.arange(IMAGES), labels] += 3.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    signers = np.array([f"set:{signer}{i % SIGNERS}" for i in range(IMAGES)])
    paths = [f"{SIGNS[label]}/{i}{path}" for i, label in enumerate(labels)]
    predictions = Predictions(np.arange(IMAGES), labels, probabilities.astype(np.float32))
    return Scored(predictions, paths, np.array(["set"] * IMAGES), signers, np.arange(IMAGES) // 4, "signer")


def finished_run(folder: Path, scored: Scored | None = None, **changed: Any) -> Path:
    """A run whose record holds what its predictions come to; `changed` are other fields of the record."""
    scored = scored or scored_images()
    calibration = Calibration(temperature=0.8, abstain_below=0.3)
    write_tables(folder, scored, calibration)
    trained = [StageRow(name, 300, 1, 0, 0.001) for name in ("neck", "head")]
    write_rows(folder / STAGES, StageRow, [StageRow("conv1", 400, None, 0, 0.0, "ab", "ab"), *trained])
    header = ("epoch", "train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/f1_macro")
    epochs = [(1, 2.5, 0.2, 2.25, 0.3, 0.1), (2, 1.5, 0.5, 1.25, 0.6, 0.4), (3, 1.0, 0.8, 1.5, 0.5, "")]
    write_csv(folder / CURVES, header, epochs)
    # The record's own figures of its test set would say nothing of these predictions.
    replace(run_record(), **{**measured(scored, calibration), "test_images": IMAGES, **changed}).write(folder / METRICS)
    return folder


def sweep_folder(
    folder: Path, split: str, accuracies: dict[int, list[float]], others: dict[str, float] | None = None
) -> Path:
    """A multirun folder: stages trained → accuracy of each seed; `others` are further figures of every test."""
    for stages, of_seed in accuracies.items():
        for seed, accuracy in enumerate(of_seed, start=1):
            run = folder / f"{stages}_{seed}"
            write_text(run / ".hydra" / "overrides.yaml", f"- freeze.k={stages - 1}\n- seed={seed}\n")
            fills = 1000.0 if seed == 1 else 0.0  # the first run fills the cache for the others
            run_record(
                {"accuracy": accuracy, **(others or {})},
                stages_trained=stages,
                stages_trained_names=("neck", "head")[-stages:],
                seed=seed,
                seconds=10.0 * stages + fills,
                cache_fill_seconds=fills,
                split=split,
                holdout=("set:p1",) if split == "signer" else (),
                leaked_test_percent=50.0 + seed if split == "random" else 0.0,
            ).write(run / METRICS)
    return folder


class Images:
    """An album of one grey dot."""

    def image(self, name: str) -> str:
        return "data:image/gif;base64,R0lGODlhAQABAIAAAMLCwgAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="

    def explained(self, names: Any, classes: Any) -> tuple[str, dict[str, str]]:
        return "conv1", {name: self.image(name) for name in names}
