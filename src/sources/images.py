"""Reading one image of any kind into RGB, safely: no file can run code, exhaust memory or stop a run.

Files go through Pillow with a fixed list of formats (none of which calls another program) and have their size checked
before a pixel is decoded. Rows of array and CSV files are read through memory maps, so a file is opened once and never
loaded whole.
"""

import mmap
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
from PIL import Image, ImageOps

from src.errors import UserError
from src.sources.records import WHOLE_FILE, ImageRecord

Fit = Literal["pad", "stretch", "crop"]
FITS: tuple[str, ...] = get_args(Fit)

# Pillow can read more, some of it through other programs (EPS starts Ghostscript); these are what hands come in.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
)

_EXIF_ORIENTATION = 0x0112
_SIXTEEN_BIT_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})

# Every size is checked against the user's own limit here, before decoding, so Pillow's warning adds nothing.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class Unreadable(Exception):
    """An image that cannot be used; the text says why in a few words."""


class Decoded(NamedTuple):
    """One image read.

    Attributes:
        pixels: (height, width, 3) uint8 RGB; smaller than stored where a reduced decoding was allowed.
        note: what was converted on the way, or "" for a plain 8-bit RGB or grey image.
        width_px, height_px: size as stored, after EXIF rotation.
    """

    pixels: np.ndarray
    note: str
    width_px: int
    height_px: int


def read_image(record: ImageRecord, max_megapixels: float = 50) -> tuple[np.ndarray, str]:
    """One image at its stored size.

    Returns:
        (height, width, 3) uint8 RGB, and what was converted on the way ("" for nothing).

    Raises:
        Unreadable: the file is damaged, too large, or no image.
    """
    decoded = decode(record, max_megapixels)
    return decoded.pixels, decoded.note


def decode(record: ImageRecord, max_megapixels: float = 50, needed_px: int = 0) -> Decoded:
    """One image, from its own file or from a row of an array or CSV file.

    Args:
        record: where the pixels are.
        max_megapixels: larger images are refused before they are decoded.
        needed_px: 0 for the stored size; else a JPEG that is much larger may be decoded at 1/2, 1/4 or 1/8, with both
            sides at least twice this number.

    Raises:
        Unreadable: the image is damaged, too large, or none.
    """
    if record.row != WHOLE_FILE:
        pixels = _array_row(record.file, record.row) if record.file.lower().endswith(".npy") else _csv_row(record)
        return Decoded(pixels, "", pixels.shape[1], pixels.shape[0])
    try:
        if Path(record.file).stat().st_size == 0:
            raise Unreadable("empty file (0 bytes)")
        with Image.open(record.file, formats=FORMATS) as image:
            return _decode_opened(image, max_megapixels, needed_px)
    except Unreadable:
        raise
    except FileNotFoundError:
        raise Unreadable("file not found") from None
    except PermissionError:
        raise Unreadable("no permission to read the file") from None
    except Image.DecompressionBombError:
        raise Unreadable(_too_large(max_megapixels)) from None
    except Image.UnidentifiedImageError:
        raise Unreadable("not an image of a supported format") from None
    except MemoryError:
        raise Unreadable("too large for this machine's memory") from None
    except Exception as error:  # a damaged file makes Pillow's readers raise nearly anything
        if "truncated" in str(error):
            raise Unreadable("truncated file") from None
        raise Unreadable(f"damaged file ({str(error)[:80] or type(error).__name__})") from None


def _too_large(max_megapixels: float) -> str:
    if Image.MAX_IMAGE_PIXELS:  # Pillow refuses twice this many on its own account
        max_megapixels = min(max_megapixels, 2 * Image.MAX_IMAGE_PIXELS / 1e6)
    return f"larger than {max_megapixels:.4g} megapixels"


def _decode_opened(image: Image.Image, max_megapixels: float, needed_px: int) -> Decoded:
    width, height = image.size
    if width * height > max_megapixels * 1e6:
        raise Unreadable(_too_large(max_megapixels))
    notes = []
    # A phone's MPO holds a preview behind the photo: nobody means it as a sequence.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        notes.append("several frames: the first is used")
        image.seek(0)
    orientation = _orientation(image)
    if needed_px and image.format in ("JPEG", "MPO"):
        image.draft(image.mode, (2 * needed_px, 2 * needed_px))
    image.load()
    if orientation != 1:
        notes.append("stored turned or mirrored: made upright by its EXIF entry")
        image = ImageOps.exif_transpose(image)
        if orientation >= 5:
            width, height = height, width
    pixels, note = _to_rgb(image)
    if note:
        notes.append(note)
    return Decoded(pixels, "; ".join(notes), width, height)


def _orientation(image: Image.Image) -> int:
    try:
        orientation = int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # unreadable metadata does not make a bad picture
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _to_rgb(image: Image.Image) -> tuple[np.ndarray, str]:
    mode = image.mode
    has_alpha = mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info
    if mode in ("RGB", "L") and not has_alpha:
        return np.asarray(image.convert("RGB")), ""
    if mode in _SIXTEEN_BIT_MODES:
        return _grey_to_rgb(_sixteen_bits_to_eight(np.asarray(image))), "16-bit grey scaled to 8 bit"
    if mode == "F":
        return _grey_to_rgb(_floats_to_bytes(np.asarray(image))), "floating-point grey scaled to 8 bit"
    if has_alpha:
        rgba = image.convert("RGBA")
        if rgba.getextrema()[3][0] == 255:
            return np.asarray(rgba)[..., :3].copy(), "opaque alpha channel removed"
        # White is what a browser or a printed page shows behind a cut-out hand.
        page = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return np.asarray(Image.alpha_composite(page, rgba).convert("RGB")), "transparency laid on white"
    kind = {"P": "palette", "1": "1-bit image"}.get(mode, mode)
    return np.asarray(image.convert("RGB")), f"{kind} converted to RGB"


def _sixteen_bits_to_eight(grey: np.ndarray) -> np.ndarray:
    if grey.min() < 0 or grey.max() > 65535:
        raise Unreadable("grey values outside 16 bits")
    return ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _floats_to_bytes(values: np.ndarray, scale: float | None = None) -> np.ndarray:
    """Floats in [0, 1] or, where any is above 1, in [0, 255] → uint8. `scale` decides for a whole file at once."""
    low, high = float(values.min()), float(values.max())
    if scale is None:
        scale = 255.0 if high <= 1 else 1.0
    # Written so that NaN fails too.
    if not (low >= -1e-3 and high * scale <= 255.5):
        raise Unreadable("values outside 0 to 1 and 0 to 255")
    return np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)


def _grey_to_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey.reshape(*grey.shape[:2], 1), 3, axis=2)


# --- rows of arrays -------------------------------------------------------------------------------------------------


def open_array(path: str | Path) -> np.ndarray:
    """A .npy file as a read-only memory map; nothing in it is unpickled.

    Raises:
        UserError: it is no plain array.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path} is not a plain NumPy array ({str(error).splitlines()[0][:120]}).") from None


def open_images(path: str | Path) -> np.ndarray:
    """A .npy file of images as a memory map, (images, height, width) or (images, height, width, 1 or 3).

    Raises:
        UserError: it is no plain array of numbers of such a shape.
    """
    images = open_array(path)
    shaped = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
    if not shaped or 0 in images.shape or images.dtype.kind not in "uif":
        raise UserError(
            f"{path} holds {images.dtype} numbers of shape {images.shape}; expected images as (images, height, width) "
            "or (images, height, width, 1 or 3)."
        )
    return images


@lru_cache(maxsize=8)
def _opened_images(path: str, _mtime_ns: int) -> tuple[np.ndarray, float]:
    images = open_images(path)
    # One dark image of a 0-255 file may stay below 1, so the range is a property of the file, not of a row.
    in_unit_range = images.dtype.kind == "f" and float(np.nanmax(images)) <= 1 + 1e-3
    return images, 255.0 if in_unit_range else 1.0


def _array_row(path: str, row: int) -> np.ndarray:
    try:
        images, scale = _opened_images(path, Path(path).stat().st_mtime_ns)
        values = np.asarray(images[row])
    except (UserError, OSError, IndexError) as error:
        raise Unreadable(str(error)) from None
    pixels = values if values.dtype == np.uint8 else _floats_to_bytes(values, scale)
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels)
    return _grey_to_rgb(pixels)


# --- rows of CSV files ----------------------------------------------------------------------------------------------


class CsvImages:
    """A file of lines `label,pixel1,…,pixelN` with a header: square grey images of 0-255.

    Only the places of the lines are kept; a row is parsed when it is asked for, so that a damaged line harms no other.

    Raises:
        UserError: the file is empty or its header is another.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        with open(self.path, "rb") as file:
            header = file.readline(1 << 20).decode("utf-8-sig", errors="replace").strip().replace('"', "")
            columns = header.split(",")
            self.side_px = round((len(columns) - 1) ** 0.5)
            if columns[0].strip().lower() != "label" or len(columns) < 2 or self.side_px**2 != len(columns) - 1:
                raise UserError(
                    f"{self.path} does not start with the header label,pixel1,…,pixelN (N a square number); put the "
                    "unchanged CSV file of the dataset there."
                )
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            starts = [file.tell()]
            for line in file:
                starts.append(starts[-1] + len(line))
        self._starts = np.array(starts, dtype=np.int64)
        if len(self) and not self._line(len(self) - 1).strip():  # a blank last line
            self._starts = self._starts[:-1]

    def __len__(self) -> int:
        return len(self._starts) - 1

    def _line(self, row: int) -> bytes:
        return self._bytes[self._starts[row] : self._starts[row + 1]]

    def label(self, row: int) -> str:
        """The label of a row as written."""
        return self._line(row).split(b",", 1)[0].strip(b' "\r\n').decode("ascii", errors="replace")

    def image(self, row: int) -> np.ndarray:
        """(side, side) uint8 grey.

        Raises:
            Unreadable: the line has another number of values, or values that are not whole numbers from 0 to 255.
        """
        fields = self._line(row).strip().replace(b'"', b"").split(b",")[1:]
        if len(fields) != self.side_px**2:
            raise Unreadable("line with a wrong number of pixels")
        try:
            values = bytes(map(int, fields))
        except ValueError:
            raise Unreadable("line with a pixel that is not a whole number from 0 to 255") from None
        return np.frombuffer(values, dtype=np.uint8).reshape(self.side_px, self.side_px)


@lru_cache(maxsize=8)
def _opened_csv(path: str, _mtime_ns: int) -> CsvImages:
    return CsvImages(path)


def _csv_row(record: ImageRecord) -> np.ndarray:
    try:
        images = _opened_csv(record.file, Path(record.file).stat().st_mtime_ns)
    except (UserError, OSError, ValueError) as error:
        raise Unreadable(str(error)) from None
    if not 0 <= record.row < len(images):
        raise Unreadable("line not found")
    return _grey_to_rgb(images.image(record.row))


# --- geometry -------------------------------------------------------------------------------------------------------


def fit_square(pixels: np.ndarray, image_size_px: int, fit: Fit = "pad") -> np.ndarray:
    """An image brought to a square.

    Args:
        pixels: (height, width, 3) uint8.
        image_size_px: side of the square.
        fit: "pad" scales the long side and fills up by repeating the border, "crop" scales the short side and cuts
            the ends off, "stretch" scales both and so changes the hand's proportions.

    Returns:
        (image_size_px, image_size_px, 3) uint8.
    """
    height, width = pixels.shape[:2]
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        pixels = pixels[top : top + side, left : left + side]
    if fit != "pad" or height == width:
        return _resize(pixels, image_size_px, image_size_px)
    scale = image_size_px / max(height, width)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    pixels = _resize(pixels, new_width, new_height)
    top, left = (image_size_px - new_height) // 2, (image_size_px - new_width) // 2
    bottom, right = image_size_px - new_height - top, image_size_px - new_width - left
    return cv2.copyMakeBorder(pixels, top, bottom, left, right, cv2.BORDER_REPLICATE)


def _resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
