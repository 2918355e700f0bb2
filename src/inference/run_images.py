"""The images that a run was trained and tested on, found again on this machine."""

from pathlib import Path

import numpy as np

from src.data.collect import Collection
from src.data.datamodule import collected
from src.data.settings import DatamoduleSettings
from src.runs.tables import read_split


def run_images(run: Path, settings: DatamoduleSettings) -> tuple[Collection, np.ndarray, np.ndarray]:
    """A run's images, and the indices of those that tested and trained it, as `split.csv` recorded them.

    Args:
        run: its folder.
        settings: which images those are.

    Raises:
        UserError: they are not on this machine.
    """
    collection = collected(settings)
    part_of = read_split(run)
    parts = np.array([part_of.get(record.name, "") for record in collection.manifest])
    return collection, np.flatnonzero(parts == "test"), np.flatnonzero(parts == "train")
