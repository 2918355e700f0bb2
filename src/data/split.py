"""Which images train, which validate and which test: a protocol whose name every reported number carries.

A protocol is a rule for what may not stand on both sides: `random` nothing, `group` a near-duplicate or a burst,
`signer` a person, `source` a dataset. `strictest` is the strictest of them that the images allow, and goes by that name
from then on. `everything` is for scoring a network that was trained elsewhere: all images are tested.

Under every rule but `random` a near-duplicate of a test image is never trained on, whoever signs it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from omegaconf import DictConfig

from src.data.duplicates import leaked_share
from src.data.manifest import Manifest
from src.errors import UserError
from src.signs.labels import SIGNS
from src.sources.records import UNKNOWN_SIGNER

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Indices into a manifest; every image is in at most one part.

    Attributes:
        name: the protocol; never `strictest`, but what that came to.
        train, val, test: sorted int64 indices.
        holdout: the signers or sources of the test set, or () for a rule without names.
        validation: the signers or sources of the validation set, or ().
        validation_rule: the protocol that validation was taken by; it differs from `name` only where too few signers
            or sources are left, which `notes` then says.
        notes: what a reader of the figures must know, a sentence each.
        leaked_share: share of test images, from 0 to 1, that have a near-duplicate or burst frame in training.
        left_out: images in no part, because a near-duplicate of them is in another.
    """

    name: str
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    holdout: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    validation_rule: str = ""
    notes: tuple[str, ...] = field(default=())
    leaked_share: float = 0.0
    left_out: int = 0

    def part(self, name: str) -> np.ndarray:
        """The indices of `train`, `val` or `test`."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]


def split_manifest(manifest: Manifest, cfg: DictConfig, groups: np.ndarray) -> Split:
    """Divide a manifest by the `split` section of the config; the same manifest and seed give the same split.

    Args:
        manifest: the images.
        cfg: the `split` section of a config.
        groups: (images,) int64: images that share a number are near-duplicates, see `src.data.duplicates`.

    Raises:
        UserError: a held-out name does not exist, or a part would be empty.
    """
    if cfg.name == "everything":
        none, everything = np.empty(0, dtype=np.int64), np.arange(len(manifest))
        return Split("everything", train=none, val=none, test=everything)
    name, holdout, reason = _strictest(manifest, cfg, groups) if cfg.name == "strictest" else (cfg.name, None, "")
    if cfg.validation and name in ("group", "random"):
        raise UserError(f"split.validation={list(cfg.validation)} names nobody that these images know. {reason}")
    split = _divided(name, manifest, cfg, groups, holdout)
    if name != "random":
        split = _without_straddlers(split, groups)
    for part in PARTS:
        if not len(split.part(part)):
            mend = "add images, or change split.test_fraction and split.validation_fraction"
            if name == "group":
                mend = "nearly all are duplicates of each other; add other images, or take split=random, which leaks"
            elif len(np.unique(groups)) <= len(manifest) / 2:
                mend = "the same pictures are on both sides of it, and python -m src.audit shows them"
            raise UserError(f"split={name} leaves the {part} set empty with {len(manifest)} images: {mend}.")
    split = replace(
        split,
        leaked_share=leaked_share(groups, split.train, split.test),
        left_out=len(manifest) - sum(len(split.part(part)) for part in PARTS),
    )
    return replace(split, notes=(*([reason] if reason else []), *split.notes, *_notes(split, manifest, groups)))


def _divided(
    name: str, manifest: Manifest, cfg: DictConfig, groups: np.ndarray, holdout: Sequence[str] | None = None
) -> Split:
    rng = np.random.default_rng((cfg.seed, 0x5117))
    if name == "random":
        return _random(manifest, cfg, rng)
    if name == "group":
        return _by_duplicates(manifest, groups, cfg, rng)
    owners = manifest.signers if name == "signer" else manifest.sources
    return _by_owner(name, manifest, owners, groups, cfg, rng, cfg.holdout if holdout is None else holdout)


def _strictest(manifest: Manifest, cfg: DictConfig, groups: np.ndarray) -> tuple[str, list[str], str]:
    """The strictest rule that these images allow, the names it holds out (none: it draws them), and why, a sentence."""
    sources = sorted(set(manifest.sources))
    signers = sorted({signer for signer in manifest.signers if signer != UNKNOWN_SIGNER})
    named = [str(name) for name in cfg.holdout]
    if named and set(named) <= set(sources):
        return "source", named, "split=strictest is source here: split.holdout names sources."
    if len({signer.partition(":")[0] for signer in signers}) < len(signers) or named:
        return "signer", named, f"split=strictest is signer here: the images have {len(signers)} signers."
    alone = "no source has two known signers"
    if away := _learnable_source(manifest, cfg.test_fraction):
        return (
            "source",
            [away],
            f"split=strictest is source here: {alone}, so {away} is held out whole "
            "(split.holdout=[…] names another; split=group mixes the sources).",
        )
    split = _without_straddlers(_divided("group", manifest, cfg, groups), groups)
    wanted = cfg.test_fraction * len(manifest)
    if len(split.val) and len(split.test) >= wanted / 2:
        return "group", [], f"split=strictest is group here: {alone}, and near-duplicates can be kept on one side."
    return (
        "random",
        [],
        f"split=strictest is random here: {alone}, and so many images are near-duplicates that keeping them on one "
        f"side leaves {len(split.test)} to test.",
    )


def _learnable_source(manifest: Manifest, share: float) -> str | None:
    """The source nearest to `share` of all images whose every sign another source shows too, or None."""
    labels, sources = manifest.labels, manifest.sources
    learnable = [name for name in sorted(set(sources)) if set(labels[sources == name]) <= set(labels[sources != name])]
    return min(learnable, key=lambda name: abs((sources == name).mean() - share), default=None)


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
        drawn += [members[place] for place in rng.permutation(len(members))[:count]]
    return np.array(sorted(drawn), dtype=np.int64)


def _random(manifest: Manifest, cfg: DictConfig, rng: np.random.Generator) -> Split:
    everything = np.arange(len(manifest))
    test = stratified_part(manifest, everything, cfg.test_fraction, rng)
    rest = np.setdiff1d(everything, test)
    val = stratified_part(manifest, rest, cfg.validation_fraction / (1 - cfg.test_fraction), rng)
    return Split("random", np.setdiff1d(rest, val), val, test, validation_rule="random")


def _by_duplicates(manifest: Manifest, groups: np.ndarray, cfg: DictConfig, rng: np.random.Generator) -> Split:
    everything = np.arange(len(manifest))
    test = _whole_groups(manifest, groups, everything, cfg.test_fraction, rng)
    rest = np.setdiff1d(everything, test)
    val = _whole_groups(manifest, groups, rest, cfg.validation_fraction / (1 - cfg.test_fraction), rng)
    return Split("group", np.setdiff1d(rest, val), val, test, validation_rule="group")


def _whole_groups(
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
            chosen.update(_drawn(sizes, free, target, rng))
    # A group of several signs was drawn for one of them: it may have been all that another sign had.
    for sizes in strata.values():
        if set(sizes) <= chosen:
            chosen.discard(max(sizes, key=lambda group: (sizes[group], group)))
    return indices[np.isin(groups[indices], [int(group) for group in chosen])]


def _by_owner(
    what: str,
    manifest: Manifest,
    owners: np.ndarray,
    groups: np.ndarray,
    cfg: DictConfig,
    rng: np.random.Generator,
    wanted: Sequence[str],
) -> Split:
    known = sorted({owner for owner in owners if owner != UNKNOWN_SIGNER})
    if len(known) < 2:
        raise UserError(
            f"split={what} needs at least two {what}s, but these images name {len(known)}: "
            "use another split or add datamodule.sources (python -m src.prepare shows the signers of each)."
        )
    sizes = {owner: int((owners == owner).sum()) for owner in known}
    holdout = _named(wanted, known, f"split.holdout ({what})") or _drawn_from_each(sizes, known, cfg.test_fraction, rng)
    rest = [owner for owner in known if owner not in holdout]
    notes: list[str] = []
    validation = _named(cfg.validation, rest, f"split.validation ({what})")
    unknown_can_train = bool((owners == UNKNOWN_SIGNER).any())
    if not validation and (len(rest) > 1 or (rest and unknown_can_train)):
        validation = _drawn_from_each(sizes, rest, cfg.validation_fraction, rng)
    test = np.flatnonzero(np.isin(owners, holdout))
    if validation:
        val = np.flatnonzero(np.isin(owners, validation))
        train = np.setdiff1d(np.arange(len(manifest)), np.union1d(test, val))
        rule = what
    else:
        remaining = np.setdiff1d(np.arange(len(manifest)), test)
        remaining = remaining[~np.isin(groups[remaining], groups[test])]
        rule = "group"
        val = _whole_groups(manifest, groups, remaining, cfg.validation_fraction, rng)
        if len(val) < cfg.validation_fraction * len(remaining) / 2:
            rule = "random"
            val = stratified_part(manifest, remaining, cfg.validation_fraction, rng)
        train = np.setdiff1d(remaining, val)
        notes.append(
            f"Only {len(rest)} {what} is left after the hold-out, so validation is a part of it by split={rule}: "
            "the best checkpoint is chosen on people that were seen"
            + (", many on nearly the same pictures." if rule == "random" else ".")
        )
    if unknown_can_train:
        count = int((owners == UNKNOWN_SIGNER).sum())
        notes.append(f"{count} images name no signer: they are trained on and never tested.")
    return Split(what, train, val, test, tuple(holdout), tuple(validation), rule, tuple(notes))


def _without_straddlers(split: Split, groups: np.ndarray) -> Split:
    """The split without images of training that have a near-duplicate in test or validation, nor of validation in test.

    Where validation is a random part of what is left, it may stay near to training; test never may.
    """
    val = split.val[~np.isin(groups[split.val], groups[split.test])]
    away = groups[split.test] if split.validation_rule == "random" else groups[np.union1d(split.test, val)]
    train = split.train[~np.isin(groups[split.train], away)]
    return replace(split, train=train, val=val)


def _named(wanted: Sequence[str], known: Sequence[str], where: str) -> list[str]:
    """The groups that `wanted` names, in full (`asl_dataset:hand5`) or by the part after the colon (`hand5`)."""
    chosen: list[str] = []
    for name in map(str, wanted):
        matches = [group for group in known if name in (group, group.partition(":")[2])]
        if not matches:
            raise UserError(f"{where} names '{name}', which is not there: choose from {_listed(known)}.")
        if len(matches) > 1:
            raise UserError(f"{where} names '{name}', which could be {' or '.join(matches)}: write it in full.")
        chosen += matches
    return chosen


def _listed(names: Iterable[str], most: int = 20) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _drawn_from_each(sizes: dict[str, int], groups: Sequence[str], share: float, rng: np.random.Generator) -> list[str]:
    """About `share` of each source's images in whole groups, so that no source's signs are missing by chance.

    `share` is of all that `sizes` counts of a source. A source with a single group keeps it, unless all sources do.
    """
    source_of = {group: group.partition(":")[0] for group in groups}
    chosen: list[str] = []
    for source in sorted(set(source_of.values())):
        members = [group for group in groups if source_of[group] == source]
        if len(members) > 1:
            of_source = sum(size for group, size in sizes.items() if group.partition(":")[0] == source)
            chosen += _drawn(sizes, members, round(share * of_source), rng)
    return sorted(chosen) or _drawn(sizes, groups, round(share * sum(sizes.values())), rng)


def _drawn(sizes: dict[str, int], groups: Sequence[str], target: int, rng: np.random.Generator) -> list[str]:
    """Whole groups in random order, each taken if it brings the count nearer to `target`; one at least, never all."""
    chosen: list[str] = []
    count = 0
    for place in rng.permutation(len(groups)):
        group = groups[place]
        if abs(count + sizes[group] - target) < abs(count - target) and len(chosen) < len(groups) - 1:
            chosen.append(group)
            count += sizes[group]
    return sorted(chosen) or [min(groups, key=lambda group: (sizes[group], group))]


def _notes(split: Split, manifest: Manifest, groups: np.ndarray) -> list[str]:
    labels = manifest.labels
    notes: list[str] = []
    if split.left_out:
        notes.append(
            f"{split.left_out} images are left out of training and validation: they are near-duplicates of images in "
            "a part that is kept apart from theirs."
        )
    if split.name == "random":
        notes.append(
            f"split=random leaks: {split.leaked_share:.1%} of the test images have a near-duplicate or another frame "
            "of their burst in training."
        )
    if split.name == "group":
        untested = sorted(set(labels) - set(labels[split.test]))
        if untested:
            signs = " ".join(SIGNS[label] for label in untested)
            notes.append(f"The signs {signs} are trained but not tested: all their images are near-duplicates.")
    never_trained = sorted(set(labels[split.test]) - set(labels[split.train]))
    if never_trained:
        signs = " ".join(SIGNS[label] for label in never_trained)
        lost = int(np.isin(labels[split.test], never_trained).sum())
        notes.append(
            f"The signs {signs} are tested but never trained: all {lost} of their images count as wrong "
            "(datamodule.signs restricts both sides)."
        )
    return notes
