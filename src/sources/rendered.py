"""Hands that the project renders itself: no files, and otherwise a source like any other."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from src.sources.decoding import Decoded, Decoding
from src.sources.records import ImageRecord
from src.sources.source import Discovery, Places, Source

if TYPE_CHECKING:
    from src.synthetic.dataset import RenderedSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedHands:
    """Which hands are rendered.

    Attributes:
        images: how many; sign and signer are dealt out in turn.
        signers: how many people; with at least 36 times as many images, each shows every sign.
        seed: another seed is another set of people and images.
    """

    images: int = 5400
    signers: int = 150
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Rendered(Source):
    """A rendered set; any image of it can be made alone, from (seed, index)."""

    name: str = "rendered"
    title: str = "Rendered hands"
    licence: str = "-"
    hands: RenderedHands = field(default_factory=RenderedHands)

    in_processes = True
    verb = "rendering"

    def find(self, places: Places) -> Discovery:
        """All images of the set, by number.

        Raises:
            UserError: `places.rendered` is out of range.
        """
        from src.synthetic.dataset import RenderedSpec, assignment

        hands = places.rendered or self.hands
        spec = RenderedSpec(hands.images, hands.signers, seed=hands.seed)
        records = []
        for index in range(hands.images):
            label, signer = assignment(spec, index)
            records.append(ImageRecord("", f"{index:06d}", label, self.name, f"r{signer:03d}", row=index))
        return Discovery(replace(self, hands=hands), records, [])

    def decode(self, record: ImageRecord, decoding: Decoding) -> Decoded:
        """One image, rendered at the size that is asked for."""
        from src.synthetic.dataset import sample

        size = decoding.image_size_px
        return Decoded(sample(self._spec(decoding), record.row).image, "", size, size)

    def key(self, records: Sequence[ImageRecord], decoding: Decoding) -> Any:
        """The set and the versions of what draws it."""
        from src.synthetic.dataset import HANDSHAPES_VERSION, RENDERER_VERSION

        return {"renderer": RENDERER_VERSION, "handshapes": HANDSHAPES_VERSION, **asdict(self._spec(decoding))}

    def _spec(self, decoding: Decoding) -> "RenderedSpec":
        from src.synthetic.dataset import RenderedSpec

        return RenderedSpec(self.hands.images, self.hands.signers, decoding.image_size_px, self.hands.seed)
