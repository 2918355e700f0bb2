"""The images that an exported file is held against: a run's own, or rendered hands where those are elsewhere."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from src.data.settings import DatamoduleSettings
from src.errors import UserError
from src.inference.run_images import run_images
from src.sources.decoding import Unreadable
from src.sources.images import decode
from src.synthetic.dataset import sample
from src.synthetic.spec import RenderedSpec

_CHECKED_IMAGES = 400
_CALIBRATION_IMAGES = 128
_RESHAPED = 12


@dataclass(frozen=True)
class RealImages:
    """What the export is held against.

    Attributes:
        images: RGB images `(height, width, 3) uint8`, of any size; squares around hands where the run reads those.
        what: what they are, for the reader.
        test_squares, test_labels: the run's test set as the network sees it; None where it is not found.
        train_squares: some of its training set; None where it is not found.
    """

    images: list[np.ndarray]
    what: str
    test_squares: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    train_squares: np.ndarray | None = None


def real_images(run: Path, settings: DatamoduleSettings) -> RealImages:
    """The run's own test and training images, or rendered hands where they are not on this machine."""
    try:
        collection, test, train = run_images(run, settings)
    except UserError:
        return _rendered(settings.image_size_px)
    images = []
    for index in _spread(test, _CHECKED_IMAGES):
        if settings.crop == "hand":
            images.append(collection.pixels.take([index])[0])
            continue
        try:
            images.append(decode(collection.manifest[int(index)], settings.max_megapixels).pixels)
        except Unreadable:
            continue
    if not images:
        return _rendered(settings.image_size_px)
    return RealImages(
        images + _reshaped(images),
        f"{len(images)} of its {len(test)} test images and {_RESHAPED * 3} of other proportions cut from them",
        collection.pixels.take(test),
        collection.manifest.labels[test],
        collection.pixels.take(_spread(train, _CALIBRATION_IMAGES)) if len(train) else None,
    )


def _rendered(image_size_px: int) -> RealImages:
    spec = RenderedSpec(images=36, signers=1, image_size_px=2 * image_size_px + 7)
    images = [sample(spec, index).image for index in range(36)]
    return RealImages(
        images + _reshaped(images),
        f"{len(images)} rendered hands (its own images are not on this machine) and {_RESHAPED * 3} cut from them",
    )


def _spread(indices: np.ndarray, count: int) -> np.ndarray:
    """`count` of them at even distances, so that every sign has its share."""
    if len(indices) <= count:
        return indices
    return indices[np.linspace(0, len(indices) - 1, count).round().astype(int)]


def _reshaped(images: list[np.ndarray]) -> list[np.ndarray]:
    """Wide, tall and tiny ones, so that padding, cutting and enlarging are held against the run too."""
    chosen = _spread(np.arange(len(images)), _RESHAPED)
    cut = []
    for index in chosen:
        image = images[int(index)]
        height, width = image.shape[:2]
        cut += [image[: max(1, height * 2 // 3)], image[:, : max(1, width // 2)]]
        cut.append(cv2.resize(image, (29, 23), interpolation=cv2.INTER_AREA))
    return cut
