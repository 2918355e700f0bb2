"""Drawing a share of the images: one by one, or in whole groups, evenly from every source and sign."""

from collections.abc import Sequence

import numpy as np

from src.data.manifest import Manifest


def stratified_part(manifest: Manifest, indices: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """About `share` of `indices`, drawn evenly from every (source, sign), at least one where there are two."""
    strata: dict[tuple[str, int], list[int]] = {}
    for index in indices:
        record = manifest[int(index)]
        strata.setdefault((record.source, record.label), []).append(int(index))
    drawn: list[int] = []
    for key in sorted(strata):
        members = strata[key]
        count = min(max(1, round(share * len(members))), len(members) - 1)
        drawn += [members[number] for number in rng.permutation(len(members))[:count]]
    return np.array(sorted(drawn), dtype=np.int64)


def whole_groups(
    manifest: Manifest, groups: np.ndarray, indices: np.ndarray, share: float, rng: np.random.Generator
) -> np.ndarray:
    """About `share` of `indices` in whole groups, from every (source, sign) that has two groups or more.

    The last group of a source's sign is never drawn, so that what is tested was trained.
    """
    strata: dict[tuple[str, int], dict[str, int]] = {}
    for index in indices:
        record = manifest[int(index)]
        sizes = strata.setdefault((record.source, record.label), {})
        sizes[str(groups[index])] = sizes.get(str(groups[index]), 0) + 1
    chosen: set[str] = set()
    for key in sorted(strata):
        sizes = strata[key]
        target = max(1, round(share * sum(sizes.values()))) - sum(
            size for group, size in sizes.items() if group in chosen
        )
        free = [group for group in sizes if group not in chosen]
        if len(free) > 1 and target > 0:
            chosen.update(drawn(sizes, free, target, rng))
    # A group of several signs was drawn for one of them: it may have been all that another sign had.
    for sizes in strata.values():
        if set(sizes) <= chosen:
            chosen.discard(max(sizes, key=lambda group: (sizes[group], group)))
    return indices[np.isin(groups[indices], [int(group) for group in chosen])]


def drawn_from_each(sizes: dict[str, int], groups: Sequence[str], share: float, rng: np.random.Generator) -> list[str]:
    """About `share` of each source's images in whole groups, so that no source's signs are missing by chance.

    `share` is of all that `sizes` counts of a source. A source with a single group keeps it, unless all sources do.
    """
    source_of = {group: group.partition(":")[0] for group in groups}
    chosen: list[str] = []
    for source in sorted(set(source_of.values())):
        members = [group for group in groups if source_of[group] == source]
        if len(members) > 1:
            of_source = sum(size for group, size in sizes.items() if group.partition(":")[0] == source)
            chosen += drawn(sizes, members, round(share * of_source), rng)
    return sorted(chosen) or drawn(sizes, groups, round(share * sum(sizes.values())), rng)


def drawn(sizes: dict[str, int], groups: Sequence[str], target: int, rng: np.random.Generator) -> list[str]:
    """Whole groups in random order, each taken if it brings the count nearer to `target`; one at least, never all."""
    chosen: list[str] = []
    count = 0
    for number in rng.permutation(len(groups)):
        group = groups[number]
        if abs(count + sizes[group] - target) < abs(count - target) and len(chosen) < len(groups) - 1:
            chosen.append(group)
            count += sizes[group]
    return sorted(chosen) or [min(groups, key=lambda group: (sizes[group], group))]
