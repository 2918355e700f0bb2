"""The work behind `python -m src.export`: build the file, hold it against the run, and write it only if they agree."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
from src.inference.agreement import HALVES_DIFFERENCE, check_equal, whole_graph
from src.inference.export_images import real_images
from src.inference.handing_out import put_finder_beside
from src.inference.recognizer import OnnxRecognizer, Recognizer, RunRecognizer
from src.inference.results import print_about
from src.storage.files import replacing_whole

_REPEATS, _WARM_UP = 100, 10
_CAMERA_SHAPE = (480, 640, 3)
_BATCH = 32


@dataclass
class _Candidate:
    name: str
    predict: Callable[[np.ndarray], np.ndarray]
    size_bytes: int
    accuracy: float | None = None


def export(
    run: Path,
    settings: DatamoduleSettings,
    output: Path,
    quantize: Literal["int8", "fp16"] | None,
    console: Console | None = None,
) -> None:
    """Write `output`, the smaller file beside it (`<its stem>.int8.onnx`) and the finder, and print how they compare.

    Args:
        run: the run's folder.
        settings: where its images are.
        output: the file.
        quantize: what a second, smaller file holds its weights in; None writes none.

    Raises:
        UserError: the file would answer otherwise than the run, or cannot be written, or int8 has no training images.
    """
    console = console or Console()
    trained = RunRecognizer(run)
    print_about(trained.about, console)
    real = real_images(run, settings)
    waiting = Console(stderr=True)
    calibration = real.train_squares if quantize == "int8" else None
    if quantize == "int8" and calibration is None:
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
            _Candidate("ONNX, float32", whole_graph(file), file.stat().st_size),
        ]
        recognizers: list[Recognizer] = [trained, exported]
        written = {output: file}
        if quantize is not None:
            graph = (
                onnx_file.in_half_precision(graph)
                if calibration is None
                else onnx_file.quantized(graph, calibration, folder)
            )
            small = _saved(graph, trained, folder / f"model.{quantize}.onnx", {"precision": quantize})
            candidates.append(_Candidate(f"ONNX, {quantize}", whole_graph(small), small.stat().st_size))
            recognizers.append(OnnxRecognizer(small, threads=1))
            written[output.with_name(f"{output.stem}.{quantize}.onnx")] = small
            if quantize == "fp16":
                halves = check_equal(trained, small, real, HALVES_DIFFERENCE)
        if real.test_squares is not None and real.test_labels is not None:
            for candidate, recognizer in zip(candidates, recognizers, strict=True):
                candidate.accuracy = _accuracy(recognizer, real.test_squares, real.test_labels)
        console.print(
            f"  checked against the run on {real.what}: {agreement}; every most probable sign equal",
            highlight=False,
            soft_wrap=True,
        )
        if quantize == "fp16":
            console.print(f"  weights of 16 bits: {halves}", highlight=False, soft_wrap=True)
        for path, made in written.items():
            with replacing_whole(path) as beside:
                beside.write_bytes(made.read_bytes())
        _print_comparison(candidates, trained.about.image_size_px, console)
    for path in written:
        console.print(f"  written to {path}", highlight=False, markup=False, soft_wrap=True)
    put_finder_beside(output, trained.about, console)


def _saved(graph: onnx.ModelProto, trained: RunRecognizer, file: Path, extra: dict[str, str]) -> Path:
    file.write_bytes(onnx_file.whole_model(graph, trained.about, extra).SerializeToString())
    return file


def _one(recognizer: Recognizer) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: recognizer.probabilities(recognizer.square(image)[None])[0]


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
        f"  milliseconds from an RGB image to probabilities, median and 95th percentile of {_REPEATS}, batch 1, "
        f"1 thread, {hardware.machine()}; PyTorch: weights alone",
        highlight=False,
        soft_wrap=True,
    )


def _timed(candidates: list[_Candidate], image: np.ndarray) -> list[np.ndarray]:
    """`(repeats,)` milliseconds a candidate, taken in turn so that a busy moment hits all alike."""
    threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    times = np.zeros((len(candidates), _WARM_UP + _REPEATS))
    try:
        for repeat in range(_WARM_UP + _REPEATS):
            for row, candidate in enumerate(candidates):
                begun = time.perf_counter()
                candidate.predict(image)
                times[row, repeat] = (time.perf_counter() - begun) * 1000
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(cv_threads)
    return list(times[:, _WARM_UP:])
