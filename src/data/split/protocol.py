"""What a split protocol is: its division of the images, its rule for names, the sentences that say what it promises."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from src.data.manifest import Manifest
from src.errors import UserError
from src.settings.options import Field, Option, settings
from src.signs.labels import SIGNS

if TYPE_CHECKING:
    from src.runs.record import Record

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Indices into a manifest; every image is in at most one part.

    Attributes:
        protocol: what divided them; never `strictest`, but what that came to.
        train, val, test: sorted int64 indices.
        holdout: the signers or sources of the test set, or () for a rule without names.
        validation: the signers or sources of the validation set, or ().
        validation_rule: the protocol that validation was taken by; it differs from `name` only where too few signers
            or sources are left, which `notes` then says.
        notes: what a reader of the figures must know, a sentence each.
        leaked_share: share of test images, from 0 to 1, that have a near-duplicate or burst frame in training.
        left_out: images in no part, because a near-duplicate of them is in another.
    """

    protocol: "SplitProtocol"
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    holdout: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    validation_rule: str = ""
    notes: tuple[str, ...] = field(default=())
    leaked_share: float = 0.0
    left_out: int = 0

    @property
    def name(self) -> str:
        """The protocol's name."""
        return self.protocol.slug

    def part(self, name: str) -> np.ndarray:
        """The indices of `train`, `val` or `test`."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]


@settings
class SplitProtocol(Option, group="split"):
    """A rule by which images are divided.

    Attributes:
        seen: in two words, what a chart calls the people of its test set.
        tests_new_people: whether the people of the test set are not promised to be those of training.
        holds_out: what `holdout` names: "signer", "source", either ("any"), or "" for nothing.
        keeps_duplicates_apart: whether no near-duplicate of a test image is ever trained on.
    """

    seen: ClassVar[str] = ""
    tests_new_people: ClassVar[bool] = False
    holds_out: ClassVar[str] = ""
    keeps_duplicates_apart: ClassVar[bool] = True

    holdout: tuple[str, ...] = Field(default=(), description="the test set's signers or sources, by name")
    validation: tuple[str, ...] = Field(default=(), description="the validation set's, where they are to be named")
    test_fraction: float = Field(default=0.2, ge=0.01, le=0.9, allow_inf_nan=False)
    validation_fraction: float = Field(default=0.1, ge=0.01, le=0.9, allow_inf_nan=False)
    seed: int = Field(default=1, ge=0, le=2**31 - 1)

    def check(self) -> None:
        if not self.holds_out and (self.holdout or self.validation):
            raise UserError(
                f"split={self.slug} holds out no names: use split=signer or split=source with split.holdout=[…]."
            )
        overlap = set(self.holdout) & set(self.validation)
        if overlap:
            raise UserError(
                f"split.holdout and split.validation both name {sorted(overlap)}: an image can be in one of them only."
            )
        if self.test_fraction + self.validation_fraction >= 1:
            raise UserError(
                "split.test_fraction and split.validation_fraction leave nothing to train on: their sum must stay "
                "below 1."
            )

    @abstractmethod
    def division(self, manifest: Manifest, groups: np.ndarray) -> Split:
        """The bare division; `divide` looks after near-duplicates, empty parts and notes.

        Args:
            manifest: the images.
            groups: `(images,) int64`: images that share a number are near-duplicates.

        Raises:
            UserError: a held-out name does not exist.
        """

    @classmethod
    @abstractmethod
    def promise(cls, record: "Record") -> str:
        """One sentence: what the figure of a run does and does not promise."""

    @classmethod
    def tested(cls, record: "Record") -> str:
        """What was tested, in a few words."""
        return f"{record.test_images:,} images, all there are (split={cls.slug})"

    def notes(self, split: Split, manifest: Manifest) -> list[str]:
        """What a reader of the figures must know about this protocol's division, a sentence each."""
        return []

    def emptied(self, groups: np.ndarray) -> str:
        """How to mend a division that leaves a part empty."""
        if len(np.unique(groups)) <= len(groups) / 2:
            return "the same pictures are on both sides of it, and python -m src.audit shows them"
        return "add images, or change split.test_fraction and split.validation_fraction"

    def divide(self, manifest: Manifest, groups: np.ndarray) -> Split:
        """Divide a manifest; the same manifest and seed give the same split.

        Args:
            manifest: the images.
            groups: `(images,) int64`: images that share a number are near-duplicates, see `src.data.duplicates`.

        Raises:
            UserError: a held-out name does not exist, or a part would be empty.
        """
        split = self.division(manifest, groups)
        rule = split.protocol
        if rule.keeps_duplicates_apart:
            split = without_straddlers(split, groups)
        for part in PARTS:
            if not len(split.part(part)):
                raise UserError(
                    f"split={split.name} leaves the {part} set empty with {len(manifest)} images: "
                    f"{rule.emptied(groups)}."
                )
        split = replace(
            split,
            leaked_share=leaked_share(groups, split.train, split.test),
            left_out=len(manifest) - sum(len(split.part(part)) for part in PARTS),
        )
        return replace(split, notes=(*split.notes, *_notes(split, manifest)))

    def random(self) -> np.random.Generator:
        """What the division draws from."""
        return np.random.default_rng((self.seed, 0x5117))


def leaked_share(groups: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """The share of test images, from 0 to 1, that have one of their group in training: a near-duplicate or burst frame.

    Args:
        groups: `(images,) int64`: images that share a number are near-duplicates.
        train, test: indices into it.
    """
    return float(np.isin(groups[test], groups[train]).mean()) if len(test) else 0.0


def without_straddlers(split: Split, groups: np.ndarray) -> Split:
    """The split without images of training that have a near-duplicate in test or validation, nor of validation in test.

    Where validation is a random part of what is left, it may stay near to training; test never may.
    """
    val = split.val[~np.isin(groups[split.val], groups[split.test])]
    away = groups[split.test] if split.validation_rule == "random" else groups[np.union1d(split.test, val)]
    train = split.train[~np.isin(groups[split.train], away)]
    return replace(split, train=train, val=val)


def _notes(split: Split, manifest: Manifest) -> list[str]:
    labels = manifest.labels
    notes: list[str] = []
    if split.left_out:
        notes.append(
            f"{split.left_out} images are left out of training and validation: they are near-duplicates of images in "
            "a part that is kept apart from theirs."
        )
    notes += split.protocol.notes(split, manifest)
    never_trained = sorted(set(labels[split.test]) - set(labels[split.train]))
    if never_trained:
        lost = int(np.isin(labels[split.test], never_trained).sum())
        notes.append(
            f"The signs {named_signs(never_trained)} are tested but never trained: all {lost} of their images count as "
            "wrong (datamodule.signs restricts both sides)."
        )
    return notes


def named_signs(labels: Sequence[int]) -> str:
    """Class indices as signs with a blank between them."""
    return " ".join(SIGNS[label] for label in labels)
