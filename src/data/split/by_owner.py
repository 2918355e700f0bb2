"""Protocols that hold out whole people or whole datasets."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from src.data.manifest import Manifest
from src.data.split.drawing import drawn_from_each, stratified_part, whole_groups
from src.data.split.protocol import Split, SplitProtocol
from src.errors import UserError
from src.settings.options import closest, settings
from src.sources.records import UNKNOWN_SIGNER

if TYPE_CHECKING:
    from src.learning.run_settings import RunSettings
    from src.runs.record import Record


@settings
class ByOwner(SplitProtocol):
    """Each image belongs to an owner, and whole owners are held out."""

    tests_new_people = True

    @abstractmethod
    def owners(self, manifest: Manifest) -> np.ndarray:
        """`(images,) str`: whose each image is, `UNKNOWN_SIGNER` where that is not known."""

    def division(self, manifest: Manifest, groups: np.ndarray) -> Split:
        owners, rng, what = self.owners(manifest), self.random(), self.slug
        known = sorted({owner for owner in owners if owner != UNKNOWN_SIGNER})
        if len(known) < 2:
            raise UserError(
                f"split={what} needs at least two {what}s, but these images name {len(known)}: "
                "use another split or add datamodule.sources (python -m src.prepare shows the signers of each)."
            )
        sizes = {owner: int((owners == owner).sum()) for owner in known}
        holdout = _named(self.holdout, known, f"split.holdout ({what})") or drawn_from_each(
            sizes, known, self.test_fraction, rng
        )
        rest = [owner for owner in known if owner not in holdout]
        validation = _named(self.validation, rest, f"split.validation ({what})")
        unknown = int((owners == UNKNOWN_SIGNER).sum())
        if not validation and (len(rest) > 1 or (rest and unknown)):
            validation = drawn_from_each(sizes, rest, self.validation_fraction, rng)
        test = np.flatnonzero(np.isin(owners, holdout))
        notes: list[str] = []
        if validation:
            val = np.flatnonzero(np.isin(owners, validation))
            train, rule = np.setdiff1d(np.arange(len(manifest)), np.union1d(test, val)), what
        else:
            train, val, rule = self._validated_within(manifest, groups, test, rng)
            notes.append(
                f"Only {len(rest)} {what} is left after the hold-out, so validation is a part of it by split={rule}: "
                "the best checkpoint is chosen on people that were seen"
                + (", many on nearly the same pictures." if rule == "random" else ".")
            )
        if unknown:
            notes.append(f"{unknown} images name no {what}: they are trained on and never tested.")
        return Split(self, train, val, test, tuple(holdout), tuple(validation), rule, tuple(notes))

    def _validated_within(
        self, manifest: Manifest, groups: np.ndarray, test: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, str]:
        """Training and validation images where a single owner is left, and the rule that they were divided by."""
        remaining = np.setdiff1d(np.arange(len(manifest)), test)
        remaining = remaining[~np.isin(groups[remaining], groups[test])]
        rule, val = "group", whole_groups(manifest, groups, remaining, self.validation_fraction, rng)
        if len(val) < self.validation_fraction * len(remaining) / 2:
            rule, val = "random", stratified_part(manifest, remaining, self.validation_fraction, rng)
        return np.setdiff1d(remaining, val), val, rule


@settings
class Signer(ByOwner):
    """Whole people: nobody in the test set was seen in training."""

    seen = "unseen signers"
    holds_out = "signer"

    def owners(self, manifest: Manifest) -> np.ndarray:
        return manifest.signers

    @classmethod
    def promise(cls, record: "Record") -> str:
        people = len(record.holdout)
        whom = (
            "on one person, who may be easier or harder to read than the next" if people == 1 else f"on {people} people"
        )
        return (
            f"It promises how well a new person is read before the same camera and background, measured {whom}; "
            "it does not promise another camera, room or way of framing the hand."
        )

    @classmethod
    def tested(cls, record: "Record") -> str:
        held = ", ".join(record.holdout)
        return f"{record.test_images:,} images of {held}, never in training or validation (split=signer)"


@settings
class Source(ByOwner):
    """Whole datasets: another room, camera and people."""

    seen = "another dataset"
    holds_out = "source"

    def check_with(self, run: "RunSettings") -> None:
        known = list(run.datamodule.sources)
        for name in (*self.holdout, *self.validation):
            if name not in known:
                raise UserError(
                    f"split.holdout names '{name}', which is not in datamodule.sources={known}{closest(name, known)}."
                )
        if set(known) <= {*self.holdout, *self.validation}:
            raise UserError(
                f"split.holdout={list(self.holdout)} leaves no source to train on: {known} are all there are."
            )
        if not self.holdout:
            raise UserError(f"split=source needs split.holdout=[…] with one or more of {known}.")

    def owners(self, manifest: Manifest) -> np.ndarray:
        return manifest.sources

    @classmethod
    def promise(cls, record: "Record") -> str:
        return (
            "It promises how well another dataset, with its own people, room and camera, is read, the nearest of "
            "these tests to a user at home; it does not promise a third dataset, which may differ in other ways."
        )

    @classmethod
    def tested(cls, record: "Record") -> str:
        held = ", ".join(record.holdout)
        return f"{record.test_images:,} images of {held}, a dataset that was not trained on (split=source)"


def _named(wanted: Sequence[str], known: Sequence[str], where: str) -> list[str]:
    """The groups that `wanted` names, in full (`asl_dataset:hand5`) or by the part after the colon (`hand5`)."""
    chosen: list[str] = []
    for name in wanted:
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
