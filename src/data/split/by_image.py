"""Protocols that divide images or groups of near-duplicates, and one that tests them all."""

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from src.data.manifest import Manifest
from src.data.split.drawing import stratified_part, whole_groups
from src.data.split.protocol import Split, SplitProtocol, named_signs
from src.settings.options import settings

if TYPE_CHECKING:
    from src.runs.record import Record


@settings
class Drawn(SplitProtocol):
    """A share of the images is drawn for the test set, then one of the others for validation."""

    seen = "seen signers"

    @abstractmethod
    def drawn(
        self, manifest: Manifest, groups: np.ndarray, indices: np.ndarray, share: float, rng: np.random.Generator
    ) -> np.ndarray:
        """About `share` of `indices`."""

    def division(self, manifest: Manifest, groups: np.ndarray) -> Split:
        everything, rng = np.arange(len(manifest)), self.random()
        test = self.drawn(manifest, groups, everything, self.test_fraction, rng)
        rest = np.setdiff1d(everything, test)
        val = self.drawn(manifest, groups, rest, self.validation_fraction / (1 - self.test_fraction), rng)
        return Split(self, np.setdiff1d(rest, val), val, test, validation_rule=self.slug)


@settings
class Random(Drawn):
    """Images at random, stratified by source and sign. It leaks, and every result says how much."""

    keeps_duplicates_apart = False

    def drawn(
        self, manifest: Manifest, groups: np.ndarray, indices: np.ndarray, share: float, rng: np.random.Generator
    ) -> np.ndarray:
        return stratified_part(manifest, indices, share, rng)

    def notes(self, split: Split, manifest: Manifest) -> list[str]:
        return [
            f"split=random leaks: {split.leaked_share:.1%} of the test images have a near-duplicate or another frame "
            "of their burst in training."
        ]

    @classmethod
    def promise(cls, record: "Record") -> str:
        leaked = record.leaked_test_percent
        leak = (
            "some of the test images are frames of a burst that was trained on"
            if leaked is None
            else f"{leaked:.0f} % of the test images have a near-duplicate among those it was trained on"
        )
        return (
            "It promises how well new frames of the same people on the same day are read, and nothing about a new "
            f"person, room or camera: {leak}."
        )

    @classmethod
    def tested(cls, record: "Record") -> str:
        return f"{record.test_images:,} images drawn at random (split=random)"


@settings
class Group(Drawn):
    """Near-duplicates and bursts stay on one side, where signers are not known."""

    def drawn(
        self, manifest: Manifest, groups: np.ndarray, indices: np.ndarray, share: float, rng: np.random.Generator
    ) -> np.ndarray:
        return whole_groups(manifest, groups, indices, share, rng)

    def emptied(self, groups: np.ndarray) -> str:
        return "nearly all are duplicates of each other; add other images, or take split=random, which leaks"

    def notes(self, split: Split, manifest: Manifest) -> list[str]:
        untested = sorted(set(manifest.labels) - set(manifest.labels[split.test]))
        if not untested:
            return []
        return [f"The signs {named_signs(untested)} are trained but not tested: all their images are near-duplicates."]

    @classmethod
    def promise(cls, record: "Record") -> str:
        return (
            "It promises how well new pictures of the people in these sets are read, since no near-duplicate of a test "
            "image was trained on; it does not promise a person or a camera that was not there."
        )

    @classmethod
    def tested(cls, record: "Record") -> str:
        return f"{record.test_images:,} images in whole groups of near-duplicates (split=group)"


@settings
class Everything(SplitProtocol):
    """All images are tested, none is trained on: for `python -m src.evaluate`."""

    seen = "all images"
    tests_new_people = True

    def division(self, manifest: Manifest, groups: np.ndarray) -> Split:
        none, everything = np.empty(0, dtype=np.int64), np.arange(len(manifest))
        return Split(self, train=none, val=none, test=everything)

    def divide(self, manifest: Manifest, groups: np.ndarray) -> Split:
        return self.division(manifest, groups)

    @classmethod
    def promise(cls, record: "Record") -> str:
        return (
            "It says how all images of these sources are read; it promises nothing about new pictures if any of them, "
            "or their near-duplicates, were trained on."
        )
