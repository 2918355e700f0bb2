"""Labels that other images speak against.

A label is doubted where images of other people (else of other duplicate groups) vote for another one. The vote is a
ridge classifier on histograms of oriented gradients (Dalal and Triggs, CVPR 2005; 8 × 8 cells, 9 directions) that never
saw the image's own fold. On `sign_digits`, where two wrong labels are known, it ranks them first and third of 2,062;
the ten nearest fingerprints rank them 7th and 150th, and those in MobileNetV2's features 2nd and 42nd.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.linalg import solve

from src.data.duplicates import Duplicates
from src.data.manifest import Manifest
from src.data.pixels import Pixels
from src.signs.labels import HANDSHAPE_OF, NUM_SIGNS
from src.sources.records import UNKNOWN_SIGNER
from src.terminal import progress

# How much further the vote for another sign must be ahead of the vote for the label, each about 0 to 1.
DOUBTFUL = 0.35
_FOLDS = 5
_RIDGE = 2.0  # an image
_SIDE_PX, _CELLS, _DIRECTIONS = 64, 8, 9
_ROW, _COLUMN = np.indices((_SIDE_PX, _SIDE_PX)) // (_SIDE_PX // _CELLS)
_FIRST_BIN = (_ROW * _CELLS + _COLUMN) * _DIRECTIONS  # of each pixel's cell
_FAINT = 20.0  # grey levels: gradients of a block below this are noise and are not blown up
_FEWEST = 40  # images of a source that a vote can be taken among


@dataclass(frozen=True)
class Doubt:
    """A label that other images speak against.

    Attributes:
        image: its index.
        suggested: the class index that they vote for.
        margin: by how much they do, see `DOUBTFUL`.
        neighbour: the image of that sign with the most similar gradients.
    """

    image: int
    suggested: int
    margin: float
    neighbour: int


def doubtful_labels(manifest: Manifest, pixels: Pixels, indices: np.ndarray, found: Duplicates) -> list[Doubt]:
    """Doubtful labels of one source, at `indices`; look-alike signs such as 0 and O are not told apart."""
    labels = manifest.labels[indices]
    if len(indices) < _FEWEST or len(np.unique(labels)) < 2:
        return []
    fold = _folds(manifest.signers[indices], found.groups[indices], labels)
    gradients = _gradients(pixels, indices)
    votes = _votes(gradients, labels, fold)
    rows = np.arange(len(indices))
    own = votes[rows, labels]
    shapes = np.array(HANDSHAPE_OF)
    others = np.where(shapes[labels][:, None] == shapes, -np.inf, votes)
    others[:, np.setdiff1d(np.arange(NUM_SIGNS), labels)] = -np.inf
    suggested = others.argmax(axis=1)
    margin = others[rows, suggested] - own
    doubts = []
    for row in np.flatnonzero(margin >= DOUBTFUL):
        candidates = np.flatnonzero(labels == suggested[row])
        likeness = gradients[candidates].astype(np.float32) @ gradients[row].astype(np.float32)
        neighbour = indices[candidates[int(likeness.argmax())]]
        doubts.append(Doubt(int(indices[row]), int(suggested[row]), float(margin[row]), int(neighbour)))
    return doubts


def _folds(signers: np.ndarray, groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(images,) int64: the fold of each image, by signer, else by duplicate group, else by image."""
    everyone = np.arange(len(labels))
    of_group = [len(np.unique(groups[labels == label])) for label in np.unique(labels)]
    if len(set(signers) - {UNKNOWN_SIGNER}) > 1:
        owners = np.where(signers == UNKNOWN_SIGNER, [f"group {group}" for group in groups], signers)
    elif min(of_group) >= _FOLDS:
        owners = groups
    else:
        owners = everyone
    _, number = np.unique(owners.astype(str), return_inverse=True)
    count = min(_FOLDS, int(number.max()) + 1)
    return np.random.default_rng(0).permutation(int(number.max()) + 1)[number] % count


def _votes(features: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """(images, 36) float32: how much the images outside an image's fold speak for each sign.

    The sums that ridge regression needs are taken fold by fold, so that leaving one out is a subtraction.
    """
    mean, deviation = features.mean(axis=0, dtype=np.float32), features.std(axis=0, dtype=np.float32) + 1e-3
    width = features.shape[1] + 1

    def standardised(rows: np.ndarray) -> np.ndarray:
        return np.hstack([(features[rows] - mean) / deviation, np.ones((len(rows), 1))]).astype(np.float32)

    count = int(fold.max()) + 1
    squares = np.zeros((count, width, width), dtype=np.float32)
    products = np.zeros((count, width, NUM_SIGNS), dtype=np.float32)
    members = [np.flatnonzero(fold == number) for number in range(count)]
    for number, rows in enumerate(members):
        for start in range(0, len(rows), 4096):
            batch = rows[start : start + 4096]
            x = standardised(batch)
            squares[number] += x.T @ x
            products[number] += x.T @ np.eye(NUM_SIGNS, dtype=np.float32)[labels[batch]]
    all_squares, all_products = squares.sum(axis=0), products.sum(axis=0)
    votes = np.zeros((len(labels), NUM_SIGNS), dtype=np.float32)
    for number, rows in enumerate(members):
        left = all_squares - squares[number] + _RIDGE * len(labels) * np.eye(width, dtype=np.float32)
        weights = solve(left, all_products - products[number], assume_a="pos", overwrite_a=True, check_finite=False)
        for start in range(0, len(rows), 4096):
            batch = rows[start : start + 4096]
            votes[batch] = standardised(batch) @ weights
    return votes


def _gradients(pixels: Pixels, indices: Sequence[int] | np.ndarray) -> np.ndarray:
    """(images, 1764) float16 histograms of oriented gradients."""
    blocks = (_CELLS - 1) ** 2 * 4 * _DIRECTIONS
    histograms = np.empty((len(indices), blocks), dtype=np.float16)
    with progress("weighing labels", len(indices)) as advance:
        for row, index in enumerate(indices):
            histograms[row] = _oriented(pixels[int(index)])
            advance(1)
    return histograms


def _oriented(image: np.ndarray) -> np.ndarray:
    """(1764,) float32 of a (size, size, 3) uint8 RGB image: 7 × 7 blocks of 2 × 2 cells, each block normalised."""
    small = cv2.resize(image, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    strength, angle = cv2.cartToPolar(cv2.Sobel(grey, -1, 1, 0, ksize=1), cv2.Sobel(grey, -1, 0, 1, ksize=1))
    direction = (angle % np.pi) * (_DIRECTIONS / np.pi)
    below = np.floor(direction).astype(np.int64)
    upper = (direction - below) * strength
    bins = _CELLS * _CELLS * _DIRECTIONS
    histogram = np.bincount((_FIRST_BIN + below % _DIRECTIONS).ravel(), (strength - upper).ravel(), bins)
    histogram += np.bincount((_FIRST_BIN + (below + 1) % _DIRECTIONS).ravel(), upper.ravel(), bins)
    cells = histogram.reshape(_CELLS, _CELLS, _DIRECTIONS)
    corners = [cells[top : top + _CELLS - 1, left : left + _CELLS - 1] for top in (0, 1) for left in (0, 1)]
    block = np.concatenate(corners, axis=2)
    return (block / (np.linalg.norm(block, axis=2, keepdims=True) + _FAINT)).astype(np.float32).ravel()
