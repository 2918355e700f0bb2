"""What the page is made of: a tab for the camera, one for files, and the 36 signs beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import gradio as gr
import numpy as np

from src.inference.recognizer import Recognizer
from src.inference.results import WHICH_HAND
from src.inference.sight import Sight
from src.web import examples, shown
from src.web.dropped import FILE_EXTENSIONS, MOST_FILES, read_dropped
from src.web.live import LiveReading

STYLE = Path(__file__).with_name("style.css")
CHART_ADDRESS = "chart.jpg"
MOST_FILE_BYTES = 100 * 1024**2
_HINT = "Allow the camera, press Record and hold one hand {where}. Nothing is kept."
_VISITORS = 8
_CLEAN_SECONDS = (300, 1800)  # how often dropped files are looked through, and how old they may become

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

Html = str  # made by src.web.shown


def theme() -> gr.themes.Base:
    """Quiet colours, and fonts that are on the visitor's machine: none is fetched."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.emerald,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=[gr.themes.Font("system-ui"), gr.themes.Font("sans-serif")],
        font_mono=[gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
    )


@dataclass(frozen=True)
class _Answers:
    """What the network says to a visitor, as the page's parts ask for it.

    Attributes:
        sight: the network, and what finds the hand for it.
        folder: where examples are kept.
    """

    sight: Sight
    folder: Path

    def show(self, reading: LiveReading) -> tuple[Html, Html]:
        """The answer and the text so far."""
        about = self.sight.recognizer.about
        note = f"Another hand is seen: {WHICH_HAND}." if reading.others else ""
        return shown.answer(reading.best, about, reading.held, reading.looked, note), shown.text(reading.text)

    def look(self, pixels: np.ndarray | None, reading: LiveReading) -> tuple[Html, Html, Html]:
        """One frame of the camera: the hand that was found in it, and what is said of it."""
        if pixels is not None:
            reading.look(self.sight, pixels)
        return shown.found(reading.hand, reading.frame), *self.show(reading)

    def clear(self, reading: LiveReading) -> tuple[Html, Html]:
        """Begin the text again."""
        reading.clear()
        return self.show(reading)

    def delete_last(self, reading: LiveReading) -> tuple[Html, Html]:
        """Take the last letter back."""
        reading.delete_last()
        return self.show(reading)

    def play(self, reading: LiveReading) -> Iterator[tuple[Any, ...]]:
        """The example in the camera's place, at the speed of a camera."""
        reading.clear()
        begun = monotonic()
        for frame in examples.camera_frames():
            sleep(max(0.0, begun + frame.seconds - monotonic()))
            reading.look(self.sight, frame.pixels, frame.seconds)
            stand_in = gr.update(value=shown.stand_in(frame.pixels), visible=True)
            yield gr.update(visible=False), stand_in, shown.found(reading.hand, reading.frame), *self.show(reading)
        yield gr.update(visible=True), gr.update(value="", visible=False), "", *self.show(reading)

    def read(self, files: list[str] | None) -> Iterator[Html]:
        """Dropped files, a card each."""
        if not files:
            yield ""
            return
        yield from read_dropped(self.sight, [Path(file) for file in files])

    def example_images(self) -> list[str]:
        """Files to be read as if they had been dropped."""
        return [str(file) for file in examples.example_images(self.folder)]

    def example_film(self) -> list[str]:
        """The same, of a film."""
        return [str(examples.example_film(self.folder))]


def build_page(recognizer: Recognizer, folder: Path) -> gr.Blocks:
    """The page, not yet served.

    Args:
        recognizer: the network that answers.
        folder: where examples are kept; the caller removes it.
    """
    sight = Sight(recognizer)
    about, answers = recognizer.about, _Answers(sight, folder)
    with gr.Blocks(title="fingerspell", analytics_enabled=False, delete_cache=_CLEAN_SECONDS) as page:
        gr.HTML(f'<header class="fs-header"><h1>fingerspell</h1>{shown.about_line(about)}</header>')
        with gr.Row(elem_classes="fs-columns"):
            with gr.Column(scale=5, min_width=320), gr.Tabs(elem_id="tabs"):
                with gr.Tab("Camera", id="camera") as camera_tab:
                    camera, stand_in, hand, example = _camera(guided=sight.finder is None)
                with gr.Tab("Images and films", id="files") as files_tab:
                    _dropped_files(answers)
            with gr.Column(scale=4, min_width=320):
                with gr.Column(elem_id="live") as live:
                    answer = gr.HTML(shown.answer([], about), elem_id="answer")
                    text = gr.HTML(shown.text(""), elem_id="text")
                    with gr.Row(elem_classes="fs-buttons"):
                        back = gr.Button("Delete last", elem_id="delete-last")
                        clean = gr.Button("Clear", elem_id="clear")
                gr.HTML(shown.chart(CHART_ADDRESS), elem_id="chart")

        reading = gr.State(LiveReading())
        camera.stream(
            answers.look,
            [camera, reading],
            [hand, answer, text],
            stream_every=examples.CAMERA_FRAME_SECONDS,
            concurrency_limit=_VISITORS,
            **_QUIET,
        )
        clean.click(answers.clear, reading, [answer, text], queue=False, **_QUIET)
        back.click(answers.delete_last, reading, [answer, text], queue=False, **_QUIET)
        played = [camera, stand_in, hand, answer, text]
        example.click(answers.play, reading, played, concurrency_limit=_VISITORS, **_QUIET)
        camera_tab.select(lambda: gr.update(visible=True), None, live, queue=False, **_QUIET)
        files_tab.select(lambda: gr.update(visible=False), None, live, queue=False, **_QUIET)
    return page


def _camera(guided: bool) -> tuple[gr.Image, gr.HTML, gr.HTML, gr.Button]:
    """The camera, what stands in its place during the example, the hand drawn over either, and the example's button.

    Args:
        guided: whether the network reads the part in a guide box; else a hand is found anywhere in the picture.
    """
    with gr.Column(elem_id="camera", elem_classes="fs-guided" if guided else "fs-finding"):
        camera = gr.Image(
            sources=["webcam"],
            streaming=True,
            type="numpy",
            format="jpeg",
            # The network gets the image as it is; style.css mirrors what the visitor sees.
            webcam_options=gr.WebcamOptions(
                mirror=False, constraints={"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}
            ),
            show_label=False,
            buttons=[],
            elem_id="camera-view",
        )
        stand_in = gr.HTML(visible=False, elem_id="stand-in")
        hand = gr.HTML(elem_id="hand")
    gr.HTML(f'<p class="fs-hint">{_HINT.format(where="in the box" if guided else "up")}</p>')
    with gr.Row(elem_classes="fs-buttons"):
        example = gr.Button("No camera? Watch an example", elem_id="camera-example")
    return camera, stand_in, hand, example


def _dropped_files(answers: _Answers) -> None:
    """Where files are dropped, and their cards."""
    files = gr.File(
        file_count="multiple",
        file_types=FILE_EXTENSIONS,
        label=f"Images and films, up to {MOST_FILES} at once",
        height=180,
        elem_id="files-drop",
    )
    with gr.Row(elem_classes="fs-buttons"):
        images = gr.Button("Example images", elem_id="image-example")
        film = gr.Button("Example film", elem_id="film-example")
    results = gr.HTML(elem_id="results")
    files.change(answers.read, files, results, show_progress="minimal", api_visibility="private")
    images.click(answers.example_images, None, files, **_QUIET)
    film.click(answers.example_film, None, files, **_QUIET)
