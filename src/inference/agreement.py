"""Whether an exported file says what its run says, image by image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from src.errors import UserError
from src.inference import onnx_file
from src.inference.export_images import RealImages
from src.inference.recognizer import Recognizer
from src.inference.square_graph import IMAGES, square_graph

MAX_DIFFERENCE = 1e-4
HALVES_DIFFERENCE = 1e-2  # weights of 16 bits are off by one part in 2048; the network in the box, 0.008
_BATCH = 32


def whole_graph(file: Path) -> Callable[[np.ndarray], np.ndarray]:
    """`(height, width, 3) uint8` of any size → `(36,)`: an exported file with its own preprocessing, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    return lambda image: session.run([onnx_file.PROBABILITIES], {IMAGES: image[None]})[0][0]


@dataclass(frozen=True)
class Agreement:
    """How far the exported file and the run agree.

    Attributes:
        largest: difference of a probability where both saw the same square.
        turned: images of which a resize's half was rounded the other way, so that grey values differ by one.
        largest_turned: difference of a probability on those.
    """

    largest: float
    turned: int
    largest_turned: float

    def __str__(self) -> str:
        ties = f"; on {self.turned} images a half in the resize rounds the other way, there {self.largest_turned:.1e}"
        return f"largest difference of a probability {self.largest:.1e}{ties if self.turned else ''}"


def check_equal(trained: Recognizer, file: Path, real: RealImages, allowed: float = MAX_DIFFERENCE) -> Agreement:
    """Hold an exported file against the run, image by image.

    The file must find the run's own squares, to a grey level where OpenCV's enlarging differs between machines, and
    from a square the run's own probabilities.

    Args:
        allowed: difference of a probability.

    Raises:
        UserError: a square differs by more, a probability by more than `allowed`, or a most probable sign that leads
            by more than such differences make up.
    """
    predict, square = whole_graph(file), _square_graph(trained)
    largest, turned, largest_turned, other, levels = 0.0, 0, 0.0, 0, 0
    for start in range(0, len(real.images), _BATCH):
        images = [np.ascontiguousarray(image) for image in real.images[start : start + _BATCH]]
        own = np.stack([trained.square(image) for image in images])
        found = np.stack([square(image) for image in images])
        wanted, got = trained.probabilities(own), np.stack([predict(image) for image in images])
        leads = np.diff(np.sort(wanted, axis=1)[:, -2:], axis=1)[:, 0] > 2 * allowed
        other += int((leads & (wanted.argmax(axis=1) != got.argmax(axis=1))).sum())
        largest = max(largest, float(np.abs(trained.probabilities(found) - got).max()))
        apart = np.abs(own.astype(np.int16) - found).max(axis=(1, 2, 3))
        levels = max(levels, int(apart.max()))
        if apart.any():
            turned += int((apart > 0).sum())
            largest_turned = max(largest_turned, float(np.abs(wanted - got)[apart > 0].max()))
    if not largest <= allowed or other or levels > 1:
        raise UserError(
            f"The exported network answers otherwise than the run on {real.what}: {other} most probable signs differ, "
            f"the largest difference of a probability is {largest:.1e} (allowed: {allowed:.0e}), that of a grey "
            f"value {levels} (allowed: 1); no file was written."
        )
    return Agreement(largest, turned, largest_turned)


def _square_graph(trained: Recognizer) -> Callable[[np.ndarray], np.ndarray]:
    """The graph's preprocessing alone: `(height, width, 3) uint8` → `(size, size, 3) uint8`."""
    about = trained.about
    graph = square_graph(about.image_size_px, about.fit, onnx_file.OPSET, onnx_file.IR_VERSION)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {IMAGES: image[None]})[0][0].transpose(1, 2, 0)
