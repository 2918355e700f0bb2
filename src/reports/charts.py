"""Charts, drawn by matplotlib: as SVG inside a page, sharp and in its colours in light and dark, or as a PNG file.

A figure is drawn in the page's light colours, and `as_svg` writes each as the variable of `templates/page.css` that it
is. What an artist's `set_gid` says is shown on hovering over it if it is more than one word; `¶` separates what the
points of one line say.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure  # without pyplot: no global state, no display
from matplotlib.ticker import MaxNLocator, PercentFormatter

from src.evaluation.metrics import CalibrationBin

_CSS = (Path(__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
_LIGHT = dict(reversed(re.findall(r"--(\w+): (#\w{6})", _CSS)))  # the first of each name, which is that of light pages
LINE_COLOURS = tuple(colour for name, colour in sorted(_LIGHT.items()) if re.fullmatch(r"c\d", name))
COLOURS = len(LINE_COLOURS)
_FEWEST_IN_LINE = 5  # the accuracy of fewer predictions is mostly chance

_STYLE = {
    "font.size": 11.5, "text.color": _LIGHT["soft"], "axes.labelcolor": _LIGHT["soft"], "axes.labelsize": 11.5,
    "xtick.color": _LIGHT["soft"], "ytick.color": _LIGHT["soft"], "xtick.bottom": False, "ytick.left": False,
    "axes.edgecolor": _LIGHT["line"], "axes.grid": True, "axes.grid.axis": "y", "grid.color": _LIGHT["faint"],
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "axes.axisbelow": True,
    "axes.xmargin": 0.03, "axes.ymargin": 0.0, "axes.formatter.useoffset": False, "lines.linewidth": 2.0,
    "axes.titlesize": 11.5, "axes.titlecolor": _LIGHT["soft"], "legend.frameon": False,
}  # fmt: skip


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: in the legend and in the words of each of its points.
        points: x, y.
        spread: half the length of each point's error bar, or () for none.
        words: shown on hovering over each point.
        dots: further single values, x, y, drawn faintly.
        joined: whether a line joins the points.
        colour: its number among the colours of lines.
    """

    name: str
    points: Sequence[tuple[float, float]]
    words: Sequence[str]
    spread: Sequence[float] = ()
    dots: Sequence[tuple[float, float]] = ()
    joined: bool = True
    colour: int = 0


@contextmanager
def panels(width_px: float, height_px: float, heights: Sequence[float] = (1,)) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure in the style of the pages, with one panel above the other, to be drawn inside the `with`."""
    with rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(width_px / 72, height_px / 72))
        axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        figure.subplots_adjust(46 / width_px, 42 / height_px, 1 - 12 / width_px, 1 - 26 / height_px)
        yield figure, list(axes)


def draw_lines(axes: Axes, series: Sequence[Series], x_title: str, share: bool = True) -> None:
    """Lines with points, error bars where they have any, and faint dots; `share`: the values are shares of 1."""
    for one in series:
        colour = LINE_COLOURS[one.colour % len(LINE_COLOURS)]
        x, y = np.array(one.points, dtype=float).reshape(-1, 2).T
        if len(one.dots):
            axes.plot(*np.array(one.dots).T, "o", color=colour, alpha=0.35, markersize=5, markeredgewidth=0)
        if len(one.spread):
            axes.errorbar(x, y, one.spread, fmt="none", ecolor=colour, capsize=4, elinewidth=1.4, zorder=2)
        (line,) = axes.plot(x, y, "o-" if one.joined else "o", color=colour, label=one.name, clip_on=False)
        line.set(markersize=7 if len(x) <= 40 else 4, markeredgecolor=_LIGHT["card"], gid="¶".join(one.words))
    axes.set_xlabel(x_title)
    locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    ends = locator.tick_values(*axes.get_ylim())  # the first and the last tick lie outside of all values
    axes.yaxis.set_major_locator(locator)
    axes.set_ylim(ends[0], min(1, ends[-1]) if share else ends[-1])
    if share:
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")


def curves(series: Sequence[Series], best_epoch: int | None, share: bool) -> Figure:
    """A value by epoch, with the best epoch marked."""
    with panels(460, 300) as (figure, (axes,)):
        draw_lines(axes, series, "epoch", share)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        if best_epoch is not None:
            axes.axvline(best_epoch, color=_LIGHT["soft"], linewidth=1, linestyle=(0, (3, 4)))
            first, last = axes.get_xlim()
            side = "right" if best_epoch > (first + last) / 2 else "left"
            axes.text(best_epoch, 1.03, f"best, epoch {best_epoch}", ha=side, transform=axes.get_xaxis_transform())
    return figure


def reliability(named_bins: Sequence[tuple[str, Sequence[CalibrationBin]]]) -> Figure:
    """Accuracy against mean probability, the last name strongest; below, how many predictions a bin holds."""
    with panels(460, 410, heights=(5, 1)) as (figure, (axes, below)):
        axes.plot([0, 1], [0, 1], color=_LIGHT["soft"], linewidth=1, linestyle=(0, (3, 4)))
        for number, (name, bins) in enumerate(named_bins):
            last = number == len(named_bins) - 1
            colour = _LIGHT["c0" if last else "soft"]
            confidence, accuracy, images = np.array([(b.confidence, b.accuracy, b.images) for b in bins]).T
            enough = images >= _FEWEST_IN_LINE
            style: dict[str, object] = {"linewidth": 2.0 if last else 1.4, "linestyle": "-" if last else (0, (4, 3))}
            axes.plot(confidence[enough], accuracy[enough], color=colour, **style)  # type: ignore[arg-type]
            points = axes.scatter(
                confidence, accuracy, s=(4 + 8 * np.sqrt(images / images.max())) ** 2, zorder=3, clip_on=False,
                facecolor=colour if last else _LIGHT["card"], edgecolor=_LIGHT["card"] if last else colour,
            )  # fmt: skip
            points.set_gid("¶".join(_bin_words(name, one) for one in bins))
            if last:
                for one, bar in zip(bins, below.bar(confidence, images, 0.025, color=colour, alpha=0.3), strict=True):
                    bar.set_gid(_bin_words(name, one))
        for panel in (axes, below):
            panel.set_xlim(0, 1)
            panel.xaxis.set_major_formatter(PercentFormatter(1, 0))
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
        axes.set_title("predictions that are correct", loc="left")
        axes.tick_params(labelbottom=False)
        below.set_title("how many predictions", loc="left")
        below.set(yticks=[], xlabel="probability of the prediction")
    return figure


def _bin_words(name: str, one: CalibrationBin) -> str:
    return f"{name}: {one.images} predictions, on average {one.confidence:.1%} sure, {one.accuracy:.1%} correct"


def as_svg(figure: Figure, label: str) -> Markup:
    """The figure as one `<svg>` for a page; `label` says what it shows to those who cannot see it.

    The same figure gives the same text, wherever it is drawn.
    """
    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(text, format="svg", transparent=True, metadata=dict.fromkeys(_METADATA))
    root = ElementTree.fromstring(text.getvalue())
    _tidy(root)
    root.attrib = {"class": "chart", "viewBox": root.attrib["viewBox"], "role": "img", "aria-label": label}
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=False))


_METADATA = ("Date", "Creator", "Format", "Type")
_VARIABLES = {colour: f"var(--{name})" for name, colour in _LIGHT.items()}


def _tidy(element: ElementTree.Element) -> None:
    """Take out what a page does not need or has otherwise; put in the page's colours, and words to hover over."""
    element.tag = element.tag.rpartition("}")[2]
    element.tail = None
    element.text = element.text if element.tag == "text" else None
    for child in list(element):
        _tidy(child)
        if child.tag in ("style", "metadata", "clipPath"):  # the style would be that of the whole page
            element.remove(child)
    words = element.attrib.pop("id", "") if element.tag == "g" else ""
    kept = {k: v for k, v in element.attrib.items() if k != "clip-path" and not v.startswith("rotate(-0 ")}
    element.attrib = {k.replace("{http://www.w3.org/1999/xlink}", "xlink:"): _plain(v) for k, v in kept.items()}
    if " " in words:
        said = words.split("¶")
        # A few markers of several colours are paths of their own; otherwise each uses one that is defined once.
        points = list(element.iter("use")) or list(element.iter("path"))
        shown = points if len(said) > 1 else [element]
        for one, saying in zip(shown, said, strict=False):
            title = ElementTree.Element("title")
            title.text = saying
            one.insert(0, title)


def _plain(value: str) -> str:
    value = re.sub(r"#[0-9a-f]{6}\b", lambda found: _VARIABLES.get(found[0], found[0]), value)
    value = re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", value)
    return re.sub(r"font-family:[^;]*;?|\s+(?=\s|$)", "", value)
