"""The page of a run with its images, for which the images and the network are loaded."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from src.data.datamodule import SignDataModule
from src.errors import StrangerError, UserError
from src.learning.rescoring import load_network
from src.learning.run_data import loaded_data
from src.learning.run_settings import recorded_settings
from src.nets.grad_cam import grad_cam
from src.nets.stages import StagedNetwork
from src.reports import run_page
from src.reports.data_uri import data_uri
from src.reports.finished_run import FinishedRun


class RunAlbum:
    """A run's images by name, and what of them spoke for its predictions."""

    def __init__(self, data: SignDataModule, network: StagedNetwork) -> None:
        self.data, self.network = data, network
        self.index_of = {record.name: index for index, record in enumerate(data.manifest)}

    def image(self, name: str) -> str | None:
        """The image as a data URI, or None where it is not there."""
        index = self.index_of.get(name)
        return None if index is None else data_uri(self.data.pixels[index])

    def explained(self, names: Sequence[str], classes: Sequence[int]) -> tuple[str, dict[str, str]]:
        """The stage looked at, and image → what of it spoke for the class, as data URIs."""
        known = [(name, wanted) for name, wanted in zip(names, classes, strict=True) if name in self.index_of]
        if not known:
            return "", {}
        stack = np.stack([self.data.pixels[self.index_of[name]] for name, _ in known])
        images = torch.from_numpy(stack).permute(0, 3, 1, 2)
        found = grad_cam(self.network, images, torch.tensor([wanted for _, wanted in known]))
        if found is None:
            return "", {}
        warm = [_warmed(image, heat) for image, heat in zip(stack, found.maps, strict=True)]
        return found.stage, {name: data_uri(image) for (name, _), image in zip(known, warm, strict=True)}


def write_run_page(run: Path, data: SignDataModule, network: StagedNetwork) -> Path:
    """Write `<run>/report.html` of a run whose images and best network are at hand.

    Raises:
        UserError: the run has not finished, or its tables are damaged.
    """
    return run_page.write(FinishedRun(run, RunAlbum(data, network)))


def write_page_of(run: Path) -> Path:
    """Write `<run>/report.html` of a folder, with images where they and the best checkpoint can be read.

    Raises:
        UserError: the run has not finished, its tables are damaged, or its config asks for classes of somebody else's.
    """
    try:
        settings = recorded_settings(run)
        album = RunAlbum(loaded_data(settings), load_network(run, settings))
    except StrangerError:
        raise
    except UserError as error:
        why = f"No images here, since those of the run or its weights could not be read: {error}"
        return run_page.write(FinishedRun(run, without_images=why))
    return run_page.write(FinishedRun(run, album))


def _warmed(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The image in grey, coloured where the heat is: `(size, size, 3) uint8`."""
    size = image.shape[0]
    heat = np.clip(cv2.resize(heat, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1)[..., None]
    colours = cv2.cvtColor(cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    weight = 0.65 * heat
    return (grey * (1 - weight) + colours * weight).astype(np.uint8)
