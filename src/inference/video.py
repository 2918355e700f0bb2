"""Videos in: a video file or a camera as RGB frames at a fixed rate, in constant memory."""

import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

import numpy as np

from src.errors import UserError

if TYPE_CHECKING:
    import av

# Containers of videos and nothing else: a playlist that calls itself .mp4 could make FFmpeg open other files.
_CONTAINERS = "mov,mp4,matroska,webm,avi,mpeg,mpegts,mpegvideo,ogg,asf,flv,m4v,h264,hevc,ivf"

Item = TypeVar("Item")


class Frame(NamedTuple):
    """One frame.

    Attributes:
        seconds: since the first frame.
        pixels: `(height, width, 3) uint8` RGB, upright.
    """

    seconds: float
    pixels: np.ndarray


class VideoFile:
    """Frames of a video file, at most `rate_hz` a second whatever its own rate; iterate once.

    Attributes:
        duration_seconds: as the file's header says, or None where it does not.
        note: after iterating, a sentence where the file breaks off, else "".

    Raises:
        UserError: there is no such file, it is no video, or its frames are too large.
    """

    def __init__(self, file: Path, rate_hz: float, max_megapixels: float = 50) -> None:
        import av

        self.file, self.rate_hz, self.note = file, rate_hz, ""
        if not file.is_file():
            raise UserError(f"input={file}: there is no such file.")
        try:
            self._container = av.open(
                str(file.resolve()), options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
            )
        except (av.error.FFmpegError, ValueError, OSError):
            raise UserError(f"{file} is no video that can be read: it is damaged or of an unknown kind.") from None
        if not self._container.streams.video:
            self._container.close()
            raise UserError(f"{file} holds no video.")
        self._stream = self._container.streams.video[0]
        width, height = self._stream.codec_context.width, self._stream.codec_context.height
        if width * height > max_megapixels * 1e6:
            self._container.close()
            raise UserError(f"{file} has frames of {width} × {height}: more than {max_megapixels:g} megapixels.")
        self._stream.thread_type = "AUTO"
        duration = self._container.duration  # asked now: the container closes behind its last frame
        self.duration_seconds = duration / 1e6 if duration and duration > 0 else None

    def __iter__(self) -> Iterator[Frame]:
        import av

        first, last_tick, count = None, -1, 0
        own_rate = float(self._stream.average_rate or 0) or self.rate_hz
        seconds = 0.0
        try:
            for frame in self._container.decode(self._stream):
                at = frame.time if frame.time is not None else count / own_rate
                count += 1
                first = at if first is None else first
                seconds = at - first
                tick = int(seconds * self.rate_hz + 1e-6)
                if tick > last_tick:
                    last_tick = tick
                    yield Frame(seconds, _upright(frame))
        except av.error.FFmpegError as error:
            if first is None:
                raise UserError(f"{self.file} is no video that can be read: {error.strerror}.") from None
            self.note = f"{self.file.name} is damaged after {seconds:.1f} s: what follows was not read."
        finally:
            self._container.close()
        if first is None:
            raise UserError(f"{self.file} holds no frame that can be read.")


def _upright(frame: "av.VideoFrame") -> np.ndarray:
    pixels = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4  # degrees, counter-clockwise
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def camera_frames(text: str, rate_hz: float) -> Iterator[Frame]:
    """Frames of the camera that `camera:<number>` names, at most `rate_hz` a second, until the caller stops.

    Raises:
        UserError: there is no such camera, or it stops giving frames.
    """
    import cv2

    number = text.partition(":")[2]
    if not (number.isascii() and number.isdigit()):
        raise UserError(f"input={text} is not understood: the first camera is camera:0.")
    # OpenCV complains on its own account about every camera that is not there.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(int(number))
    if not capture.isOpened():
        raise UserError(f"{text} cannot be opened: no such camera, or another program is using it.")
    try:
        begun, last_tick = time.monotonic(), -1
        while True:
            there_is_one, pixels = capture.read()
            if not there_is_one:
                raise UserError(f"{text} gives no frames (any more): is another program using it?")
            seconds = time.monotonic() - begun
            if int(seconds * rate_hz) > last_tick:
                last_tick = int(seconds * rate_hz)
                yield Frame(seconds, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    finally:
        capture.release()


def ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """The same items, made by a thread that is at most `depth` of them ahead; its exceptions come out here."""
    end = object()
    pool = ThreadPoolExecutor(1)
    try:
        waiting = deque(pool.submit(next, items, end) for _ in range(depth))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, items, end))
            yield cast(Item, item)
    finally:
        pool.shutdown(cancel_futures=True)
        if isinstance(items, Generator):
            items.close()
