"""The work behind `python -m src.export`: build the file, hold it against the run, and write it only if they agree."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from rich import box
from rich.console import Console
from rich.table import Table

from src import hardware
from src.data.settings import DatamoduleSettings
from src.errors import UserError
from src.inference import onnx_file
from src.inference.recognizer import OnnxRecognizer, Recognizer, RunRecognizer
from src.inference.results import print_about
from src.inference.run_images import run_images
from src.inference.square_graph import IMAGES, square_graph
from src.sources.decoding import Unreadable
from src.sources.images import decode
from src.storage.files import replacing_whole
from src.synthetic.dataset import sample
from src.synthetic.spec import RenderedSpec

MAX_DIFFERENCE = 1e-4
_CHECKED_IMAGES = 400
_CALIBRATION_IMAGES = 128
_RESHAPED = 12
_REPEATS, _WARM_UP = 100, 10
_CAMERA_SHAPE = (480, 640, 3)
_BATCH = 32


@dataclass(frozen=True)
class RealImages:
    """What the export is held against.

    Attributes:
        pictures: RGB images `(height, width, 3) uint8`, of whatever sizes.
        what: what they are, for the reader.
        test_squares, test_labels: the run's test set as the network sees it; None where it is not found.
        train_squares: some of its training set; None where it is not found.
    """

    pictures: list[np.ndarray]
    what: str
    test_squares: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    train_squares: np.ndarray | None = None


@dataclass
class _Candidate:
    name: str
    answer: Callable[[np.ndarray], np.ndarray]
    size_bytes: int
    accuracy: float | None = None


def export(run: Path, images: DatamoduleSettings, output: Path, quantize: bool, console: Console | None = None) -> None:
    """Write `output` (and, for int8, `<its stem>.int8.onnx` beside it), and print how they compare.

    Raises:
        UserError: the file would answer otherwise than the run, or cannot be written, or int8 has no training images.
    """
    console = console or Console()
    trained = RunRecognizer(run)
    print_about(trained.about, console)
    real = real_images(run, images)
    waiting = Console(stderr=True)
    if quantize and real.train_squares is None:
        raise UserError(
            "quantize=int8 reads its ranges from the run's training images, which are not found here: "
            "say where they are with datamodule.root=<folder>."
        )
    with tempfile.TemporaryDirectory() as name, waiting.status("building and checking the file"):
        folder = Path(name)
        graph = onnx_file.network_graph(trained.network, trained.about)
        trained.network.to(memory_format=torch.channels_last)
        file = _saved(graph, trained, folder / "model.onnx", {"precision": "float32"})
        exported = OnnxRecognizer(file, threads=1)
        agreement = check_equal(trained, file, real)
        candidates = [
            _Candidate("PyTorch, run folder", _one(trained), _weight_bytes(trained)),
            _Candidate("ONNX, float32", _whole_graph(file), file.stat().st_size),
        ]
        recognizers: list[Recognizer] = [trained, exported]
        written = {output: file}
        if quantize:
            graph = onnx_file.quantized(graph, real.train_squares, folder)
            small = _saved(graph, trained, folder / "model.int8.onnx", {"precision": "int8"})
            candidates.append(_Candidate("ONNX, int8", _whole_graph(small), small.stat().st_size))
            recognizers.append(OnnxRecognizer(small, threads=1))
            written[output.with_name(f"{output.stem}.int8.onnx")] = small
        if real.test_squares is not None:
            for candidate, recognizer in zip(candidates, recognizers, strict=True):
                candidate.accuracy = _accuracy(recognizer, real.test_squares, real.test_labels)
        console.print(
            f"  checked against the run on {real.what}: {agreement}; every most probable sign equal",
            highlight=False,
            soft_wrap=True,
        )
        for place, made in written.items():
            with replacing_whole(place) as beside:
                beside.write_bytes(made.read_bytes())
        _print_comparison(candidates, trained.about.image_size_px, console)
    for place in written:
        console.print(f"  written to {place}", highlight=False, markup=False, soft_wrap=True)


def _saved(graph: onnx.ModelProto, trained: RunRecognizer, file: Path, extra: dict[str, str]) -> Path:
    file.write_bytes(onnx_file.whole_model(graph, trained.about, extra).SerializeToString())
    return file


def real_images(run: Path, images: DatamoduleSettings) -> RealImages:
    """The run's own test and training images, or rendered hands where they are not on this machine."""
    try:
        collection, test, train = run_images(run, images)
    except UserError:
        return _rendered(images.image_size_px)
    pictures = []
    for index in _spread(test, _CHECKED_IMAGES):
        try:
            pictures.append(decode(collection.manifest[int(index)], images.max_megapixels).pixels)
        except Unreadable:
            continue
    if not pictures:
        return _rendered(images.image_size_px)
    return RealImages(
        pictures + _reshaped(pictures),
        f"{len(pictures)} of its {len(test)} test images and {_RESHAPED * 3} of other proportions cut from them",
        collection.pixels.take(test),
        collection.manifest.labels[test],
        collection.pixels.take(_spread(train, _CALIBRATION_IMAGES)) if len(train) else None,
    )


def _rendered(image_size_px: int) -> RealImages:
    spec = RenderedSpec(images=36, signers=1, image_size_px=2 * image_size_px + 7)
    pictures = [sample(spec, index).image for index in range(36)]
    return RealImages(
        pictures + _reshaped(pictures),
        f"{len(pictures)} rendered hands (its own images are not on this machine) and {_RESHAPED * 3} cut from them",
    )


def _spread(indices: np.ndarray, count: int) -> np.ndarray:
    """`count` of them at even distances, so that every sign has its share."""
    if len(indices) <= count:
        return indices
    return indices[np.linspace(0, len(indices) - 1, count).round().astype(int)]


def _reshaped(pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Wide, tall and tiny ones, so that padding, cutting and enlarging are held against the run too."""
    chosen = _spread(np.arange(len(pictures)), _RESHAPED)
    cut = []
    for index in chosen:
        picture = pictures[int(index)]
        height, width = picture.shape[:2]
        cut += [picture[: max(1, height * 2 // 3)], picture[:, : max(1, width // 2)]]
        cut.append(cv2.resize(picture, (29, 23), interpolation=cv2.INTER_AREA))
    return cut


def _whole_graph(file: Path) -> Callable[[np.ndarray], np.ndarray]:
    """`(height, width, 3) uint8` of any size → `(36,)`: an exported file with its own preprocessing, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    return lambda picture: session.run([onnx_file.PROBABILITIES], {IMAGES: picture[None]})[0][0]


def _one(recognizer: Recognizer) -> Callable[[np.ndarray], np.ndarray]:
    return lambda picture: recognizer.probabilities(recognizer.square(picture)[None])[0]


@dataclass(frozen=True)
class Agreement:
    """How far the exported file and the run agree.

    Attributes:
        largest: difference of a probability where both saw the same square.
        turned: pictures of which a resize's half was rounded the other way, so that grey values differ by one.
        largest_turned: difference of a probability on those.
    """

    largest: float
    turned: int
    largest_turned: float

    def __str__(self) -> str:
        ties = f"; on {self.turned} pictures a half in the resize rounds the other way, there {self.largest_turned:.1e}"
        return f"largest difference of a probability {self.largest:.1e}{ties if self.turned else ''}"


def check_equal(trained: Recognizer, file: Path, real: RealImages) -> Agreement:
    """Hold an exported file against the run, picture by picture.

    The file must find the run's own squares, to a grey level where OpenCV's enlarging differs between machines, and
    from a square the run's own probabilities.

    Raises:
        UserError: a square differs by more, a probability by more than `MAX_DIFFERENCE`, or a most probable sign.
    """
    answer, square = _whole_graph(file), _square_graph(trained)
    largest, turned, largest_turned, other, levels = 0.0, 0, 0.0, 0, 0
    for start in range(0, len(real.pictures), _BATCH):
        pictures = [np.ascontiguousarray(picture) for picture in real.pictures[start : start + _BATCH]]
        own = np.stack([trained.square(picture) for picture in pictures])
        found = np.stack([square(picture) for picture in pictures])
        wanted, got = trained.probabilities(own), np.stack([answer(picture) for picture in pictures])
        other += int((wanted.argmax(axis=1) != got.argmax(axis=1)).sum())
        largest = max(largest, float(np.abs(trained.probabilities(found) - got).max()))
        apart = np.abs(own.astype(np.int16) - found).max(axis=(1, 2, 3))
        levels = max(levels, int(apart.max()))
        if apart.any():
            turned += int((apart > 0).sum())
            largest_turned = max(largest_turned, float(np.abs(wanted - got)[apart > 0].max()))
    if not largest <= MAX_DIFFERENCE or other or levels > 1:
        raise UserError(
            f"The exported network answers otherwise than the run on {real.what}: {other} most probable signs differ, "
            f"the largest difference of a probability is {largest:.1e} (allowed: {MAX_DIFFERENCE:.0e}), that of a grey "
            f"value {levels} (allowed: 1); no file was written."
        )
    return Agreement(largest, turned, largest_turned)


def _square_graph(trained: Recognizer) -> Callable[[np.ndarray], np.ndarray]:
    """The graph's preprocessing alone: `(height, width, 3) uint8` → `(size, size, 3) uint8`."""
    import onnxruntime

    about = trained.about
    graph = square_graph(about.image_size_px, about.fit, onnx_file.OPSET, onnx_file.IR_VERSION)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda picture: session.run(None, {IMAGES: picture[None]})[0][0].transpose(1, 2, 0)


def _accuracy(recognizer: Recognizer, squares: np.ndarray, labels: np.ndarray) -> float:
    parts = [recognizer.probabilities(squares[start : start + _BATCH]) for start in range(0, len(squares), _BATCH)]
    return float((np.concatenate(parts).argmax(axis=1) == labels).mean())


def _weight_bytes(trained: RunRecognizer) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in trained.network.state_dict().values())


def _print_comparison(candidates: list[_Candidate], image_size_px: int, console: Console) -> None:
    square = np.random.default_rng(0).integers(0, 256, (image_size_px, image_size_px, 3), dtype=np.uint8)
    camera = np.random.default_rng(0).integers(0, 256, _CAMERA_SHAPE, dtype=np.uint8)
    squares, cameras = _timed(candidates, square), _timed(candidates, camera)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for column in ("size", "test accuracy", f"{image_size_px} × {image_size_px}", "p95", "640 × 480", "p95"):
        table.add_column(column, justify="right")
    for candidate, a, b in zip(candidates, squares, cameras, strict=True):
        table.add_row(
            candidate.name,
            f"{candidate.size_bytes / 1e6:.1f} MB",
            "–" if candidate.accuracy is None else f"{candidate.accuracy:.1%}",
            *(f"{value:.1f} ms" for times in (a, b) for value in (np.median(times), np.percentile(times, 95))),
        )
    console.print(table)
    console.print(
        f"  milliseconds from an RGB picture to probabilities, median and 95th percentile of {_REPEATS}, batch 1, "
        f"1 thread, {hardware.machine()}; PyTorch: weights alone",
        highlight=False,
        soft_wrap=True,
    )


def _timed(candidates: list[_Candidate], picture: np.ndarray) -> list[np.ndarray]:
    """`(repeats,)` milliseconds a candidate, taken in turn so that a busy moment hits all alike."""
    threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    times = np.zeros((len(candidates), _WARM_UP + _REPEATS))
    try:
        for repeat in range(_WARM_UP + _REPEATS):
            for row, candidate in enumerate(candidates):
                begun = time.perf_counter()
                candidate.answer(picture)
                times[row, repeat] = (time.perf_counter() - begun) * 1000
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(cv_threads)
    return list(times[:, _WARM_UP:])
