"""What is wrong with a set of images before a second of training: copies, bursts, missing signers, doubtful labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.collect import Collection
from src.data.doubtful_labels import Doubt, doubtful_labels
from src.data.duplicates import NEAR, Duplicates, find_duplicates
from src.data.fingerprints import fingerprints
from src.data.manifest import Manifest
from src.data.pixels import Pixels
from src.sources.records import UNKNOWN_SIGNER

_SAMPLE = 1500  # images of a source whose neighbours are looked up for pairs to show
_LARGEST = 2000  # members of a group that are compared for the pair to show


@dataclass(frozen=True)
class Pair:
    """Two images and the cosine of their fingerprints."""

    first: int
    second: int
    cosine: float


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
        doubts += doubtful_labels(manifest, pixels, indices, found)
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
    above: list[Pair] = []
    below: list[Pair] = []
    for pairs, low, high in ((above, NEAR, 2.0), (below, NEAR - 0.05, NEAR)):
        first, second = np.nonzero((cosines >= low) & (cosines < high))
        order = np.argsort(np.abs(cosines[first, second] - NEAR), kind="stable")
        shown: set[int] = set()
        for pair in order:
            one, other = int(first[pair]), int(second[pair])
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
        # Two images of one colour have no direction, but are equal.
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
