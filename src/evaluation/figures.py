"""Pictures of a run: a grid of inputs, the confusion matrix, the worst mistakes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from src.evaluation.metrics import confusion_counts
from src.signs.labels import SIGNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GAP_PX = 4
_CAPTION_PX = 26
# Colours that the pages of src/reports have too, where they follow light and dark.
_BLUE, _RED, _INK, _SOFT, _FAINT, _WHITE = "#17649c", "#c23b2b", "#1c2126", "#5c6670", "#eceeed", "#ffffff"


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
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        top, left = _GAP_PX + index // columns * step_y, _GAP_PX + index % columns * step_x
        interpolation = cv2.INTER_AREA if image.shape[0] > tile_px else cv2.INTER_LINEAR
        sheet[top : top + tile_px, left : left + tile_px] = cv2.resize(
            image, (tile_px, tile_px), interpolation=interpolation
        )
        (width, _), _ = cv2.getTextSize(caption, cv2.FONT_HERSHEY_SIMPLEX, 0.55, 1)
        at = (left + max(0, (tile_px - width) // 2), top + tile_px + 19)
        cv2.putText(sheet, caption, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (40, 40, 40), 1, cv2.LINE_AA)
    return sheet


def confusion_figure(labels: np.ndarray, predicted: np.ndarray, title: str = "") -> "Figure":
    """The confusion matrix in percent of each true sign, of the signs that occur.

    Correct predictions are blue, mistakes red: what one looks for stands out, however rare it is. Each cell's group id
    says in words what it shows, for pages that show it on hovering.
    """
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    counts = confusion_counts(labels, predicted)
    there = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    counts, names = counts[np.ix_(there, there)], [SIGNS[index] for index in there]
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    cell, margin, size = 20, 34, len(there)  # pixels of a page, at 72 a inch
    top = margin + (26 if title else 8)
    width, height = margin + cell * size + 4, top + cell * size + 4
    figure = Figure(figsize=(width / 72, height / 72))
    # Fixed margins: every label has a length known beforehand, and finding a layout takes half of the drawing.
    axes = figure.add_axes((margin / width, 4 / height, cell * size / width, cell * size / height))
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), frame_on=False)
    axes.set_title(title, fontsize=10, loc="left", pad=28, color=_INK)
    axes.text(-0.5, -1.4, "read as →", fontsize=10, color=_SOFT)
    axes.text(-2.1, -0.7, "sign ↓", fontsize=10, color=_SOFT)
    for ticks in (axes.set_xticks, axes.set_yticks):
        ticks(range(size), names, fontsize=9, fontweight="bold", color=_INK)
    axes.tick_params(top=False, bottom=False, left=False, labelbottom=False, labeltop=True)
    edges = np.arange(-0.5, size)
    for lines in (axes.hlines, axes.vlines):
        lines(edges, -0.5, size - 0.5, colors=_FAINT, linewidth=0.8, zorder=0)
        if "A" in names:
            lines(names.index("A") - 0.5, -0.5, size - 0.5, colors=_SOFT, linewidth=0.8)
    rows, columns = np.nonzero(counts)
    shown = share[rows, columns]
    strength = np.where(rows == columns, shown, np.sqrt(shown))
    colours = np.where(rows == columns, _BLUE, _RED)
    alpha = np.maximum(0.12, strength)
    cells = axes.scatter(columns, rows, (cell - 1) ** 2, colours, marker="s", alpha=alpha, linewidths=0)
    at = list(zip(rows, columns, strict=True))
    cells.set_gid("¶".join(f"{names[r]} read as {names[c]}: {counts[r, c]} of {counts[r].sum()}" for r, c in at))
    for row, column, part, strong in zip(rows, columns, shown, strength > 0.55, strict=True):
        text = axes.text(
            float(column), float(row), f"{100 * part:.0f}", ha="center", va="center_baseline", fontsize=8.5
        )
        text.set(color=_WHITE if strong else _INK, fontweight="bold" if strong else "normal")
    return figure
