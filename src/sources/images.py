"""Reading one image of any kind into RGB, safely: no file can run code, exhaust memory or stop a run.

Files go through Pillow with a fixed list of formats (none of which calls another program) and have their size checked
before a pixel is decoded.
"""

import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from src.sources.csv_rows import csv_row
from src.sources.decoding import Decoded, Fit, Unreadable
from src.sources.npy_rows import floats_to_bytes, grey_to_rgb, npy_row
from src.sources.records import WHOLE_FILE, ImageRecord

# Pillow can read more, some of it through other programs (EPS starts Ghostscript); these are what hands come in.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")

_EXIF_ORIENTATION = 0x0112
_SIXTEEN_BIT_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})

# Every size is checked against the user's own limit here, before decoding, so Pillow's warning adds nothing.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


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
        read_row = npy_row if record.file.lower().endswith(".npy") else csv_row
        pixels = read_row(record.file, record.row)
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
    except UnidentifiedImageError:
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
        return grey_to_rgb(_sixteen_bits_to_eight(np.asarray(image))), "16-bit grey scaled to 8 bit"
    if mode == "F":
        return grey_to_rgb(floats_to_bytes(np.asarray(image))), "floating-point grey scaled to 8 bit"
    if has_alpha:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema()[0] == 255:
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
