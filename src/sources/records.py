"""One image, and one file that is not used as it stands: what every source of images gives."""

from dataclasses import dataclass

UNKNOWN_SIGNER = ""
NO_FRAME = -1
WHOLE_FILE = -1


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image.

    Attributes:
        file: absolute path of the file that holds the pixels.
        key: the image's name within its source, the same on every machine; random draws are tied to it.
        label: class index into `src.signs.labels.SIGNS`.
        source: the catalog's name of the dataset.
        signer: who signed, or `UNKNOWN_SIGNER`.
        frame: position in a video or burst, or `NO_FRAME`.
        row: row of an array or CSV file that holds many images, or `WHOLE_FILE`.
        width_px, height_px: size as stored, after EXIF rotation; 0 before the file was inspected.
    """

    file: str
    key: str
    label: int
    source: str
    signer: str = UNKNOWN_SIGNER
    frame: int = NO_FRAME
    row: int = WHOLE_FILE
    width_px: int = 0
    height_px: int = 0

    @property
    def name(self) -> str:
        """`source/key`: unique over all sources of a manifest."""
        return f"{self.source}/{self.key}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that is not used as it stands.

    Attributes:
        file: the path (with `#row` for a row of an array or CSV).
        source: the catalog's name of the dataset.
        reason: what is wrong, in a few words.
        kept: True where the image is used after a conversion that keeps its meaning, False where it was left out.
    """

    file: str
    source: str
    reason: str
    kept: bool
