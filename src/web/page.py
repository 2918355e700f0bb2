"""What the page is made of: a tab for the camera, one for files, and the 36 signs beside them."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import gradio as gr
import numpy as np

from src.inference.recognizer import Recognizer
from src.web import examples, shown
from src.web.dropped import FILE_EXTENSIONS, MOST_FILES, read_dropped
from src.web.live import LiveReading

STYLE = Path(__file__).with_name("style.css")
CHART_ADDRESS = "chart.jpg"
MOST_FILE_BYTES = 100 * 1024**2
_HINT = "Allow the camera, press Record and hold one hand in the box. Nothing is kept."
_VISITORS = 8
_CLEAN_SECONDS = (300, 1800)  # how often dropped files are looked through, and how old they may become

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


def build_page(recognizer: Recognizer, folder: Path) -> gr.Blocks:
    """The page, not yet served.

    Args:
        folder: where examples are kept; the caller removes it.
    """
    about = recognizer.about

    def show(reading: LiveReading) -> tuple[Html, Html]:
        return shown.answer(reading.best, about, reading.held), shown.text(reading.text)

    def look(pixels: np.ndarray | None, reading: LiveReading) -> tuple[Html, Html]:
        if pixels is not None:
            reading.look(recognizer, pixels)
        return show(reading)

    def clear(reading: LiveReading) -> tuple[Html, Html]:
        reading.clear()
        return show(reading)

    def delete_last(reading: LiveReading) -> tuple[Html, Html]:
        reading.delete_last()
        return show(reading)

    def play(reading: LiveReading) -> Iterator[tuple]:
        """The example in the camera's place, at the speed of a camera."""
        reading.clear()
        begun = monotonic()
        for frame in examples.camera_frames():
            sleep(max(0.0, begun + frame.seconds - monotonic()))
            reading.look(recognizer, frame.pixels, frame.seconds)
            yield gr.update(visible=False), gr.update(value=shown.stand_in(frame.pixels), visible=True), *show(reading)
        yield gr.update(visible=True), gr.update(value="", visible=False), *show(reading)

    def read(files: list[str] | None) -> Iterator[Html]:
        if not files:
            yield ""
            return
        yield from read_dropped(recognizer, [Path(file) for file in files])

    with gr.Blocks(title="fingerspell", analytics_enabled=False, delete_cache=_CLEAN_SECONDS) as page:
        gr.HTML(f'<header class="fs-header"><h1>fingerspell</h1>{shown.about_line(about)}</header>')
        with gr.Row(elem_classes="fs-columns"):
            with gr.Column(scale=5, min_width=320), gr.Tabs(elem_id="tabs"):
                with gr.Tab("Camera", id="camera") as camera_tab:
                    reading = gr.State(LiveReading())
                    camera = gr.Image(
                        sources=["webcam"],
                        streaming=True,
                        type="numpy",
                        format="jpeg",
                        # The network gets the picture as it is; style.css mirrors what the visitor sees.
                        webcam_options=gr.WebcamOptions(
                            mirror=False, constraints={"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}
                        ),
                        show_label=False,
                        buttons=[],
                        elem_id="camera-view",
                    )
                    stand_in = gr.HTML(visible=False, elem_id="stand-in")
                    gr.HTML(f'<p class="fs-hint">{_HINT}</p>')
                    with gr.Row(elem_classes="fs-buttons"):
                        example = gr.Button("No camera? Watch an example", elem_id="camera-example")
                with gr.Tab("Pictures and films", id="files") as files_tab:
                    files = gr.File(
                        file_count="multiple",
                        file_types=FILE_EXTENSIONS,
                        label=f"Pictures and films, up to {MOST_FILES} at once",
                        height=180,
                        elem_id="files-drop",
                    )
                    with gr.Row(elem_classes="fs-buttons"):
                        pictures = gr.Button("Example pictures", elem_id="picture-example")
                        film = gr.Button("Example film", elem_id="film-example")
                    results = gr.HTML(elem_id="results")
            with gr.Column(scale=4, min_width=320):
                with gr.Column(elem_id="live") as live:
                    answer = gr.HTML(shown.answer([], about), elem_id="answer")
                    text = gr.HTML(shown.text(""), elem_id="text")
                    with gr.Row(elem_classes="fs-buttons"):
                        back = gr.Button("Delete last", elem_id="delete-last")
                        clean = gr.Button("Clear", elem_id="clear")
                gr.HTML(shown.chart(CHART_ADDRESS), elem_id="chart")

        camera.stream(
            look,
            [camera, reading],
            [answer, text],
            stream_every=examples.CAMERA_FRAME_SECONDS,
            concurrency_limit=_VISITORS,
            show_progress="hidden",
            api_visibility="private",
        )
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        clean.click(clear, reading, [answer, text], queue=False, **quiet)
        back.click(delete_last, reading, [answer, text], queue=False, **quiet)
        example.click(play, reading, [camera, stand_in, answer, text], concurrency_limit=_VISITORS, **quiet)
        camera_tab.select(lambda: gr.update(visible=True), None, live, queue=False, **quiet)
        files_tab.select(lambda: gr.update(visible=False), None, live, queue=False, **quiet)
        files.change(read, files, results, show_progress="minimal", api_visibility="private")
        pictures.click(lambda: [str(file) for file in examples.example_pictures(folder)], None, files, **quiet)
        film.click(lambda: [str(examples.example_film(folder))], None, files, **quiet)
    return page
