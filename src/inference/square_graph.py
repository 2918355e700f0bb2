"""`src.sources.images.fit_square` as layers of a network, so that an exported file takes images of any size.

A resize of OpenCV weighs a few neighbours along each axis, columns first, by weights that depend on the image's shape
alone, and rounds (OpenCV 5, modules/imgproc/src/resize.cpp):

- INTER_AREA, both sides shrinking: the mean of what an output pixel covers. Whole factors sum exactly and divide once;
  2 × 2 blocks round halves up, everything else rounds halves to even.
- INTER_AREA where one side grows (fit=stretch alone): linear, in whole numbers, with weights of 11 bits.
- INTER_CUBIC, growing: Keys' kernel with a = -0.75, the border repeated. OpenCV leaves this one to the processor's own
  library where there is one (IPP).

A sum within a hair of a half may round the other way, as its order is not OpenCV's: of the public sets' images some ten
grey values in a million, each by one; a thousand where exact halves are common, as from 640 × 480 to 96 × 96.

Padding and cutting need no step of their own: rows beyond the image show its last one; what is cut off is left out.
"""

import warnings
from functools import lru_cache
from typing import NamedTuple

import onnx
import torch
from torch import Tensor, nn

from src.sources.decoding import Fit

IMAGES, SQUARES = "images", "squares"
_NEGLIGIBLE = 1e-3  # of a pixel: less is left out


class _Axis(NamedTuple):
    """One axis of a resize, in float64.

    Attributes:
        at: `(size,)` the pixel of the resized image that each row or column of the square shows.
        start: `()` where the part that is used begins.
        last: `()` its last pixel, counted from there.
        scale: `()` its pixels for one of the resized image.
    """

    at: Tensor
    start: Tensor
    last: Tensor
    scale: Tensor


class Squares(nn.Module):
    """`images (batch, height, width, 3) uint8` RGB of any size → `(batch, 3, size, size) uint8`."""

    def __init__(self, image_size_px: int, fit: Fit) -> None:
        super().__init__()
        self.size, self.fit = image_size_px, fit

    def forward(self, images: Tensor) -> Tensor:
        """See `src.sources.images.fit_square`."""
        down, across = self._axis(images, 0), self._axis(images, 1)
        scales = torch.stack([down.scale, across.scale])
        shrinks, whole = scales.prod() > 1, (scales == scales.round()).all()
        columns = _resized(images.transpose(1, 2), across, shrinks, whole)
        sums = _resized(columns.transpose(1, 2), down, shrinks, whole)
        means = sums * torch.where(shrinks & whole, 1 / scales.prod().float(), 1.0)
        rounded = torch.where((scales == 2).all(), (means + 0.5).floor(), means.round())
        if self.fit == "stretch":
            rounded = torch.where(shrinks & (scales < 1).any(), _linear(images, down, across), rounded)
        return rounded.clamp(0, 255).to(torch.uint8).permute(0, 3, 1, 2)

    def _axis(self, images: Tensor, which: int) -> _Axis:
        sides = torch.stack([torch.scalar_tensor(side, dtype=torch.float64) for side in images.shape[1:3]])
        side, size = sides[which], torch.scalar_tensor(self.size, dtype=torch.float64)
        used = sides.min() if self.fit == "crop" else side
        new = (side * (size / sides.max())).round().clamp(min=1) if self.fit == "pad" else size
        at = (torch.arange(self.size, dtype=torch.float64) - ((size - new) / 2).floor()).clamp(min=0)
        return _Axis(torch.minimum(at, new - 1), ((side - used) / 2).floor(), used - 1, 1 / (new / used))


def _taken(images: Tensor, axis: _Axis, neighbours: Tensor) -> Tensor:
    """`(batch, side, others, 3)` → `(batch, size, count, others · 3) float32`: the neighbours, the border repeated."""
    indices = (torch.minimum(neighbours.clamp(min=0), axis.last) + axis.start).long()
    return images.index_select(1, indices.flatten()).reshape(images.shape[0], *indices.shape, -1).float()


def _resized(images: Tensor, axis: _Axis, shrinks: Tensor, whole: Tensor) -> Tensor:
    """`(batch, side, others, 3)` → `(batch, size, others, 3)`, neither rounded nor, for whole factors, divided."""
    neighbours, weights = _weights(axis, shrinks, whole)
    sums = weights.float()[:, None] @ _taken(images, axis, neighbours)
    return sums.reshape(images.shape[0], -1, images.shape[2], 3)


def _weights(axis: _Axis, shrinks: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
    """`(size, count)` neighbours of each output pixel, and their weights."""
    begin, centre = (axis.at * axis.scale)[:, None], ((axis.at + 0.5) * axis.scale - 0.5)[:, None]
    count = axis.scale.clamp(min=2).long().item() + 2  # 4 are enough for the kernel
    torch._check(count >= 4)
    neighbours = torch.where(shrinks, begin, centre - 1).floor() + torch.arange(count, dtype=torch.float64)
    covered = torch.minimum(begin + axis.scale, neighbours + 1) - torch.maximum(begin, neighbours)
    covered = torch.where(covered > _NEGLIGIBLE, covered, 0)
    shares = covered / torch.minimum(axis.scale, axis.last + 1 - begin)
    area = torch.where(whole, covered.round(), shares)
    return neighbours, torch.where(shrinks, area, _keys(centre - neighbours))


def _keys(distance: Tensor) -> Tensor:
    x = distance.abs()
    near, far = (1.25 * x - 2.25) * x * x + 1, -0.75 * (((x - 5) * x + 8) * x - 4)
    return torch.where(x <= 1, near, torch.where(x < 2, far, 0))


def _linear(images: Tensor, down: _Axis, across: _Axis) -> Tensor:
    """OpenCV's linear interpolation of bytes, which cuts bits off on its way."""
    neighbours, weights = _two_weights(across)
    columns = weights[:, None] @ _taken(images.transpose(1, 2), across, neighbours).double()
    columns = (columns / 16).floor().reshape(images.shape[0], -1, images.shape[1], 3).transpose(1, 2)
    neighbours, weights = _two_weights(down)
    rows = (_taken(columns, down, neighbours).double() * weights[..., None] / 65536).floor().sum(2)
    return ((rows + 2) / 4).floor().reshape(images.shape[0], -1, rows.shape[1], 3)


def _two_weights(axis: _Axis) -> tuple[Tensor, Tensor]:
    """`(size, 2)` the pixel before each position and the one behind it, and their weights in 2048ths."""
    first = (axis.at * axis.scale).floor()
    beyond = (axis.at + 1 - (first + 1) * (1 / axis.scale)).float().double()
    share = torch.where((beyond > 0) & (first < axis.last), beyond - beyond.floor(), 0)
    return torch.stack([first, first + 1], dim=1), (torch.stack([1 - share, share], dim=1) * 2048).round()


@lru_cache(maxsize=4)
def square_graph(image_size_px: int, fit: Fit, opset: int, ir_version: int) -> onnx.ModelProto:
    """`Squares` as a graph of standard operators, to be read and not changed.

    Args:
        image_size_px: side of the squares.
        fit: as in `src.sources.images.fit_square`.
        opset: version of the standard operators.
        ir_version: ONNX's file format version.
    """
    some = torch.export.Dim("batch", min=1), torch.export.Dim("height_px", min=1), torch.export.Dim("width_px", min=1)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's notes to its own developers
        program = torch.onnx.export(
            Squares(image_size_px, fit).eval(),
            (torch.zeros(2, 48, 64, 3, dtype=torch.uint8),),
            dynamo=True,
            opset_version=opset,
            input_names=[IMAGES],
            output_names=[SQUARES],
            dynamic_shapes=(dict(enumerate(some)),),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    model.ir_version = ir_version
    return model
