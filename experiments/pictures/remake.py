"""Make the README's pictures again: `python experiments/pictures/remake.py run=<run folder> sweep=<sweep folder>`.

The run must be one of rendered hands: nobody's photograph may be shown. `sweep` is any sweep, since its page has none.
Needs `pip install -e .[web-tests]` and a Chromium. Each picture is what commands of the project made; they are printed.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
SIGNS_SHOWN = "CDHLPQY5"
WORD = "HELLO"
MOMENTS = (1.4, 2.6, 3.8, 6.4)  # seconds of the film: before the letter changes
MOST_BYTES = 150_000

# The moment in which the second letter has been written and is still shown; the page then stands still for its picture.
_SECOND_LETTER_READ = """word => {
  const shown = selector => document.querySelector(selector)?.textContent.trim();
  if (shown("#text .fs-text") !== word || shown(".fs-answer .fs-sign") !== word[1]) return false;
  document.body.innerHTML = document.body.innerHTML;
  return true;
}"""


def command(*arguments: str) -> None:
    """One of the project's own commands, as a user would type it."""
    print("python -m", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", *arguments], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)


def write(name: str, picture: np.ndarray) -> None:
    """`(height, width, 3) uint8` BGR as a JPEG that is small enough to commit."""
    for quality in (88, 80, 70, 60):
        _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(encoded) <= MOST_BYTES:
            (HERE / name).write_bytes(encoded.tobytes())
            return
    raise SystemExit(f"{name} stays larger than {MOST_BYTES} bytes.")


def grid(pictures: Sequence[np.ndarray], columns: int, width_px: int) -> np.ndarray:
    """Pictures of one shape in rows, each `width_px` wide, with a white gap between them."""
    height_px = round(pictures[0].shape[0] * width_px / pictures[0].shape[1])
    tiles = [cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA) for picture in pictures]
    framed = [cv2.copyMakeBorder(t, 0, 6, 0, 6, cv2.BORDER_CONSTANT, value=(255, 255, 255)) for t in tiles]
    rows = [np.hstack(framed[start : start + columns]) for start in range(0, len(framed), columns)]
    return np.vstack(rows)[:-6, :-6]


def annotated_pictures(run: str, folder: Path) -> None:
    """annotated.jpg: a few signs of a person that no run has seen."""
    command("src.render", f"output={folder}/hands", "images=36", "signers=1", "size=256", "seed=70004")
    chosen = folder / "chosen"
    chosen.mkdir()
    for sign in SIGNS_SHOWN:
        shutil.copy(next((folder / "hands" / sign).iterdir()), chosen / f"{sign}.png")
    command("src.predict", f"run={run}", f"input={chosen}", f"annotate={folder}/drawn")
    write("annotated.jpg", grid([cv2.imread(f"{folder}/drawn/{sign}.png") for sign in SIGNS_SHOWN], 4, 240))


def spelled_film(run: str, folder: Path) -> None:
    """spelled.jpg: four moments of a film of rendered hands, read and annotated."""
    import av

    films = f"films={folder}/films"
    command("src.spelling", f"run={run}", "hands=rendered", f"words={WORD}", "speeds=1.2", films)
    (film,) = (folder / "films").iterdir()
    read = f"annotate={folder}/read.mp4"
    command("src.predict", f"run={run}", f"input={film}", "signs=letters", read)
    waiting, moments = list(MOMENTS), []
    with av.open(f"{folder}/read.mp4") as container:
        for frame in container.decode(video=0):
            if waiting and frame.time >= waiting[0]:
                moments.append(frame.to_ndarray(format="bgr24"))
                waiting.pop(0)
    write("spelled.jpg", grid(moments, 4, 240))


def pages(run: str, sweep: str, folder: Path) -> None:
    """demo.jpg, run.jpg and sweep.jpg: what a browser shows. Two letters of the demo's example must be read."""
    from playwright.sync_api import sync_playwright

    from src.web import examples

    command("src.report", f"run={run}")
    command("src.report", f"sweep={sweep}")
    demo = [sys.executable, "-u", "-m", "src.demo", f"run={run}", "port=0"]
    server = subprocess.Popen(demo, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    try:
        address = server.stdout.readline().split()[0]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=next(filter(None, found)), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1180, "height": 800})
            page.goto(address)
            page.locator("#camera-example").click()
            page.wait_for_function(_SECOND_LETTER_READ, arg=examples.WORD[:2], timeout=60_000)
            page.screenshot(path=f"{folder}/demo.png")
            page.set_viewport_size({"width": 1000, "height": 900})
            for name, file in (("run", Path(run) / "report.html"), ("sweep", Path(sweep) / "report.html")):
                page.goto(file.resolve().as_uri())
                page.screenshot(path=f"{folder}/{name}.png")
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)
    for name in ("demo", "run", "sweep"):
        write(f"{name}.jpg", cv2.imread(f"{folder}/{name}.png"))


def main() -> None:
    """Make all five, after checking that the run shows rendered hands alone."""
    values = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    if set(values) != {"run", "sweep"}:
        raise SystemExit(__doc__)
    run, sweep = values["run"], values["sweep"]
    sys.path.insert(0, str(PROJECT))
    from src.runs.record import read_run

    if read_run(Path(run)).sources != ("rendered",):
        raise SystemExit(f"{run} saw other pictures than rendered hands; its page would show them.")
    with tempfile.TemporaryDirectory() as name:
        annotated_pictures(run, Path(name))
        spelled_film(run, Path(name))
        pages(run, sweep, Path(name))


if __name__ == "__main__":
    main()
