"""What the network said, drawn under an image or into a film."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.errors import UserError
from src.hands.hand import Hand
from src.sources.tree import EXTENSIONS
from src.storage.files import replacing_whole

_WIDTH_PX = (360, 1280)  # narrower images are enlarged so that the words can be read, wider ones reduced
_PAPER, _INK, _FAINT, _ACCENT, _DOUBT = (17, 20, 26), (242, 244, 248), (138, 147, 162), (72, 187, 148), (226, 168, 74)

# Pairs of joints that a line joins, in MediaPipe's order: wrist, then four joints of each finger from the thumb on.
BONES = (
    *((0, finger) for finger in (1, 5, 17)),
    *((knuckle, knuckle + 4) for knuckle in (5, 9, 13)),
    *((joint, joint + 1) for finger in (1, 5, 9, 13, 17) for joint in range(finger, finger + 3)),
)

_FILM_EXTENSIONS = (".mp4", ".mov", ".mkv")


@lru_cache(maxsize=16)
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)


def annotated(
    pixels: np.ndarray,
    best: Sequence[tuple[str, float]],
    sure: bool,
    box: tuple[int, int, int, int] | None = None,
    text: str | None = None,
    hand: Hand | None = None,
) -> np.ndarray:
    """An image with a strip below it: the sign, its probability, the runners-up as bars, and the text so far.

    Args:
        pixels: `(height, width, 3) uint8` RGB.
        best: signs and probabilities, best first; empty where no hand is seen.
        sure: False writes "not sure" in place of the best sign.
        box: x, y, width, height of the part that was looked at, to be outlined; None for all of it.
        text: what was spelled; None leaves its line out.
        hand: that was read, in pixels of the image: its box and joints are drawn, and the sign beside it.

    Returns:
        `(height', width', 3) uint8` RGB, both sides even, as video encoders ask.
    """
    height, width = pixels.shape[:2]
    # Even sides, and a tall sliver may not become a tower.
    new_width = int(np.clip(width, *_WIDTH_PX)) // 2 * 2
    new_height = max(2, min(round(height * new_width / width), 2 * _WIDTH_PX[1]) // 2 * 2)
    shrinks = new_width < width
    image = cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    unit = max(10, round(new_width / 36))
    if box is not None:
        x, y, w, h = box
        corners = [
            (round(px * new_width / width), round(py * new_height / height)) for px, py in ((x, y), (x + w, y + h))
        ]
        cv2.rectangle(image, corners[0], (corners[1][0] - 1, corners[1][1] - 1), _ACCENT, max(2, unit // 6))
    if hand is not None:
        _draw_hand(image, hand, (new_width / width, new_height / height), unit)
    strip_height = (unit * (11 if text is not None else 8)) // 2 * 2
    canvas = Image.new("RGB", (new_width, new_height + strip_height), _PAPER)
    canvas.paste(Image.fromarray(image))
    draw = ImageDraw.Draw(canvas)
    if hand is not None and best and sure:
        place = hand.box[0] * new_width / width, hand.box[1] * new_height / height
        _write_at_hand(draw, best[0][0], unit, place, (new_width, new_height))
    top = new_height + unit
    _write_answer(draw, best, sure, unit, top)
    for row, (sign, probability) in enumerate(best[:4]):
        _write_bar(draw, sign, probability, row, sure, unit, (unit * 15, top), new_width - unit)
    if text is not None:
        _write_text(draw, text, unit, new_height + unit * 8, new_width - 2 * unit)
    return np.asarray(canvas)


def _draw_hand(image: np.ndarray, hand: Hand, scale: tuple[float, float], unit: int) -> None:
    """The box and the joints; `scale` is that of the image, across and down."""
    thin = max(1, unit // 10)
    points = [tuple(round(float(value)) for value in point) for point in hand.joints * scale]
    (left, top), (right, bottom) = ((round(x * scale[0]), round(y * scale[1])) for x, y in (hand.box[:2], hand.box[2:]))
    cv2.rectangle(image, (left, top), (right, bottom), _ACCENT, thin, cv2.LINE_AA)
    for start, end in BONES:
        cv2.line(image, points[start], points[end], _INK, thin, cv2.LINE_AA)
    for point in points:
        cv2.circle(image, point, thin + 1, _ACCENT, cv2.FILLED, cv2.LINE_AA)


def _write_at_hand(
    draw: ImageDraw.ImageDraw, sign: str, unit: int, corner: tuple[float, float], size: tuple[int, int]
) -> None:
    """The sign on a label at the upper left corner of the hand's box, moved into the image."""
    side = 2 * unit
    x, y = (min(max(0, round(at)), limit - side) for at, limit in zip((corner[0], corner[1] - side), size, strict=True))
    draw.rectangle((x, y, x + side, y + side), fill=_PAPER)
    draw.text((x + side / 2, y + side / 2), sign, _ACCENT, _font(round(1.6 * unit)), anchor="mm")


def _write_answer(
    draw: ImageDraw.ImageDraw, best: Sequence[tuple[str, float]], sure: bool, unit: int, top: int
) -> None:
    if not best:
        draw.text((unit, top + unit), "no hand", _FAINT, _font(2 * unit))
    elif not sure:
        draw.text((unit, top + unit), "not sure", _DOUBT, _font(2 * unit))
        draw.text((unit, top + 4 * unit), f"perhaps {best[0][0]}", _FAINT, _font(round(1.4 * unit)))
    else:
        draw.text((unit, top + 3 * unit), best[0][0], _ACCENT, _font(6 * unit), anchor="lm")
        draw.text((unit * 7, top + 3 * unit), f"{best[0][1]:.0%}", _INK, _font(2 * unit), anchor="lm")


def _write_bar(
    draw: ImageDraw.ImageDraw,
    sign: str,
    probability: float,
    row: int,
    sure: bool,
    unit: int,
    corner: tuple[int, int],
    right: int,
) -> None:
    x, y = corner[0], corner[1] + round(row * 1.6 * unit)
    start, end = x + round(1.8 * unit), right - round(3.9 * unit)
    font = _font(round(1.25 * unit))
    middle = y + round(0.6 * unit)
    colour = (_ACCENT if sure else _DOUBT) if row == 0 else _FAINT
    draw.text((x, middle), sign, _INK if row == 0 else _FAINT, font, anchor="lm")
    draw.rectangle((start, y, start + max(2, round((end - start) * probability)), y + unit), fill=colour)
    draw.text((right, middle), f"{probability:.0%}", _INK if row == 0 else _FAINT, font, anchor="rm")


def _write_text(draw: ImageDraw.ImageDraw, text: str, unit: int, top: int, room: int) -> None:
    font = _font(round(1.8 * unit))
    shown = text
    while shown and draw.textlength(shown, font=font) > room:  # the end is what was spelled last
        shown = shown[1:]
    draw.text((unit, top + unit), shown or "…", _INK if shown else _FAINT, font, anchor="lm")


def annotated_file(file: Path, root: Path, folder: Path) -> Path:
    """Where the annotated copy of `file` goes: as it lies under `root`, but under `folder`.

    Raises:
        UserError: that is the image itself.
    """
    target = folder / file.relative_to(root)
    if target.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        target = target.with_name(target.name + ".png")
    if target.resolve() == file.resolve():
        raise UserError(f"annotate={folder} would overwrite the images themselves: name another folder.")
    return target


def write_image(file: Path, pixels: np.ndarray) -> None:
    """`(height, width, 3) uint8` RGB as the kind of image that the suffix names.

    Raises:
        UserError: it cannot be written.
    """
    if file.suffix.lower() not in EXTENSIONS:
        raise UserError(f"{file} is no name of an image: end it in .png or .jpg.")
    with replacing_whole(file) as beside:
        Image.fromarray(pixels).save(beside, quality=92)


class Film(Protocol):
    """A film being written."""

    def add(self, seconds: float, pixels: np.ndarray) -> None:
        """One frame, `(height, width, 3) uint8` RGB with even sides, shown from this time on."""


def check_film(file: Path) -> None:
    """Before the work, not after it.

    Raises:
        UserError: the name is not that of a film.
    """
    if file.suffix.lower() not in _FILM_EXTENSIONS:
        raise UserError(f"annotate={file}: a film's name ends in {' or '.join(_FILM_EXTENSIONS)}.")


@contextmanager
def film(file: Path, rate_hz: float) -> Iterator[Film]:
    """An H.264 film that becomes `file` when the block ends well.

    Raises:
        UserError: it cannot be written, or the name is not that of a film.
    """
    import av

    check_film(file)
    with replacing_whole(file) as beside, av.open(str(beside), "w") as container:
        stream = container.add_stream("libx264", rate=max(1, round(rate_hz)))
        stream.pix_fmt = "yuv420p"  # what every player shows
        stream.codec_context.time_base = Fraction(1, 1000)

        class Writing:
            last = -1

            def add(self, seconds: float, pixels: np.ndarray) -> None:
                if self.last < 0:
                    stream.height, stream.width = pixels.shape[:2]
                elif pixels.shape[:2] != (stream.height, stream.width):  # a video may change its size
                    pixels = cv2.resize(pixels, (stream.width, stream.height), interpolation=cv2.INTER_AREA)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                self.last = max(self.last + 1, round(seconds * 1000))
                frame.pts, frame.time_base = self.last, Fraction(1, 1000)
                container.mux(stream.encode(frame))

        writing = Writing()
        yield writing
        if writing.last >= 0:
            container.mux(stream.encode())
