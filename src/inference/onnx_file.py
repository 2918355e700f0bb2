"""A network, its preprocessing and what is known about it in one ONNX file."""

import io
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.compose
import torch
from torch import Tensor, nn

from src.inference.recognizer import About
from src.inference.square_graph import SQUARES, square_graph
from src.runs import folder as run_folder
from src.signs.labels import SIGNS

OPSET, IR_VERSION = 18, 10
PROBABILITIES = "probabilities"
_SMALL = 64  # numbers; shorter tensors are shapes, constants and biases, and stay as they are


class _Calibrated(nn.Module):
    """`(batch, 3, size, size) uint8` → calibrated probabilities `(batch, 36)`."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, squares: Tensor) -> Tensor:
        return (self.network(squares) / self.temperature).softmax(dim=1)


def network_graph(network: nn.Module, about: About) -> onnx.ModelProto:
    """`squares (batch, 3, size, size) uint8` to `probabilities (batch, 36) float32`, temperature inside."""
    example = torch.zeros(2, 3, about.image_size_px, about.image_size_px, dtype=torch.uint8)
    # A copy in plain memory order: channels-last strides mean nothing to the exporter.
    calibrated = _Calibrated(network, about.temperature).eval().to("cpu").to(memory_format=torch.contiguous_format)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's notes to its own developers
        program = torch.onnx.export(
            calibrated,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[SQUARES],
            output_names=[PROBABILITIES],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=65536)},),
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def quantized(graph: onnx.ModelProto, squares: np.ndarray, folder: Path) -> onnx.ModelProto:
    """The network with int8 weights (a scale a channel) and activations, by onnxruntime's static quantisation.

    Args:
        graph: of `network_graph`.
        squares: `(images, size, size, 3) uint8` training images that the activations' ranges are read from.
        folder: for intermediate files.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._rows: Iterator[np.ndarray] = iter(squares)

        def get_next(self) -> dict[str, np.ndarray] | None:
            row = next(self._rows, None)
            return None if row is None else {SQUARES: np.ascontiguousarray(row.transpose(2, 0, 1)[None])}

    plain, prepared, small = (folder / name for name in ("plain.onnx", "prepared.onnx", "small.onnx"))
    onnx.save(graph, plain)
    with redirect_stdout(io.StringIO()):  # notes on each histogram
        quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(small),
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            # From smallest to largest, one stray activation would stretch its whole layer's scale.
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": 99.99},
        )
    return onnx.load(small)


def in_half_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, its large float32 tensors stored as float16 and cast back: onnxruntime does so once, at load."""
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    casts = []
    for tensor in halved.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < _SMALL or len(tensor.dims) < 2:
            continue
        name, values = tensor.name, onnx.numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, f"{name}/half"))
        casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], f"{name}/cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *halved.graph.node]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    return halved


def whole_model(graph: onnx.ModelProto, about: About, extra: dict[str, Any]) -> onnx.ModelProto:
    """`images (batch, height, width, 3) uint8` RGB of any size to `probabilities (batch, 36)`, with metadata.

    Args:
        graph: of `network_graph`, `quantized` or `in_half_precision`.
        extra: further metadata, as plain values.
    """
    named = onnx.compose.add_prefix(graph, "network/", rename_inputs=False, rename_outputs=False)
    # What the quantiser adds beside the standard operators are names of domains that no node uses.
    used = {node.domain for node in named.graph.node}
    kept = [entry for entry in named.opset_import if entry.domain in used or entry.domain == ""]
    del named.opset_import[:]
    named.opset_import.extend(kept)
    opset = next(entry.version for entry in kept if entry.domain == "")
    before = square_graph(about.image_size_px, about.fit, opset, named.ir_version)
    model = onnx.compose.merge_models(before, named, io_map=[(SQUARES, SQUARES)], name="fingerspell")
    model.producer_name = "fingerspell"
    measured = about.record.flat() if about.record else {}
    values = {
        "labels": list(SIGNS),
        "image_size_px": about.image_size_px,
        "fit": about.fit,
        "max_megapixels": about.max_megapixels,
        "temperature": about.temperature,
        "abstain_below": about.abstain_below,
        "crop": about.crop,
        "crop_margin": about.crop_margin,
        "run": about.name,
        "metrics": measured,
        **{key: measured.get(key) for key in ("split", "holdout", "sources")},
        "exported_by": f"fingerspell {run_folder.commit()}",
        "notes": list(about.notes),
        **extra,
    }
    describe(model, values)
    return model


def describe(model: onnx.ModelProto, values: Mapping[str, Any]) -> None:
    """Make plain values the file's metadata, and nothing else; check the file."""
    _forget_where_it_was_made(model)
    onnx.helper.set_model_props(
        model,
        {
            key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in values.items()
        },
    )
    onnx.checker.check_model(model)


def _forget_where_it_was_made(model: onnx.ModelProto) -> None:
    """Torch's exporter notes at every node which line of which file on this machine it came from."""
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer, *model.functions):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
