"""The images that a run was trained and tested on, found again on this machine."""

from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from src.data.datamodule import SignDataModule
from src.runs.tables import read_split


def run_images(run: Path, cfg: DictConfig) -> tuple[SignDataModule, np.ndarray, np.ndarray]:
    """The run's data, and the places of its test and training images in the manifest, as `split.csv` recorded them.

    Raises:
        UserError: its images are not on this machine.
    """
    data = SignDataModule(cfg)
    data.prepare()
    part_of = read_split(run)
    parts = np.array([part_of.get(record.name, "") for record in data.manifest])
    return data, np.flatnonzero(parts == "test"), np.flatnonzero(parts == "train")
