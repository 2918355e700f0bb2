"""Rows of `.npy` files as images, through a memory map: a file is opened once, never loaded whole, never unpickled."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from src.errors import UserError
from src.sources.decoding import Unreadable


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


def npy_row(path: str, row: int) -> np.ndarray:
    """Row `row` of a .npy file of images, (height, width, 3) uint8.

    Raises:
        Unreadable: there is no such row, or its values are no grey levels.
    """
    try:
        images, scale = _opened_images(path, Path(path).stat().st_mtime_ns)
        values = np.asarray(images[row])
    except (UserError, OSError, IndexError) as error:
        raise Unreadable(str(error)) from None
    pixels = values if values.dtype == np.uint8 else floats_to_bytes(values, scale)
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels)
    return grey_to_rgb(pixels)


def floats_to_bytes(values: np.ndarray, scale: float | None = None) -> np.ndarray:
    """Floats in [0, 1] or, where any is above 1, in [0, 255] → uint8. `scale` decides for a whole file at once."""
    low, high = float(values.min()), float(values.max())
    if scale is None:
        scale = 255.0 if high <= 1 else 1.0
    # Written so that NaN fails too.
    if not (low >= -1e-3 and high * scale <= 255.5):
        raise Unreadable("values outside 0 to 1 and 0 to 255")
    return np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)


def grey_to_rgb(grey: np.ndarray) -> np.ndarray:
    """(height, width) or (height, width, 1) → (height, width, 3)."""
    return np.repeat(grey.reshape(*grey.shape[:2], 1), 3, axis=2)
