"""Images in: what an `input=` means, which part of an image counts, and many read while the network runs."""

import glob
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from src.errors import UserError
from src.hands.hand import Hand
from src.inference.sight import NO_HAND, Seen, Sight, placed
from src.sources.decoding import Decoded, Unreadable
from src.sources.images import decode
from src.sources.records import ImageRecord
from src.sources.tree import EXTENSIONS

VIDEO_EXTENSIONS = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".ogv", ".wmv", ".flv", ".3gp"}
)
CAMERA = "camera:"
BATCH_SIZE = 32


@dataclass(frozen=True)
class Crop:
    """The part of an image that the network is shown.

    Attributes:
        kind: `full` for all of it, `center` for the largest square in its middle, `box` for the pixels of `box`.
        box: x, y, width, height in pixels of the upright image.
    """

    kind: Literal["full", "center", "box"] = "full"
    box: tuple[int, int, int, int] = (0, 0, 0, 0)

    def within(self, width_px: int, height_px: int) -> tuple[int, int, int, int]:
        """x, y, width, height in an image of this size.

        Raises:
            Unreadable: the box does not lie in it.
        """
        if self.kind == "full":
            return 0, 0, width_px, height_px
        if self.kind == "center":
            side = min(width_px, height_px)
            return (width_px - side) // 2, (height_px - side) // 2, side, side
        x, y, width, height = self.box
        if x + width > width_px or y + height > height_px:
            raise Unreadable(f"crop={x},{y},{width},{height} reaches beyond its {width_px} × {height_px} pixels")
        return self.box

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """The part of `(height, width, 3)` pixels; a view.

        Raises:
            Unreadable: the box does not lie in it.
        """
        x, y, width, height = self.within(pixels.shape[1], pixels.shape[0])
        return pixels[y : y + height, x : x + width]


WHOLE = Crop()


def crop_named(text: str) -> Crop:
    """`full`, `center` or `x,y,width,height`.

    Raises:
        UserError: it is none of these.
    """
    if text in ("full", "center"):
        return Crop(text)  # type: ignore[arg-type]  # mypy does not narrow by `in`
    parts = [part.strip() for part in text.strip("[]").split(",")]
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts) or 0 in map(int, parts[2:]):
        raise UserError(f"crop={text} is not understood: use full, center or x,y,width,height in whole pixels.")
    x, y, width, height = map(int, parts)
    return Crop("box", (x, y, width, height))


def input_kind(text: str) -> Literal["camera", "video", "images"]:
    """Whether `input=` names a camera, a video or images; the file need not exist."""
    if text.startswith(CAMERA):
        return "camera"
    return "video" if Path(text).suffix.lower() in VIDEO_EXTENSIONS and not Path(text).is_dir() else "images"


def find_images(text: str) -> list[Path]:
    """The image files that a file, a folder (with all folders in it) or a pattern names, sorted.

    Raises:
        UserError: there are none.
    """
    path = Path(text)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in EXTENSIONS and file.is_file())
        if not found:
            raise UserError(f"input={text} holds no images: none of its files ends in {', '.join(sorted(EXTENSIONS))}.")
        return found
    if any(mark in text for mark in "*?["):
        matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]
        found = [match for match in matches if match.suffix.lower() in EXTENSIONS and match.is_file()]
        if not found:
            raise UserError(f"input={text} matches no images: put the pattern in quotes and check its folder.")
        return found
    raise UserError(f"input={text}: there is no such file or folder.")


@dataclass(frozen=True)
class ImageReading:
    """What a network said of one image.

    Attributes:
        file: the image.
        probabilities: `(36,) float32`, or None where nothing was read.
        problem: why nothing was read, or "".
        hand: that was read, in pixels of the whole upright image; None for a network that reads whole frames.
        others: whether another hand was seen beside it.
    """

    file: Path
    probabilities: np.ndarray | None
    problem: str = ""
    hand: Hand | None = None
    others: bool = False

    @property
    def no_hand(self) -> bool:
        """Whether the image is a good one, but shows no hand."""
        return self.problem == NO_HAND


def load_image(file: Path, crop: Crop, max_megapixels: float, needed_px: int = 0) -> np.ndarray:
    """`(height, width, 3) uint8` RGB, upright and cropped; decoded as in training.

    Args:
        needed_px: see `src.sources.images.decode`; a box counts in pixels as stored, so it decodes at full size.

    Raises:
        Unreadable: the file is damaged, too large or no image, or the crop does not lie in it.
    """
    return crop(_decoded(file, crop, max_megapixels, needed_px).pixels)


def _decoded(file: Path, crop: Crop, max_megapixels: float, needed_px: int) -> Decoded:
    record = ImageRecord(str(file), file.name, label=0, source="")
    return decode(record, max_megapixels, needed_px=0 if crop.kind == "box" else needed_px)


def _look(sight: Sight, file: Path, crop: Crop) -> Seen:
    """What an image shows in the part that is looked at; the hand in pixels of the whole upright image as stored.

    Raises:
        Unreadable: the file is damaged, too large or no image, or the crop does not lie in it.
    """
    left_out, scale = (0, 0), 1.0

    def read(needed_px: int) -> Decoded:
        nonlocal left_out, scale
        whole = _decoded(file, crop, sight.recognizer.about.max_megapixels, needed_px)
        x, y, width, height = crop.within(whole.pixels.shape[1], whole.pixels.shape[0])
        left_out, scale = (x, y), whole.width_px / whole.pixels.shape[1]
        return Decoded(crop(whole.pixels), whole.note, round(scale * width), round(scale * height))

    _, seen = sight.look_into(read)
    if seen.hand is None:
        return seen
    return replace(seen, hand=placed(seen.hand, scale, scale * left_out[0], scale * left_out[1]))


def read_images(
    sight: Sight, files: Sequence[Path], crop: Crop = WHOLE, batch_size: int = BATCH_SIZE
) -> Iterator[ImageReading]:
    """Every image's probabilities, in order.

    Threads decode the next batches, and find the hands in them, while the network runs on this one.
    """

    def look(file: Path) -> Seen | str:
        try:
            return _look(sight, file, crop)
        except Unreadable as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = iter(files)
        # Two batches ahead, so that memory does not grow with the folder.
        running: deque[tuple[Path, Future[Seen | str]]] = deque(
            (file, pool.submit(look, file)) for file in islice(waiting, 2 * batch_size)
        )
        while running:
            batch = [running.popleft() for _ in range(min(batch_size, len(running)))]
            looked = [(file, future.result()) for file, future in batch]
            running.extend((file, pool.submit(look, file)) for file in islice(waiting, len(batch)))
            squares = [seen.square for _, seen in looked if isinstance(seen, Seen) and seen.square is not None]
            rows = iter(sight.recognizer.probabilities(np.stack(squares)) if squares else ())
            for file, seen in looked:
                if isinstance(seen, str):
                    yield ImageReading(file, None, seen)
                elif seen.square is None:
                    yield ImageReading(file, None, NO_HAND)
                else:
                    yield ImageReading(file, next(rows), "", seen.hand, seen.others)
