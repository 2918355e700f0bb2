"""The page of a run with its pictures: the network and the images are loaded, the page itself is `src.reports`."""

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from omegaconf import DictConfig

from src.data.datamodule import SignDataModule
from src.errors import UserError
from src.learning.rescoring import load_classifier
from src.nets.grad_cam import grad_cam
from src.nets.stages import StagedNetwork
from src.reports import run_page

_SIDE_PX = 112
_JPEG_QUALITY = 82


class RunAlbum:
    """A run's images by name, and what of them spoke for its answers."""

    def __init__(self, data: SignDataModule, network: StagedNetwork) -> None:
        self.data, self.network = data, network
        self.place_of = {record.name: place for place, record in enumerate(data.manifest)}

    def picture(self, name: str) -> str | None:
        place = self.place_of.get(name)
        return None if place is None else _data_uri(self.data.pixels[place])

    def explained(self, names: Sequence[str], classes: Sequence[int]) -> tuple[str, dict[str, str]]:
        known = [(name, wanted) for name, wanted in zip(names, classes, strict=True) if name in self.place_of]
        if not known:
            return "", {}
        pictures = np.stack([self.data.pixels[self.place_of[name]] for name, _ in known])
        images = torch.from_numpy(pictures).permute(0, 3, 1, 2)
        found = grad_cam(self.network, images, torch.tensor([wanted for _, wanted in known]))
        if found is None:
            return "", {}
        warm = [_warmed(picture, heat) for picture, heat in zip(pictures, found.maps, strict=True)]
        return found.stage, {name: _data_uri(image) for (name, _), image in zip(known, warm, strict=True)}


def write_run_page(run: Path, cfg: DictConfig, data: SignDataModule | None = None) -> Path:
    """Write `<run>/report.html`, with pictures where the images and the best checkpoint can be read.

    Args:
        run: the folder of a finished run.
        cfg: the run's own config.
        data: the run's images where they are at hand already.

    Raises:
        UserError: the run has not finished, or its tables are damaged.
    """
    try:
        if data is None:
            data = SignDataModule(cfg)
            data.prepare()
        album = RunAlbum(data, load_classifier(run, cfg).network)
    except UserError as error:
        return run_page.write(run, None, f"No pictures, since the run's images or weights could not be read: {error}")
    return run_page.write(run, album)


def _warmed(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The picture in grey, coloured where the heat is: `(size, size, 3) uint8`."""
    size = picture.shape[0]
    heat = np.clip(cv2.resize(heat, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1)[..., None]
    colours = cv2.cvtColor(cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    weight = 0.65 * heat
    return (grey * (1 - weight) + colours * weight).astype(np.uint8)


def _data_uri(image: np.ndarray) -> str:
    """A small JPEG of `(size, size, 3) uint8` RGB."""
    smaller = cv2.INTER_AREA if image.shape[0] > _SIDE_PX else cv2.INTER_CUBIC
    small = cv2.resize(np.asarray(image), (_SIDE_PX, _SIDE_PX), interpolation=smaller)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
