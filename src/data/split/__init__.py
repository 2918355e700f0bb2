"""Which images train, which validate and which test: a protocol whose name every reported number carries.

A protocol is a rule for what may not stand on both sides: `random` nothing, `group` a near-duplicate or a burst,
`signer` a person, `source` a dataset. `strictest` is the strictest of them that the images allow, and goes by that name
from then on. `everything` is for scoring a network that was trained elsewhere: all images are tested.

Under every rule but `random` a near-duplicate of a test image is never trained on, whoever signs it.
"""

from src.data.split.by_image import Everything, Group, Random
from src.data.split.by_owner import ByOwner, Signer, Source
from src.data.split.protocol import PARTS, Split, SplitProtocol, leaked_share
from src.data.split.strictest import Strictest
from src.settings.options import option_named

__all__ = [
    "PARTS", "ByOwner", "Everything", "Group", "Random", "Signer", "Source", "Split", "SplitProtocol", "Strictest",
    "leaked_share", "protocol_named",
]  # fmt: skip


def protocol_named(slug: str) -> type[SplitProtocol] | None:
    """The protocol that a record names, or None for a user's own whose module was not imported."""
    return option_named(SplitProtocol, slug)  # type: ignore[type-abstract]
