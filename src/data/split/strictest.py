"""The strictest protocol that the images allow: the default, so that nobody gets a flattering figure unasked."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from src.data.manifest import Manifest
from src.data.split.by_image import Group, Random
from src.data.split.by_owner import Signer, Source
from src.data.split.protocol import Split, SplitProtocol, without_straddlers
from src.errors import UserError
from src.settings.options import settings
from src.sources.records import UNKNOWN_SIGNER

if TYPE_CHECKING:
    from src.runs.record import Record


@settings
class Strictest(SplitProtocol):
    """Signer, else source, else group, else random; every result says which it was, and why."""

    holds_out = "any"

    def division(self, manifest: Manifest, groups: np.ndarray) -> Split:
        rule, why = self._rule(manifest, groups)
        if self.validation and not rule.holds_out:
            raise UserError(f"split.validation={list(self.validation)} names nobody that these images know. {why}")
        split = rule.division(manifest, groups)
        return replace(split, notes=(why, *split.notes))

    @classmethod
    def promise(cls, record: "Record") -> str:
        raise AssertionError("a division goes by the name of what it came to")

    def _as(self, rule: type[SplitProtocol], holdout: tuple[str, ...] = ()) -> SplitProtocol:
        return rule(
            holdout=holdout,
            validation=self.validation if rule.holds_out else (),
            test_fraction=self.test_fraction,
            validation_fraction=self.validation_fraction,
            seed=self.seed,
        )

    def _rule(self, manifest: Manifest, groups: np.ndarray) -> tuple[SplitProtocol, str]:
        """The strictest rule that these images allow, and why, a sentence."""
        sources = sorted(set(manifest.sources))
        signers = sorted({signer for signer in manifest.signers if signer != UNKNOWN_SIGNER})
        if self.holdout and set(self.holdout) <= set(sources):
            return self._as(Source, self.holdout), "split=strictest is source here: split.holdout names sources."
        if len({signer.partition(":")[0] for signer in signers}) < len(signers) or self.holdout:
            why = f"split=strictest is signer here: the images have {len(signers)} signers."
            return self._as(Signer, self.holdout), why
        alone = "no source has two known signers"
        if away := _learnable_source(manifest, self.test_fraction):
            return self._as(Source, (away,)), (
                f"split=strictest is source here: {alone}, so {away} is held out whole "
                "(split.holdout=[…] names another; split=group mixes the sources)."
            )
        by_group = self._as(Group)
        split = without_straddlers(by_group.division(manifest, groups), groups)
        if len(split.val) and len(split.test) >= self.test_fraction * len(manifest) / 2:
            why = f"split=strictest is group here: {alone}, and near-duplicates can be kept on one side."
            return by_group, why
        return self._as(Random), (
            f"split=strictest is random here: {alone}, and so many images are near-duplicates that keeping them on one "
            f"side leaves {len(split.test)} to test."
        )


def _learnable_source(manifest: Manifest, share: float) -> str | None:
    """The source nearest to `share` of all images whose every sign another source shows too, or None."""
    labels, sources = manifest.labels, manifest.sources
    learnable = [name for name in sorted(set(sources)) if set(labels[sources == name]) <= set(labels[sources != name])]
    return min(learnable, key=lambda name: abs((sources == name).mean() - share), default=None)
