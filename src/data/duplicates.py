"""Which images are the same, or nearly: what a split must keep on one side.

Three kinds, and the groups that they form together:

- exact: the decoded pixels are equal, in whatever files they lie;
- near: the fingerprints of two images (`src.data.fingerprints`) point the same way (cosine of at least `NEAR`);
- burst: successive frame numbers of one signer showing one sign in one source.

`NEAR` was chosen on pairs looked at, on the public sets: pairs from 0.90 on are one pose from one camera, a moment
apart. Of the 22,119 pairs in five sets with 225 signers none had two signers (the nearest reached 0.891), and 55 had
two signs, all in asl_alphabet, where a small hand before a fixed room is mostly room. Turned, mirrored and differently
cropped copies are not found.
"""

import hashlib
import zipfile
from collections.abc import Collection as Names
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from src.data import fingerprints
from src.data.manifest import Manifest
from src.data.pixels import Pixels
from src.sources.catalog import RENDERED
from src.sources.records import NO_FRAME
from src.storage.cache import Cache
from src.terminal import progress

NEAR = 0.90

# Part of every cache's key: raise it whenever the same images would be grouped otherwise.
VERSION = 1
_FILE = "groups.npz"
# Images of these sources are drawn independently of each other, so no two are the same.
_INDEPENDENT = (RENDERED,)


@dataclass(frozen=True)
class Duplicates:
    """Which images of a manifest belong together; a group's number is the index of its first image.

    Attributes:
        exact: (images,) int64: groups of equal pixels.
        near: (images,) int64: groups of equal or nearly equal pixels, friends of friends included.
        burst: (images,) int64: runs of successive frames.
        groups: (images,) int64: all three joined, what a split keeps together.
    """

    exact: np.ndarray
    near: np.ndarray
    burst: np.ndarray
    groups: np.ndarray


def find_duplicates(
    manifest: Manifest, pixels: Pixels, cache_dir: Path, independent: Names[str] = _INDEPENDENT
) -> Duplicates:
    """The duplicates among the images of a manifest, found now or read from the cache.

    Args:
        manifest: the images.
        pixels: their decoded pixels, `pixels[i]` belonging to `manifest[i]`.
        cache_dir: where the result is kept.
        independent: sources whose images are made independently, and are not searched.

    Raises:
        UserError: `cache_dir` cannot be written to.
    """

    def build(folder: Path) -> None:
        searched = np.flatnonzero(~np.isin(manifest.sources, list(independent)))
        exact, near = _same(pixels, searched)
        burst = bursts(manifest)
        everyone = np.arange(len(manifest))
        groups = _joined(_joined(everyone, everyone, near), everyone, burst)
        np.savez(folder / _FILE, **asdict(Duplicates(exact, near, burst, groups)))

    def is_whole(entry: Path) -> bool:
        try:
            return all(groups.shape == (len(manifest),) for groups in astuple(_read(entry)))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return False

    return _read(Cache(cache_dir).make("duplicates", _key(manifest, pixels, independent), build, is_whole))


def _read(entry: Path) -> Duplicates:
    with np.load(entry / _FILE, allow_pickle=False) as stored:
        return Duplicates(stored["exact"], stored["near"], stored["burst"], stored["groups"])


def _key(manifest: Manifest, pixels: Pixels, independent: Names[str]) -> dict[str, Any]:
    images = hashlib.sha256(pixels.file_of.tobytes() + pixels.row_of.tobytes())
    for record in manifest:
        line = f"{record.source}\0{record.label}\0{record.signer}\0{record.frame}\n"
        images.update(line.encode("utf-8", "surrogateescape"))
    # The folder of a pixel cache is named after everything that decides its pixels.
    stamps = [(file, file.stat()) for file in pixels.files]
    return {
        "version": VERSION,
        "near": NEAR,
        "fingerprint": fingerprints.SETTINGS,
        "independent": sorted(independent),
        "files": [[file.parent.name, file.name, stamp.st_size, stamp.st_mtime_ns] for file, stamp in stamps],
        "images": images.hexdigest(),
    }


def _same(pixels: Pixels, searched: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(images,) int64 each: the groups of equal and of nearly equal images; those not searched stand alone."""
    exact = np.arange(len(pixels))
    near = exact.copy()
    if not len(searched):
        return exact, near
    prints = np.empty((len(searched), fingerprints.DIMENSIONS), dtype=np.float32)
    first_of: dict[bytes, int] = {}
    with progress("comparing images", len(searched)) as advance:
        for row, index in enumerate(searched):
            image = pixels[int(index)]
            exact[index] = first_of.setdefault(hashlib.blake2b(image.data, digest_size=16).digest(), int(index))
            prints[row] = fingerprints.fingerprint(image)
            advance(1)
    different = exact[searched] == searched  # one of each image
    near[searched[different]] = searched[different][near_groups(prints[different])]
    return exact, near[exact]


def leaked_share(groups: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """The share of test images, from 0 to 1, that have one of their group in training: a near-duplicate or burst frame.

    Args:
        groups: (images,) int64, as in `Duplicates`.
        train, test: indices into it.
    """
    return float(np.isin(groups[test], groups[train]).mean()) if len(test) else 0.0


def near_groups(prints: np.ndarray, least: float = NEAR, tile: tuple[int, int] = (2048, 8192)) -> np.ndarray:
    """(images,) int64: connected groups of images whose fingerprints have a cosine of at least `least`.

    Args:
        prints: (images, dimensions) float32 unit vectors.
        least: the smallest cosine that joins two images.
        tile: rows and columns of the similarity matrix that are in memory at once, 64 MB as it stands.
    """
    groups = np.arange(len(prints))
    for row, column, cosines in _tiles(prints, *tile):
        first, second = np.nonzero(cosines >= least)
        first, second = first + row, second + column
        apart = groups[first] != groups[second]
        groups = _joined(groups, first[apart], second[apart])
    return groups


def bursts(manifest: Manifest) -> np.ndarray:
    """(images,) int64: runs of successive frame numbers of one source, sign and signer; others stand alone."""
    groups = np.arange(len(manifest))
    numbered = [(r.source, r.label, r.signer, r.frame, i) for i, r in enumerate(manifest) if r.frame != NO_FRAME]
    numbered.sort()
    for before, after in pairwise(numbered):
        if before[:3] == after[:3] and after[3] - before[3] <= 1:
            groups[after[4]] = groups[before[4]]
    everyone = np.arange(len(manifest))
    return _joined(everyone, everyone, groups)


def _joined(groups: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`groups` with the groups of each pair of images made one, numbered by their first image."""
    if not len(first):
        return groups
    count = len(groups)
    rows = np.concatenate([np.arange(count), first])
    columns = np.concatenate([groups, second])
    graph = coo_matrix((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    return np.unique(component, return_index=True)[1][component].astype(np.int64)


def _tiles(prints: np.ndarray, rows: int, columns: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Tiles of the cosines of all pairs, each pair at least once: first row, first column, (rows, columns) float32."""
    total = len(prints)
    pairs = total * (total + 1) // 2
    with progress("looking for near-duplicates", total) as advance:
        done = 0
        for row in range(0, total, rows):
            for column in range(row, total, columns):
                yield row, column, prints[row : row + rows] @ prints[column : column + columns].T
            left = max(0, total - row - rows)
            share = round(total * (1 - left * (left + 1) / 2 / pairs))  # the first rows meet the most images
            advance(share - done)
            done = share
