"""The page in a real Chromium, with a fake camera that plays a film of a sign."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from src.inference.sight import Sight
from src.inference.spelling_trial import read_film
from src.signs.labels import SIGNS
from src.web import examples
from src.web.live import GUIDE_SHARE, LiveReading

_PATIENCE = 180_000  # milliseconds; nothing waits longer than it must, and a busy machine may be slow


def write_y4m(file: Path, frames: list[np.ndarray], rate_hz: int) -> Path:
    """What Chromium plays as a camera: `(480, 640, 3) uint8` RGB frames, uncompressed."""
    with file.open("wb") as stream:
        stream.write(f"YUV4MPEG2 W640 H480 F{rate_hz}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            stream.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    return file


@pytest.fixture(scope="module")
def sign(sight: Sight) -> str:
    """The sign of the example's person that the network in the box reads most surely: these are tests of the page."""
    sure = {}
    for index, (image,) in examples.hands("".join(SIGNS)).items():
        seen = sight.look(image)
        if seen.square is not None:
            sure[SIGNS[index]] = sight.recognizer.probabilities(seen.square[None])[0, index]
    return max(sure, key=lambda sign: sure[sign])


@pytest.fixture(scope="module")
def camera_film(sign: str, sight: Sight, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hand in the guide box that shows one sign for ever; beside the box there is something else.

    Around a hand that must be found, its own background goes on.
    """
    side = round(480 * GUIDE_SHARE)
    ((hand,),) = examples.hands(sign).values()
    hand = cv2.resize(hand, (side, side), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(1)
    frames = []
    for _ in range(5):
        frame = noise.integers(0, 256, (480, 640, 3), dtype=np.uint8)
        if sight.finder is not None:
            frame[:] = np.median(hand[:, :4].reshape(-1, 3), axis=0).astype(np.uint8)
        frame[48 : 48 + side, 128 : 128 + side] = hand
        frames.append(frame)
    return write_y4m(tmp_path_factory.mktemp("camera") / "sign.y4m", frames, 10)


class Visitor:
    """One browser window and all that it asked for."""

    def __init__(self, page: Page, port: int) -> None:
        self.page, self.port, self.asked, self.complaints = page, port, [], []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.set_default_timeout(_PATIENCE)
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("#camera-view")

    def stayed_here(self) -> bool:
        """Whether nothing but this page was asked for, and nothing went wrong."""
        own = (f"http://127.0.0.1:{self.port}/", "data:", f"blob:http://127.0.0.1:{self.port}/")
        outside = [url for url in self.asked if not url.startswith(own)]
        assert not outside
        assert not self.complaints
        return True

    def is_wider_than_its_window(self) -> bool:
        """Whether one would have to scroll sideways."""
        return self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


@pytest.fixture(scope="module")
def browser(chromium: str, camera_film: Path) -> Iterator[Browser]:
    """Chromium with the fake camera, and no way out: every other name leads nowhere."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-video-capture={camera_film}",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, 860), (390, 844)], ids=["desktop", "phone"])
def visitor(request: pytest.FixtureRequest, browser: Browser, served: int) -> Iterator[Visitor]:
    """A visitor of the page, at the width of a desktop and of a phone."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, permissions=["camera"])
    yield Visitor(context.new_page(), served)
    context.close()


def test_a_hand_before_the_camera_is_named_and_written(visitor: Visitor, sign: str) -> None:
    page = visitor.page
    page.get_by_text("Click to Access Webcam").click()
    page.locator("#camera-view .button-wrap button").click()
    expect(page.locator("#answer .fs-sign")).to_have_text(sign, timeout=_PATIENCE)
    expect(page.locator("#text")).to_have_text(sign, timeout=_PATIENCE)
    assert page.locator("#answer .fs-row").count() == 5
    mirror = page.locator("#camera-view video").evaluate("video => getComputedStyle(video).transform")
    assert mirror.startswith("matrix(-1")  # what the visitor sees is turned, not what the network gets
    colours = "figures => figures.filter(f => getComputedStyle(f).borderTopColor != 'rgba(0, 0, 0, 0)').map(f => f.id)"
    page.wait_for_timeout(400)  # the sign before loses its frame slowly
    assert page.locator(".fs-chart figure").evaluate_all(colours) == [f"fs-sign-{sign}"]
    assert not visitor.is_wider_than_its_window()
    page.locator("#clear").click()
    assert visitor.stayed_here()


def test_dropped_files_are_read_and_a_bad_one_gets_a_message(visitor: Visitor, sight: Sight, tmp_path: Path) -> None:
    page = visitor.page
    film_says = read_film(sight, examples.example_film(tmp_path))
    good = examples.example_images(tmp_path)[0]
    bad = tmp_path / "broken.png"
    bad.write_bytes(good.read_bytes()[:1500])
    page.get_by_role("tab", name="Images and films").click()
    page.locator("#files-drop input[type=file]").set_input_files([good, bad])
    expect(page.locator("figure.fs-card .fs-short")).to_contain_text(good.stem, timeout=_PATIENCE)
    expect(page.locator(".fs-problem")).to_contain_text("broken.png cannot be read")
    page.locator("#film-example").click()
    expect(page.locator(".fs-film .fs-text")).to_have_text(film_says, timeout=_PATIENCE)
    assert not visitor.is_wider_than_its_window()
    assert visitor.stayed_here()


def test_without_a_camera_an_example_is_shown(browser: Browser, served: int, sight: Sight) -> None:
    alone = LiveReading()
    for frame in examples.camera_frames():
        alone.look(sight, frame.pixels, frame.seconds)
    context = browser.new_context()
    visitor = Visitor(context.new_page(), served)
    visitor.page.locator("#camera-example").click()
    expect(visitor.page.locator(".fs-stage img")).to_be_visible(timeout=_PATIENCE)
    expect(visitor.page.locator("#text")).to_have_text(alone.text, timeout=_PATIENCE)
    assert visitor.stayed_here()
    context.close()
