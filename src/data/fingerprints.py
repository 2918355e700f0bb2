"""What tells near-duplicates: a small grey image with the light and the outline divided out, as a unit vector.

The fingerprint is a grey image of 24 × 24, each pixel freed of its surroundings' mean and divided by their contrast
(local contrast normalisation: Jarrett et al., "What is the best multi-stage architecture for object recognition?",
ICCV 2009, section 2.1). Hashes of brightness or of low frequencies see a bright shape on black and little else, so two
signs of a set with black backgrounds count as one image; with the surroundings' contrast divided out, fingers, wrinkles
and edges weigh as much as the shape does, and another light changes little.
"""

import cv2
import numpy as np

from src.data.pixels import Pixels
from src.terminal import progress

SIDE_PX = 24
DIMENSIONS = SIDE_PX**2
_SURROUNDINGS_PX = 1.5  # standard deviation of the Gaussian, on the small image
_FAINT = 16.0  # grey levels squared: contrast below 4 levels is noise and is not blown up
SETTINGS = (SIDE_PX, _SURROUNDINGS_PX, _FAINT)


def fingerprint(image: np.ndarray) -> np.ndarray:
    """(576,) float32 unit vector of a (size, size, 3) uint8 RGB image; the zero vector of an image of one colour."""
    grey = cv2.cvtColor(cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    detail = grey.astype(np.float32)
    detail -= cv2.GaussianBlur(detail, (0, 0), _SURROUNDINGS_PX)
    detail /= np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _SURROUNDINGS_PX) + _FAINT)
    length = float(np.linalg.norm(detail))
    return detail.ravel() / length if length > 1e-3 else np.zeros(DIMENSIONS, dtype=np.float32)


def fingerprints(pixels: Pixels, indices: np.ndarray) -> np.ndarray:
    """(indices, 576) float32: the fingerprint of each of some images."""
    prints = np.empty((len(indices), DIMENSIONS), dtype=np.float32)
    with progress("comparing images", len(indices)) as advance:
        for row, index in enumerate(indices):
            prints[row] = fingerprint(pixels[int(index)])
            advance(1)
    return prints
