"""Whom each fold holds out: every signer, or whatever else a protocol holds out by name, once."""

import numpy as np

from src.data.manifest import Manifest
from src.data.split import ByOwner, SplitProtocol
from src.errors import UserError
from src.sources.records import UNKNOWN_SIGNER

# More trainings than this are asked for by number, not met by surprise.
MOST_UNASKED = 20


def fold_holdouts(
    manifest: Manifest, protocol: SplitProtocol, count: int | None = None, seed: int = 1
) -> list[tuple[str, ...]]:
    """The names that each fold tests; every known signer (or source) is in exactly one fold.

    Args:
        manifest: the images.
        protocol: what divides them; one that holds out whole owners, such as `signer` or `source`.
        count: folds; as many as there are names where not given. The images of each source are dealt out evenly.
        seed: draws who shares a fold with whom.

    Raises:
        UserError: the split holds out no names, there are fewer than two, or fewer than `count`, or too many to train
            for each of them unasked.
    """
    split = protocol.slug
    if not isinstance(protocol, ByOwner):
        raise UserError(f"split={split} holds out nobody by name: folds go over split=signer or split=source.")
    owners = protocol.owners(manifest)
    names = sorted({str(owner) for owner in owners if owner != UNKNOWN_SIGNER})
    if len(names) < 2:
        raise UserError(f"These images know {len(names)} {split}: folds need at least two.")
    if count is None and len(names) > MOST_UNASKED:
        raise UserError(
            f"These images know {len(names)} {split}s, and a fold for each would be {len(names)} trainings: "
            f"folds=5 makes five folds of them (folds={len(names)} insists)."
        )
    if count is None or count == len(names):
        return [(name,) for name in names]
    if count > len(names):
        raise UserError(f"folds={count} are more than the {len(names)} {split}s of these images.")
    return _dealt(names, {name: int((owners == name).sum()) for name in names}, count, seed)


def _dealt(names: list[str], sizes: dict[str, int], count: int, seed: int) -> list[tuple[str, ...]]:
    """Each source's names, the larger first, each to the fold that has the fewest images of that source."""
    shuffled = [names[number] for number in np.random.default_rng((seed, 0xF01D)).permutation(len(names))]
    folds: list[list[str]] = [[] for _ in range(count)]
    images = [0] * count
    for source in sorted({name.partition(":")[0] for name in names}):
        of_source = [0] * count
        members = [name for name in shuffled if name.partition(":")[0] == source]
        for name in sorted(members, key=lambda name: -sizes[name]):
            fold = min(range(count), key=lambda fold: (of_source[fold], images[fold], fold))
            folds[fold].append(name)
            of_source[fold] += sizes[name]
            images[fold] += sizes[name]
    return [tuple(sorted(fold)) for fold in folds]
