"""What is wrong with a set of images before a second of training: copies, bursts, missing signers, doubtful labels.

A label is doubted where images of other people (else of other duplicate groups) vote for another one. The vote is a
ridge classifier on histograms of oriented gradients (Dalal and Triggs, CVPR 2005; 8 × 8 cells, 9 directions) that never
saw the image's own fold. On `sign_digits`, where two wrong labels are known, it ranks them first and third of 2,062;
the ten nearest fingerprints rank them 7th and 150th, and those in MobileNetV2's features 2nd and 42nd.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.linalg import solve

from src.data.collect import Collection
from src.data.duplicates import NEAR, Duplicates, find_duplicates, fingerprints
from src.data.manifest import Manifest
from src.data.pixel_cache import Pixels
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
_SAMPLE = 1500  # images of a source whose neighbours are looked up for pairs to show
_LARGEST = 2000  # members of a group that are compared for the pair to show


@dataclass(frozen=True)
class Pair:
    """Two images and the cosine of their fingerprints."""

    first: int
    second: int
    cosine: float


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


@dataclass(frozen=True)
class Audit:
    """What an audit found; images are indices into the manifest.

    Attributes:
        collection: the images.
        duplicates: which of them belong together.
        nearly: source → pairs nearest to the threshold from above, counted as near-duplicates.
        not_quite: source → pairs nearest to it from below, not counted.
        disagreements: a pair of images of two signs for each group of near-duplicates with two labels, nearest first.
        doubts: doubtful labels, the worst first.
        single_signer: (source, class index) shown by one known signer alone.
    """

    collection: Collection
    duplicates: Duplicates
    nearly: dict[str, list[Pair]]
    not_quite: dict[str, list[Pair]]
    disagreements: list[Pair]
    doubts: list[Doubt]
    single_signer: list[tuple[str, int]]


def audit(collection: Collection, cache_dir: Path) -> Audit:
    """Look through all images.

    Raises:
        UserError: `cache_dir` cannot be written to.
    """
    manifest, pixels = collection.manifest, collection.pixels
    found = find_duplicates(manifest, pixels, cache_dir)
    nearly: dict[str, list[Pair]] = {}
    not_quite: dict[str, list[Pair]] = {}
    doubts: list[Doubt] = []
    for source in dict.fromkeys(manifest.sources):
        indices = np.flatnonzero(manifest.sources == source)
        nearly[source], not_quite[source] = _around_threshold(pixels, indices, found)
        doubts += _doubts(manifest, pixels, indices, found)
    doubts.sort(key=lambda doubt: (-doubt.margin, doubt.image))
    disagreements = _disagreements(manifest, pixels, found.near)
    return Audit(collection, found, nearly, not_quite, disagreements, doubts, _single_signer(manifest))


def _around_threshold(
    pixels: Pixels, indices: np.ndarray, found: Duplicates, most: int = 6
) -> tuple[list[Pair], list[Pair]]:
    """Pairs just above and just below the threshold, from a sample of a source's images, each image once."""
    distinct = indices[found.exact[indices] == indices]
    sample = np.sort(np.random.default_rng(0).permutation(distinct)[:_SAMPLE])
    prints = fingerprints(pixels, sample)
    cosines = np.triu(prints @ prints.T, k=1)
    above, below = [], []
    for pairs, low, high in ((above, NEAR, 2.0), (below, NEAR - 0.05, NEAR)):
        first, second = np.nonzero((cosines >= low) & (cosines < high))
        order = np.argsort(np.abs(cosines[first, second] - NEAR), kind="stable")
        shown: set[int] = set()
        for place in order:
            one, other = int(first[place]), int(second[place])
            if len(pairs) < most and not {one, other} & shown:
                shown |= {one, other}
                pairs.append(Pair(int(sample[one]), int(sample[other]), float(cosines[one, other])))
    return above, below


def _disagreements(manifest: Manifest, pixels: Pixels, near: np.ndarray) -> list[Pair]:
    labels = manifest.labels
    pairs = []
    for members in _several(near):
        if len(np.unique(labels[members])) < 2:
            continue
        members = members[:_LARGEST]
        prints = fingerprints(pixels, members)
        cosines = np.where(labels[members][:, None] != labels[members], prints @ prints.T, -np.inf)
        one, other = np.unravel_index(np.argmax(cosines), cosines.shape)
        # Two pictures of one colour have no direction, but are equal.
        cosine = 1.0 if not prints[one].any() else float(min(cosines[one, other], 1.0))
        pairs.append(Pair(int(members[one]), int(members[other]), cosine))
    return sorted(pairs, key=lambda pair: (-pair.cosine, pair.first))


def _several(groups: np.ndarray) -> Iterator[np.ndarray]:
    """The members of each group of two or more."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order])) + 1
    for members in np.split(order, starts):
        if len(members) > 1:
            yield members


def _single_signer(manifest: Manifest) -> list[tuple[str, int]]:
    signers: dict[tuple[str, int], set[str]] = {}
    for record in manifest:
        signers.setdefault((record.source, record.label), set()).add(record.signer)
    return sorted(key for key, names in signers.items() if len(names) == 1 and UNKNOWN_SIGNER not in names)


def _doubts(manifest: Manifest, pixels: Pixels, indices: np.ndarray, found: Duplicates) -> list[Doubt]:
    """Doubtful labels of one source; look-alike signs such as 0 and O are not told apart."""
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
    for place in np.flatnonzero(margin >= DOUBTFUL):
        candidates = np.flatnonzero(labels == suggested[place])
        likeness = gradients[candidates].astype(np.float32) @ gradients[place].astype(np.float32)
        neighbour = indices[candidates[int(likeness.argmax())]]
        doubts.append(Doubt(int(indices[place]), int(suggested[place]), float(margin[place]), int(neighbour)))
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
        for place, index in enumerate(indices):
            histograms[place] = _oriented(pixels[int(index)])
            advance(1)
    return histograms


def _oriented(picture: np.ndarray) -> np.ndarray:
    """(1764,) float32 of a (size, size, 3) uint8 RGB picture: 7 × 7 blocks of 2 × 2 cells, each block normalised."""
    small = cv2.resize(picture, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    strength, angle = cv2.cartToPolar(cv2.Sobel(grey, -1, 1, 0, ksize=1), cv2.Sobel(grey, -1, 0, 1, ksize=1))
    place = (angle % np.pi) * (_DIRECTIONS / np.pi)
    below = np.floor(place).astype(np.int64)
    upper = (place - below) * strength
    bins = _CELLS * _CELLS * _DIRECTIONS
    histogram = np.bincount((_FIRST_BIN + below % _DIRECTIONS).ravel(), (strength - upper).ravel(), bins)
    histogram += np.bincount((_FIRST_BIN + (below + 1) % _DIRECTIONS).ravel(), upper.ravel(), bins)
    cells = histogram.reshape(_CELLS, _CELLS, _DIRECTIONS)
    corners = [cells[top : top + _CELLS - 1, left : left + _CELLS - 1] for top in (0, 1) for left in (0, 1)]
    block = np.concatenate(corners, axis=2)
    return (block / (np.linalg.norm(block, axis=2, keepdims=True) + _FAINT)).astype(np.float32).ravel()
