"""Pictures of a run: a grid of inputs, the confusion matrix, the worst mistakes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from src.evaluation.metrics import confusion_counts
from src.signs.labels import NUM_SIGNS, SIGNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GAP_PX = 4
_CAPTION_PX = 26


def captioned_grid(
    images: Sequence[np.ndarray], captions: Sequence[str], columns: int = 6, tile_px: int = 128
) -> np.ndarray:
    """Images in rows, each with a caption below it.

    Args:
        images: `(height, width, 3) uint8` each, of any square size.

    Returns:
        `(height, width, 3) uint8` on white.
    """
    rows = -(-len(images) // columns)
    columns = min(columns, max(1, len(images)))
    step_y, step_x = tile_px + _CAPTION_PX + _GAP_PX, tile_px + _GAP_PX
    sheet = np.full((rows * step_y + _GAP_PX, columns * step_x + _GAP_PX, 3), 255, np.uint8)
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        top, left = _GAP_PX + place // columns * step_y, _GAP_PX + place % columns * step_x
        interpolation = cv2.INTER_AREA if image.shape[0] > tile_px else cv2.INTER_LINEAR
        sheet[top : top + tile_px, left : left + tile_px] = cv2.resize(
            image, (tile_px, tile_px), interpolation=interpolation
        )
        (width, _), _ = cv2.getTextSize(caption, cv2.FONT_HERSHEY_SIMPLEX, 0.55, 1)
        at = (left + max(0, (tile_px - width) // 2), top + tile_px + 19)
        cv2.putText(sheet, caption, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (40, 40, 40), 1, cv2.LINE_AA)
    return sheet


def confusion_figure(labels: np.ndarray, predicted: np.ndarray, title: str) -> "Figure":
    """The confusion matrix in percent of each true sign, mistakes written in figures."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    counts = confusion_counts(labels, predicted)
    share = 100 * counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure = Figure(figsize=(9.5, 9))
    # Fixed margins: every label has a length known beforehand, and finding a layout takes half of the drawing.
    axes = figure.add_axes((0.06, 0.06, 0.93, 0.86))
    # Right answers in blue, mistakes in red: what one looks for stands out, however rare it is.
    right = np.eye(NUM_SIGNS, dtype=bool)
    colours = np.where(right[..., None], colormaps["Blues"](share / 100), colormaps["Reds"](np.sqrt(share / 100)))
    axes.imshow(np.where((share > 0)[..., None], colours, 1.0))
    axes.set_xticks(range(NUM_SIGNS), SIGNS)
    axes.set_yticks(range(NUM_SIGNS), SIGNS)
    axes.set_xticks(np.arange(-0.5, NUM_SIGNS), minor=True)
    axes.set_yticks(np.arange(-0.5, NUM_SIGNS), minor=True)
    axes.grid(which="minor", color="0.92", linewidth=0.5)
    axes.tick_params(which="both", length=0)
    axes.tick_params(labeltop=True, labelsize=9)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true sign")
    axes.set_title(title, fontsize=11)
    for row, column in zip(*np.nonzero((counts > 0) | (right & (counts.sum(axis=1) > 0))), strict=True):
        colour = "white" if share[row, column] > (50 if row == column else 25) else "0.2"
        axes.text(column, row, f"{share[row, column]:.0f}", ha="center", va="center", fontsize=7, color=colour)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure
