"""Which images are the same picture, or nearly: what a split must keep on one side.

Three kinds, and the groups that they form together:

- exact: the decoded pixels are equal, in whatever files they lie;
- near: the fingerprints of two pictures point the same way (cosine of at least `NEAR`);
- burst: successive frame numbers of one signer showing one sign in one source.

The fingerprint is a grey picture of 24 × 24, each pixel freed of its surroundings' mean and divided by their contrast
(local contrast normalisation: Jarrett et al., "What is the best multi-stage architecture for object recognition?",
ICCV 2009, section 2.1), as a unit vector. Hashes of brightness or of low frequencies see a bright shape on black and
little else, so two signs of a set with black backgrounds count as one picture; with the surroundings' contrast divided
out, fingers, wrinkles and edges weigh as much as the shape does, and another light changes little.

`NEAR` was chosen on pairs looked at, on the public sets: pairs from 0.90 on are one pose from one camera, a moment
apart. Of the 22,119 pairs in five sets with 225 signers none had two signers (the nearest reached 0.891), and 55 had
two signs, all in asl_alphabet, where a small hand before a fixed room is mostly room. Turned, mirrored and differently
cropped copies are not found.
"""

import hashlib
import zipfile
from collections.abc import Collection as Names
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from src.data.manifest import Manifest
from src.data.pixel_cache import Pixels
from src.sources.catalog import RENDERED
from src.sources.records import NO_FRAME
from src.storage.files import replacing_whole
from src.terminal import progress

NEAR = 0.90
FINGERPRINT_SIDE_PX = 24

# Part of every cache's key: raise it whenever the same images would be grouped otherwise.
_VERSION = 1
_SURROUNDINGS_PX = 1.5  # standard deviation of the Gaussian, on the small picture
_FAINT = 16.0  # grey levels squared: contrast below 4 levels is noise and is not blown up
_ROWS, _COLUMNS = 2048, 8192  # of a tile of the similarity matrix: 64 MB
# Pictures of these sources are drawn independently of each other, so no two are the same.
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
        cache_dir: where the result is kept, as `duplicates-<key>.npz`.
        independent: sources whose pictures are made independently, and are not searched.

    Raises:
        UserError: `cache_dir` cannot be written to.
    """
    place = Path(cache_dir) / f"duplicates-{_key(manifest, pixels, independent)[:20]}.npz"
    cached = _read(place, len(manifest))
    if cached is not None:
        return cached
    searched = np.flatnonzero(~np.isin(manifest.sources, list(independent)))
    exact = np.arange(len(manifest))
    near = exact.copy()
    if len(searched):
        digests, prints = _digests_and_fingerprints(pixels, searched)
        first_of: dict[bytes, int] = {}
        exact[searched] = [first_of.setdefault(digest, int(i)) for digest, i in zip(digests, searched, strict=True)]
        different = exact[searched] == searched  # one of each picture
        groups = near_groups(prints[different])
        near[searched[different]] = searched[different][groups]
        near = near[exact]
    burst = bursts(manifest)
    everyone = np.arange(len(manifest))
    found = Duplicates(exact, near, burst, _joined(_joined(everyone, everyone, near), everyone, burst))
    _write(place, found)
    return found


def leaked_share(groups: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """The share of test images, from 0 to 1, that have one of their group in training: a near-duplicate or burst frame.

    Args:
        groups: (images,) int64, as in `Duplicates`.
        train, test: indices into it.
    """
    return float(np.isin(groups[test], groups[train]).mean()) if len(test) else 0.0


def fingerprints(pixels: Pixels, indices: np.ndarray) -> np.ndarray:
    """(indices, 576) float32 unit vectors; see the top of this file. A picture of one colour has the zero vector."""
    return _digests_and_fingerprints(pixels, indices, hashed=False)[1]


def near_groups(prints: np.ndarray, least: float = NEAR) -> np.ndarray:
    """(images,) int64: connected groups of images whose fingerprints have a cosine of at least `least`.

    Args:
        prints: (images, dimensions) float32 unit vectors.
        least: the smallest cosine that joins two images.
    """
    groups = np.arange(len(prints))
    for rows, columns, cosines in _tiles(prints):
        first, second = np.nonzero(cosines >= least)
        first, second = first + rows, second + columns
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


def _tiles(prints: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Tiles of the cosines of all pairs, each pair at least once: first row, first column, (rows, columns) float32."""
    total = len(prints)
    pairs = total * (total + 1) // 2
    with progress("looking for near-duplicates", total) as advance:
        done = 0
        for row in range(0, total, _ROWS):
            for column in range(row, total, _COLUMNS):
                yield row, column, prints[row : row + _ROWS] @ prints[column : column + _COLUMNS].T
            left = max(0, total - row - _ROWS)
            share = round(total * (1 - left * (left + 1) / 2 / pairs))  # the first rows meet the most images
            advance(share - done)
            done = share


def _digests_and_fingerprints(
    pixels: Pixels, indices: np.ndarray, hashed: bool = True
) -> tuple[list[bytes], np.ndarray]:
    digests: list[bytes] = []
    prints = np.empty((len(indices), FINGERPRINT_SIDE_PX**2), dtype=np.float32)
    with progress("comparing pictures", len(indices)) as advance:
        for place, index in enumerate(indices):
            picture = pixels[int(index)]
            if hashed:
                digests.append(hashlib.blake2b(picture, digest_size=16).digest())
            prints[place] = _fingerprint(picture)
            advance(1)
    return digests, prints


def _fingerprint(picture: np.ndarray) -> np.ndarray:
    """(576,) float32 unit vector of a (size, size, 3) uint8 RGB picture."""
    side = FINGERPRINT_SIDE_PX
    grey = cv2.cvtColor(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    detail = grey.astype(np.float32)
    detail -= cv2.GaussianBlur(detail, (0, 0), _SURROUNDINGS_PX)
    detail /= np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _SURROUNDINGS_PX) + _FAINT)
    length = float(np.linalg.norm(detail))
    return detail.ravel() / length if length > 1e-3 else np.zeros(side * side, dtype=np.float32)


def _key(manifest: Manifest, pixels: Pixels, independent: Names[str]) -> str:
    digest = hashlib.sha256()
    settings = (_VERSION, NEAR, FINGERPRINT_SIDE_PX, _SURROUNDINGS_PX, _FAINT, sorted(independent))
    digest.update(repr(settings).encode())
    for file in pixels.files:  # a pixel cache's folder is named after everything that decides its pixels
        status = file.stat()
        digest.update(f"{file.parent.name}/{file.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    digest.update(pixels.file_of.tobytes() + pixels.row_of.tobytes())
    for record in manifest:
        line = f"{record.source}\0{record.label}\0{record.signer}\0{record.frame}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _read(place: Path, images: int) -> Duplicates | None:
    """What the cache holds, or None where it holds nothing or is damaged."""
    try:
        with np.load(place, allow_pickle=False) as stored:
            found = Duplicates(stored["exact"], stored["near"], stored["burst"], stored["groups"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found if all(groups.shape == (images,) for groups in astuple(found)) else None


def _write(place: Path, found: Duplicates) -> None:
    with replacing_whole(place) as beside:
        np.savez(beside, exact=found.exact, near=found.near, burst=found.burst, groups=found.groups)
