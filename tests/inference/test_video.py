"""Video in: frames at a steady rate, upright, a few at a time; and what is refused."""

import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.inference.video import VideoFile, ahead, camera_frames
from tests.inference.conftest import write_video


def numbered(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Frames whose grey value is their number, with a white top left corner."""
    frames = [np.full((height, width, 3), 4 * number % 200, np.uint8) for number in range(count)]
    for frame in frames:
        frame[: height // 4, : width // 4] = 255
    return frames


@pytest.mark.parametrize("own_rate_hz", [10, 25, 60])
def test_frames_come_at_the_analysis_rate_whatever_the_films_own(tmp_path: Path, own_rate_hz: int) -> None:
    file = write_video(tmp_path / "film.mp4", numbered(2 * own_rate_hz), own_rate_hz)
    seconds = [frame.seconds for frame in VideoFile(file, rate_hz=15)]
    assert len(seconds) == pytest.approx(2 * min(15, own_rate_hz), abs=1)
    assert seconds == sorted(seconds)
    assert seconds[-1] == pytest.approx(2, abs=0.15)


def test_pixels_arrive_as_rgb(tmp_path: Path) -> None:
    frames = [np.tile(np.array([200, 30, 90], np.uint8), (48, 64, 1)) for _ in range(3)]
    first = next(iter(VideoFile(write_video(tmp_path / "film.mp4", frames), 25)))
    assert np.abs(first.pixels.astype(int) - frames[0]).max() <= 2


def test_a_film_held_sideways_comes_upright(tmp_path: Path) -> None:
    file = write_video(tmp_path / "film.mp4", numbered(3))
    content = bytearray(file.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    quarter_turn = [0, 0x10000, 0, -0x10000, 0, 0, 64 << 16, 0, 0x40000000]  # clockwise, as phones write it
    content[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in quarter_turn)
    file.write_bytes(content)
    pixels = next(iter(VideoFile(file, 25))).pixels
    assert pixels.shape == (64, 48, 3)
    assert pixels[:8, -8:].min() > 240  # the top left corner went to the top right
    assert pixels[:8, :8].max() < 100


def test_only_a_few_frames_are_ahead_of_the_reader() -> None:
    made = 0

    def endless():
        nonlocal made
        while True:
            made += 1
            yield np.zeros(10)

    stream = ahead(endless(), depth=4)
    assert len(list(islice(stream, 10))) == 10
    time.sleep(0.2)
    assert made <= 10 + 4 + 2
    stream.close()


def test_an_error_of_the_reading_thread_reaches_the_user() -> None:
    def breaks():
        yield 1
        raise UserError("It broke.")

    stream = ahead(breaks(), depth=2)
    assert next(stream) == 1
    with pytest.raises(UserError, match="It broke"):
        next(stream)


def test_a_missing_film_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        VideoFile(tmp_path / "none.mp4", 15)


@pytest.mark.parametrize("content", [b"", b"not a film at all" * 100, b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 500])
def test_a_broken_film_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.mp4").write_bytes(content)
    with pytest.raises(UserError, match=r"no video that can be read|no video|no frame that can be read"):
        list(VideoFile(tmp_path / "film.mp4", 15))


def test_a_playlist_that_calls_itself_a_film_opens_no_other_file(tmp_path: Path) -> None:
    other = write_video(tmp_path / "other.ts", numbered(25))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other.name}\n#EXT-X-ENDLIST\n"
    for name, content in (("a.mp4", playlist), ("b.mp4", f"ffconcat version 1.0\nfile '{other.name}'\n")):
        (tmp_path / name).write_text(content)
        with pytest.raises(UserError, match="no video"):
            list(VideoFile(tmp_path / name, 15))


def test_a_film_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    frames = [noise.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(50)]
    file = write_video(tmp_path / "film.mkv", frames)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    film = VideoFile(file, 25)
    assert 10 < len(list(film)) < 45


def test_a_film_of_huge_pictures_is_refused_unread(tmp_path: Path) -> None:
    file = write_video(tmp_path / "film.mp4", numbered(2, 400, 400))
    with pytest.raises(UserError, match="megapixels"):
        VideoFile(file, 15, max_megapixels=0.1)


@pytest.mark.parametrize(("name", "said"), [("camera:97", "cannot be opened"), ("camera:front", "camera:0")])
def test_a_camera_that_is_not_there_is_said(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        next(camera_frames(name, 15))
