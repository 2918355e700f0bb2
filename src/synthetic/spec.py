"""Which rendered set: what decides its images, without making one."""

from dataclasses import asdict, dataclass
from typing import Any

from src.errors import UserError
from src.signs.labels import NUM_SIGNS

# Parts of the caches' keys. Raise the first whenever any image would come out differently, the second when only signs
# would, the third when only poses that are no signs would.
RENDERER_VERSION = 4
HANDSHAPES_VERSION = 5
RANDOM_POSES_VERSION = 3
SIGNS_VERSIONS = {"renderer": RENDERER_VERSION, "handshapes": HANDSHAPES_VERSION}
POSES_VERSIONS = {"renderer": RENDERER_VERSION, "random_poses": RANDOM_POSES_VERSION}


# The shorter side of a scene has this many pixels at least.
LEAST_SCENE_PX = 48


@dataclass(frozen=True)
class RenderedSpec:
    """Which rendered set.

    Attributes:
        images: how many; sign and signer are dealt out in turn.
        signers: how many people; with at least 36 times as many images, each shows every sign.
        image_size_px: side of the square images.
        seed: another seed is another set of people and pictures.
    """

    images: int = 5400
    signers: int = 150
    image_size_px: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("images", "signers"):
            if getattr(self, name) < 1:
                raise UserError(f"A rendered set needs {name} of at least 1, not {getattr(self, name)}.")
        if self.image_size_px < 16:
            raise UserError(f"A rendered image needs a side of at least 16 px, not {self.image_size_px}.")
        if self.seed < 0:
            raise UserError(f"The seed of a rendered set is 0 or more, not {self.seed}.")

    @property
    def key(self) -> dict[str, Any]:
        """All that the images of signs depend on, as plain values."""
        return {**asdict(self), **SIGNS_VERSIONS}


def assignment(spec: RenderedSpec, index: int) -> tuple[int, int]:
    """(class index, signer's number) of an image: signs in turn, then signers in turn."""
    return index % NUM_SIGNS, index // NUM_SIGNS % spec.signers


def signer_name(number: int) -> str:
    """What person `number` of a set is called, e.g. "r017"."""
    return f"r{number:03d}"
