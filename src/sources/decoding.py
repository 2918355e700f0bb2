"""How images are wanted, and what reading one gives."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from src.errors import UserError

if TYPE_CHECKING:
    import numpy as np

Fit = Literal["pad", "stretch", "crop"]
FITS: tuple[str, ...] = get_args(Fit)
Crop = Literal["none", "hand"]
CROPS: tuple[str, ...] = get_args(Crop)

# Raise it whenever the same file would give other pixels than before.
DECODER_VERSION = 1


class Unreadable(Exception):
    """An image that cannot be used; the text says why in a few words."""


class Decoded(NamedTuple):
    """One image read.

    Attributes:
        pixels: (height, width, 3) uint8 RGB; smaller than stored where a reduced decoding was allowed.
        note: what was converted on the way, or "" for a plain 8-bit RGB or grey image.
        width_px, height_px: size as stored, after EXIF rotation.
        joints: (21, 2) float32 x, y of the hand's joints in pixels of `pixels`, MediaPipe's order, the left edge of the
            first pixel being 0, where the source knows them without looking; else None.
        mask: (height, width) bool, where hand and arm are seen, where the source knows it; else None.
    """

    pixels: "np.ndarray"
    note: str
    width_px: int
    height_px: int
    joints: "np.ndarray | None" = None
    mask: "np.ndarray | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """What the images of all sources of a run are made into.

    Attributes:
        image_size_px: side of the decoded squares.
        fit: how an image becomes a square: "pad", "stretch" or "crop", see `src.sources.images.fit_square`.
        max_megapixels: larger images are not read.
        crop: "hand" cuts a square around the hand out before anything else; what shows none is made square by `fit`.
        crop_margin: side of that square, as a multiple of the longer side of the hand's box.
        finder: what finds the hand: the SHA-256 of its file, or "" without a crop.

    Raises:
        UserError: one of them is out of range.
    """

    image_size_px: int
    fit: Fit = "pad"
    max_megapixels: float = 50
    crop: Crop = "none"
    crop_margin: float = 1.5
    finder: str = ""

    def __post_init__(self) -> None:
        if self.image_size_px < 8:
            raise UserError(f"The image size is {self.image_size_px} px; it must be at least 8.")
        if self.fit not in FITS:
            raise UserError(f"There is no fit '{self.fit}'; choose from {', '.join(FITS)}.")
        if self.crop not in CROPS:
            raise UserError(f"There is no crop '{self.crop}'; choose from {', '.join(CROPS)}.")
        if not self.crop_margin >= 1:
            raise UserError(f"crop_margin is {self.crop_margin}; it must be at least 1, the hand's own box.")
        if not self.max_megapixels > 0:
            raise UserError(f"max_megapixels is {self.max_megapixels}; it must be above 0.")
