"""Hands that the project renders itself: no files, and otherwise a source like any other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from src.settings.options import Field, settings
from src.sources.decoding import Decoded, Decoding
from src.sources.records import ImageRecord
from src.sources.source import Discovery, Places, Source
from src.synthetic.spec import RenderedSpec, assignment, signer_name

# The longer side of the joints' box as a share of the picture, where it is least.
_SMALLEST_HAND = 0.54


@settings
class RenderedHands:
    """Which hands are rendered."""

    images: int = Field(
        default=5400, ge=36, le=10_000_000, description="how many; sign and signer are dealt out in turn"
    )
    signers: int = Field(default=150, ge=1, le=100_000, description="how many people")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="another seed is another set of people and images")


@dataclass(frozen=True, kw_only=True)
class Rendered(Source):
    """A rendered set; any image of it can be made alone, from (seed, index)."""

    name: str = "rendered"
    title: str = "Rendered hands"
    licence: str = "-"
    hands: RenderedHands = field(default_factory=RenderedHands)

    in_processes = True
    verb = "rendering"
    knows_hands = True
    knows_masks = True

    def find(self, places: Places) -> Discovery:
        """All images of the set, by number."""
        hands = places.rendered or self.hands
        spec = RenderedSpec(hands.images, hands.signers, seed=hands.seed)
        records = []
        for index in range(hands.images):
            label, signer = assignment(spec, index)
            records.append(ImageRecord("", f"{index:06d}", label, self.name, signer_name(signer), row=index))
        return Discovery(replace(self, hands=hands), records, [])

    def decode(self, record: ImageRecord, decoding: Decoding) -> Decoded:
        """One image, rendered at the size that is asked for."""
        from src.synthetic.dataset import sample

        size = decoding.image_size_px
        drawn = sample(self._spec(decoding), record.row)
        return Decoded(drawn.image, "", size, size, mask=drawn.mask)

    def frame(self, record: ImageRecord, decoding: Decoding, needed_px: int) -> Decoded:
        """One image with its joints, rendered at a size that leaves enough pixels of the smallest hand."""
        from src.synthetic.dataset import sample

        size = math.ceil(decoding.image_size_px * max(1.0, 1 / (_SMALLEST_HAND * decoding.crop_margin)))
        drawn = sample(replace(self._spec(decoding), image_size_px=size), record.row)
        return Decoded(drawn.image, "", size, size, drawn.keypoints_px + 0.5, drawn.mask)

    def key(self, records: Sequence[ImageRecord], decoding: Decoding) -> Any:
        """The set and the versions of what draws it."""
        key = self._spec(decoding).key
        return {**key, "smallest_hand": _SMALLEST_HAND} if decoding.crop == "hand" else key

    def _spec(self, decoding: Decoding) -> RenderedSpec:
        return RenderedSpec(self.hands.images, self.hands.signers, decoding.image_size_px, self.hands.seed)
