"""Which images train, which validate and which test: a protocol whose name every reported number carries.

A protocol is a rule for what may not stand on both sides: `random` nothing, `signer` a person, `source` a dataset.
`everything` is for scoring a network that was trained elsewhere: all images are tested.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from omegaconf import DictConfig

from src.data.manifest import UNKNOWN_SIGNER, Manifest
from src.errors import UserError
from src.signs.labels import SIGNS

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Indices into a manifest; every image is in at most one part.

    Attributes:
        name: the protocol.
        train, val, test: sorted int64 indices.
        holdout: the groups (signers or sources) of the test set, or () for `random`.
        validation: the groups of the validation set, or ().
        validation_rule: the protocol that validation was taken by; it differs from `name` only where too few groups
            are left, which `notes` then says.
        notes: what a reader of the figures must know, a sentence each.
    """

    name: str
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    holdout: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    validation_rule: str = ""
    notes: tuple[str, ...] = field(default=())

    def part(self, name: str) -> np.ndarray:
        """The indices of `train`, `val` or `test`."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]


def split_manifest(manifest: Manifest, cfg: DictConfig) -> Split:
    """Divide a manifest by the `split` section of the config; the same manifest and seed give the same split.

    Raises:
        UserError: a held-out name does not exist, or a part would be empty.
    """
    if cfg.name == "everything":
        none, everything = np.empty(0, dtype=np.int64), np.arange(len(manifest))
        return Split("everything", train=none, val=none, test=everything)
    rng = np.random.default_rng((cfg.seed, 0x5117))
    if cfg.name == "random":
        split = _random(manifest, cfg, rng)
    else:
        groups = manifest.signers if cfg.name == "signer" else manifest.sources
        split = _by_group(manifest, groups, cfg, rng)
    for part in PARTS:
        if not len(split.part(part)):
            raise UserError(
                f"split={cfg.name} leaves the {part} set empty with {len(manifest)} images: "
                "add images, or change split.test_fraction and split.validation_fraction."
            )
    return _with_notes(split, manifest)


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


def _by_group(manifest: Manifest, groups: np.ndarray, cfg: DictConfig, rng: np.random.Generator) -> Split:
    what = cfg.name
    known = sorted({group for group in groups if group != UNKNOWN_SIGNER})
    if len(known) < 2:
        raise UserError(
            f"split={what} needs at least two {what}s, but these images name {len(known)}: "
            "use another split or add datamodule.sources (python -m src.prepare shows the signers of each)."
        )
    sizes = {group: int((groups == group).sum()) for group in known}
    holdout = _named(cfg.holdout, known, f"split.holdout ({what})") or _drawn_from_each(
        sizes, known, cfg.test_fraction, rng
    )
    rest = [group for group in known if group not in holdout]
    notes: list[str] = []
    validation = _named(cfg.validation, rest, f"split.validation ({what})")
    unknown_can_train = bool((groups == UNKNOWN_SIGNER).any())
    if not validation and (len(rest) > 1 or (rest and unknown_can_train)):
        validation = _drawn_from_each(sizes, rest, cfg.validation_fraction, rng)
    test = np.flatnonzero(np.isin(groups, holdout))
    if validation:
        val = np.flatnonzero(np.isin(groups, validation))
        train = np.setdiff1d(np.arange(len(manifest)), np.union1d(test, val))
        rule = what
    else:
        remaining = np.setdiff1d(np.arange(len(manifest)), test)
        val = stratified_part(manifest, remaining, cfg.validation_fraction, rng)
        train = np.setdiff1d(remaining, val)
        rule = "random"
        notes.append(
            f"Only {len(rest)} {what} is left after the hold-out, so validation is a random part of it: "
            "the best checkpoint is chosen on people that were seen."
        )
    if unknown_can_train:
        count = int((groups == UNKNOWN_SIGNER).sum())
        notes.append(f"{count} images name no signer: they are trained on and never tested.")
    return Split(what, train, val, test, tuple(holdout), tuple(validation), rule, tuple(notes))


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


def _with_notes(split: Split, manifest: Manifest) -> Split:
    labels = manifest.labels
    never_trained = sorted(set(labels[split.test]) - set(labels[split.train]))
    notes = list(split.notes)
    if never_trained:
        signs = " ".join(SIGNS[label] for label in never_trained)
        lost = int(np.isin(labels[split.test], never_trained).sum())
        notes.append(
            f"The signs {signs} are tested but never trained: all {lost} of their images count as wrong "
            "(datamodule.signs restricts both sides)."
        )
    return Split(
        split.name,
        split.train,
        split.val,
        split.test,
        split.holdout,
        split.validation,
        split.validation_rule,
        tuple(notes),
    )
