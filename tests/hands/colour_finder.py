"""A finder that needs no training: whatever is red is the hand. It answers as an exported finder does."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from src.hands.finder import OUTPUTS, VIEW_PX, VIEWS

_OPSET, _IR_VERSION = 18, 10
# Where the 21 joints lie in the box, from 0 to 1; they reach its edges.
PATTERN = np.stack([np.linspace(0, 1, 21), np.linspace(0, 1, 21) ** 2], axis=1).astype(np.float32)


def red_picture(height: int, width: int, box: tuple[int, int, int, int] | None) -> np.ndarray:
    """(height, width, 3) uint8: grey, with a red rectangle x0, y0, x1, y1 that the finder takes for a hand."""
    pixels = np.full((height, width, 3), 90, dtype=np.uint8)
    if box is not None:
        pixels[box[1] : box[3], box[0] : box[2]] = (220, 20, 20)
    return pixels


def write_colour_finder(file: Path, threshold: float = 0.5) -> Path:
    """Write the finder to `file`; it is certain of a hand that covers a hundredth of the view's side or more."""
    places = ((np.arange(VIEW_PX, dtype=np.float32) + 0.5) / VIEW_PX).astype(np.float32)
    edge = np.float32(0.5 / VIEW_PX)
    constants = {
        "one": np.float32(1), "half": np.float32(0.5), "red": np.array([1, -1, 0], np.float32).reshape(3, 1),
        "level": np.float32(90), "places": places, "back": 1 - places, "edge": edge, "certain": np.float32(0.9),
        "over_rows": np.array([1], np.int64), "over_columns": np.array([2], np.int64), "last": np.array([1], np.int64),
        "pair": np.array([-1, 1, 2], np.int64), "pattern": PATTERN[None], "flat": np.array([-1], np.int64),
        "third": np.array([3], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Cast", [VIEWS], ["float"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["float", "red"], ["difference"]),
        helper.make_node("Squeeze", ["difference", "third"], ["redness"]),
        helper.make_node("Greater", ["redness", "level"], ["is_red"]),
        helper.make_node("Cast", ["is_red"], ["mask"], to=TensorProto.FLOAT),
    ]
    for axis, over in (("x", "over_rows"), ("y", "over_columns")):
        nodes += [
            helper.make_node("ReduceMax", ["mask", over], [f"{axis}_any"], keepdims=0),
            helper.make_node("Mul", [f"{axis}_any", "places"], [f"{axis}_places"]),
            helper.make_node("Mul", [f"{axis}_any", "back"], [f"{axis}_back"]),
            helper.make_node("ReduceMax", [f"{axis}_places", "last"], [f"{axis}_end"], keepdims=1),
            helper.make_node("ReduceMax", [f"{axis}_back", "last"], [f"{axis}_from_end"], keepdims=1),
            helper.make_node("Sub", ["one", f"{axis}_from_end"], [f"{axis}_first"]),
            helper.make_node("Sub", [f"{axis}_end", f"{axis}_first"], [f"{axis}_between"]),
            helper.make_node("Add", [f"{axis}_between", "edge"], [f"{axis}_inner"]),
            helper.make_node("Add", [f"{axis}_inner", "edge"], [f"{axis}_size"]),
            helper.make_node("Add", [f"{axis}_end", f"{axis}_first"], [f"{axis}_sum"]),
            helper.make_node("Mul", [f"{axis}_sum", "half"], [f"{axis}_middle"]),
        ]
    nodes += [
        helper.make_node("ReduceMax", ["x_any", "last"], ["seen"], keepdims=0),
        helper.make_node("Mul", ["seen", "certain"], ["hand"]),
        helper.make_node("Mul", ["hand", "certain"], ["right"]),
        helper.make_node("Concat", ["x_middle", "y_middle", "x_size", "y_size"], ["box"], axis=1),
        helper.make_node("Concat", ["x_middle", "y_middle"], ["middle"], axis=1),
        helper.make_node("Concat", ["x_size", "y_size"], ["size"], axis=1),
        helper.make_node("Reshape", ["middle", "pair"], ["middles"]),
        helper.make_node("Reshape", ["size", "pair"], ["sizes"]),
        helper.make_node("Sub", ["pattern", "half"], ["around"]),
        helper.make_node("Mul", ["around", "sizes"], ["spread"]),
        helper.make_node("Add", ["middles", "spread"], ["joints"]),
    ]
    shapes = {"hand": ["batch"], "box": ["batch", 4], "joints": ["batch", 21, 2], "right": ["batch"]}
    graph = helper.make_graph(
        nodes,
        "colour_finder",
        [helper.make_tensor_value_info(VIEWS, TensorProto.UINT8, ["batch", VIEW_PX, VIEW_PX, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in OUTPUTS],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    helper.set_model_props(model, {"threshold": str(threshold)})
    onnx.checker.check_model(model)
    file.write_bytes(model.SerializeToString())
    return file
