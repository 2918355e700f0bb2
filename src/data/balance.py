"""How often an epoch shows each image, so that a large set of few people does not outweigh a small one of many."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from src.data.manifest import Manifest
from src.errors import UserError
from src.sources.catalog import source_named
from src.sources.records import UNKNOWN_SIGNER

Balance = Literal["none", "people", "sources"]


def shares(manifest: Manifest, part: np.ndarray, balance: Balance, weights: Mapping[str, float]) -> np.ndarray:
    """`(part,) float64`: the probability of each image of `part` at each draw; they sum to 1.

    A source is drawn first, then one of its people, then one of the signs that they show, then a picture of it, each
    alike; but sources by the square root of how many people they have (`people`), or alike (`sources`). Images whose
    signer is not known count as those people of the source that its entry tells of and nobody has named, at least one.

    Args:
        manifest: the images.
        part: indices of those that are drawn from.
        balance: `people` or `sources`; `none` gives every image the same.
        weights: a source, or the beginning of images' names (`source/…`) → how many times as often as otherwise.

    Raises:
        UserError: a weight is of no image, or leaves none.
    """
    sources, signers, labels = manifest.sources[part], manifest.signers[part], manifest.labels[part]
    share = np.ones(len(part))
    if balance != "none":
        for source in np.unique(sources):
            here = np.flatnonzero(sources == source)
            people = _people(str(source), signers[here])
            total = sum(people.values())
            weight = np.sqrt(total) if balance == "people" else 1.0
            for person, count in people.items():
                theirs = here[signers[here] == person]
                signs = np.unique(labels[theirs])
                for sign in signs:
                    pictures = theirs[labels[theirs] == sign]
                    share[pictures] = weight * count / total / len(signs) / len(pictures)
    share *= _factors(manifest, part, weights)
    if not share.sum() > 0:
        raise UserError("datamodule.weights leave no image to train on: one of them must be above 0.")
    return share / share.sum()


def _people(source: str, signers: np.ndarray) -> dict[str, int]:
    """Each of some images' signers → how many people they stand for: 1, or more where they are not known."""
    names = [str(name) for name in np.unique(signers)]
    told = source_named(source).people - sum(name != UNKNOWN_SIGNER for name in names)
    return {name: 1 if name != UNKNOWN_SIGNER else max(1, told) for name in names}


def _factors(manifest: Manifest, part: np.ndarray, weights: Mapping[str, float]) -> np.ndarray:
    names = [manifest[int(index)].name for index in part]
    factors = np.ones(len(part))
    for start in sorted(weights, key=len):  # what is said more exactly counts
        found = [number for number, name in enumerate(names) if f"{name}/".startswith(f"{start.rstrip('/')}/")]
        if not found:
            raise UserError(
                f"datamodule.weights names {start}, but no image of training begins with it: name a source, or "
                "<source>/<its folder>."
            )
        factors[found] = weights[start]
    return factors


def drawn_words(manifest: Manifest, part: np.ndarray, share: np.ndarray) -> str:
    """What an epoch is made of, for people: each source's part of the draws."""
    sources, signers = manifest.sources[part], manifest.signers[part]
    words = []
    for source in dict.fromkeys(sources):
        here = sources == source
        count = sum(_people(str(source), signers[here]).values())
        words.append(f"{share[here].sum():.0%} {source} ({count} {'person' if count == 1 else 'people'})")
    return ", ".join(words)
