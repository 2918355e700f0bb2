"""A trained finder as one ONNX file: views in, hands out, its weights in half precision."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from src.errors import UserError
from src.hands.finder import OUTPUTS, VIEW_PX, VIEWS
from src.inference.onnx_file import IR_VERSION, OPSET, describe, in_half_precision
from src.nets.finder import FinderNetwork, decoded
from src.onnx_session import open_session
from src.runs import folder as run_folder
from src.storage.files import replacing_whole

# In pixels of a view and hundredths of a probability: what the file may differ by from the network, and what half
# precision may cost: far less than a teacher's joints are known to.
MAX_DIFFERENCE, MAX_ROUNDING = 1e-2, 1.0
_CERTAIN = 0.5


class _Exported(nn.Module):
    """`views (batch, 160, 160, 3) uint8` → hand, box, joints, right."""

    def __init__(self, network: FinderNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return tuple(decoded(self.network(views.permute(0, 3, 1, 2))))  # type: ignore[return-value]


def export_finder(
    network: FinderNetwork, file: Path, threshold: float, values: Mapping[str, Any], views: np.ndarray
) -> str:
    """Write a finder that `src.hands.finder.HandFinder` runs, once it is seen to answer as the network does.

    Args:
        network: trained.
        file: written beside and renamed.
        threshold: probability from which a closer look counts as a hand.
        values: further metadata, as plain values.
        views: (count, 160, 160, 3) uint8, on which file and network are compared.

    Returns:
        How far the file and the network agree, in words.

    Raises:
        UserError: the file would answer otherwise, or cannot be written.
    """
    exported = _Exported(network).eval().to("cpu").to(memory_format=torch.contiguous_format)
    plain = _graph(exported)
    halved = in_half_precision(plain)
    known = {"threshold": threshold, "view_px": VIEW_PX, "exported_by": f"fingerspell {run_folder.commit()}"}
    describe(halved, {**known, **values})
    content = halved.SerializeToString()
    with torch.no_grad():
        wanted = [output.numpy() for output in exported(torch.from_numpy(views))]
    own = _largest(wanted, open_session(file, plain.SerializeToString(), 1).run(list(OUTPUTS), {VIEWS: views}))
    rounding = _largest(wanted, open_session(file, content, 1).run(list(OUTPUTS), {VIEWS: views}))
    said = f"largest difference {own:.1e} px in float32, {rounding:.1e} px with weights in half precision"
    if not own <= MAX_DIFFERENCE or not rounding <= MAX_ROUNDING:
        raise UserError(f"The exported finder answers otherwise than the network ({said}); no file was written.")
    with replacing_whole(file) as beside:
        beside.write_bytes(content)
    return said


def _graph(exported: _Exported) -> onnx.ModelProto:
    example = torch.zeros(2, VIEW_PX, VIEW_PX, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's notes to its own developers
        program = torch.onnx.export(
            exported,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[VIEWS],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=65536)},),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    model.ir_version = IR_VERSION
    model.producer_name = "fingerspell"
    return model


def _largest(wanted: list[np.ndarray], got: list[np.ndarray]) -> float:
    """The largest difference of a place, in pixels of a view; where there is no hand, places mean nothing.

    Probabilities count as places do: in hundredths.
    """
    there = wanted[0] >= _CERTAIN
    largest = 0.0
    for name, a, b in zip(OUTPUTS, wanted, got, strict=True):
        if name in ("box", "joints"):
            largest = max(largest, float(np.abs(a - b)[there].max(initial=0)) * VIEW_PX)
        else:
            largest = max(largest, float(np.abs(a - b).max()) * 100)
    return largest
