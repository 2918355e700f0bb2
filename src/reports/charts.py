"""Charts as SVG, drawn for a page: sharp at any size, and coloured by the page's own variables in light and dark.

Every function returns the text of one `<svg>` with a label for those who cannot see it. Colours are classes (`c0` …
`c5`, `muted`, `wrong`) that `templates/page.css` defines. What comes from files is escaped here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 42
COLOURS = 6
_FEWEST_IN_LINE = 5  # the accuracy of fewer answers is mostly chance


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: in the legend and in the label of each of its points.
        points: x, y.
        spread: half the length of each point's error bar, or () for none.
        labels: shown on hovering over each point, or () for its name and values.
        dots: further single values, x, y, drawn faintly.
        joined: whether a line joins the points.
        colour: which of the page's colours.
    """

    name: str
    points: Sequence[tuple[float, float]]
    spread: Sequence[float] = ()
    labels: Sequence[str] = ()
    dots: Sequence[tuple[float, float]] = ()
    joined: bool = True
    colour: int = 0


def percent(value: float) -> str:
    """A tick's text on an axis of shares."""
    return f"{100 * value:.0f}%"


def number(value: float) -> str:
    """A tick's text on an axis of plain numbers."""
    return f"{value:,.6g}"


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from `low` or below to `high` or above."""
    if not high > low:
        high = low + (abs(low) or 1) * 0.1
    raw = (high - low) / about
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def line_chart(
    series: Sequence[Series],
    label: str,
    x_title: str,
    y_title: str,
    *,
    y_text: Callable[[float], str] = number,
    x_text: Callable[[float], str] = number,
    x_ticks: Sequence[float] = (),
    most: float | None = None,
    x_from_zero: bool = False,
    marked_x: float | None = None,
    marked_text: str = "",
) -> Markup:
    """Lines with points, error bars where they have any, and one marked place on the x axis.

    `most` is the highest value there can be, such as 1 for a share: no tick is drawn beyond it.
    """
    drawn = [one for one in series if one.points]
    every_x = [x for one in drawn for x, _ in (*one.points, *one.dots)] or [0.0]
    every_y = [y for one in drawn for _, y in (*one.points, *one.dots)] or [0.0, 1.0]
    ends = [(y - bar, y + bar) for one in drawn for (_, y), bar in zip(one.points, one.spread, strict=False)]
    y_ticks = ticks(min([*every_y, *(low for low, _ in ends)]), max([*every_y, *(high for _, high in ends)]))
    y_ticks = [tick for tick in y_ticks if tick <= most + 1e-9] if most is not None else y_ticks
    low, high = y_ticks[0], y_ticks[-1]
    left_end = 0.0 if x_from_zero else min(every_x)
    x_ticks = list(x_ticks) or ticks(left_end, max(every_x))
    start, end = min(left_end, *x_ticks[:1]), max(*every_x, x_ticks[-1])
    margin = 0.03 * (end - start or 1)

    def x_of(value: float) -> float:
        return _LEFT + (value - start + margin) / (end - start + 2 * margin) * (WIDTH - _LEFT - _RIGHT)

    def y_of(value: float) -> float:
        return _TOP + (high - min(max(value, low), high)) / (high - low or 1) * (HEIGHT - _TOP - _BOTTOM)

    parts = [_axes(x_ticks, y_ticks, x_of, y_of, x_text, y_text, x_title, y_title)]
    if marked_x is not None:
        x = x_of(marked_x)
        side = "end" if x > WIDTH * 0.6 else "start"
        near = [y_of(y) for one in drawn for px, y in one.points if px == marked_x] or [HEIGHT]
        below = sum(near) / len(near) < HEIGHT / 2  # the words stand where the lines are not
        parts.append(_line(x, _TOP, x, HEIGHT - _BOTTOM, "mark"))
        y = HEIGHT - _BOTTOM - 8 if below else _TOP + 10
        parts.append(_text(x + (-5 if side == "end" else 5), y, marked_text, f"tick {side}"))
    for one in drawn:
        places = [(x_of(x), y_of(y)) for x, y in one.points]
        shown = [f'<circle class="dot" cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="2.6"/>' for x, y in one.dots]
        if one.joined:
            shown.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
        for (x, _), (_, value), bar in zip(places, one.points, one.spread, strict=False):
            if bar > 0:
                top, bottom = y_of(value + bar), y_of(value - bar)
                shown += [_line(x, top, x, bottom, "bar"), _line(x - 4, top, x + 4, top, "bar")]
                shown.append(_line(x - 4, bottom, x + 4, bottom, "bar"))
        texts = one.labels or [f"{one.name}: {x_text(x)}, {y_text(y)}" for x, y in one.points]
        radius = 3.6 if len(places) <= 40 else 2
        shown += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{escape(text)}</title></circle>'
            for (x, y), text in zip(places, texts, strict=True)
        ]
        parts.append(f'<g class="series c{one.colour % COLOURS}">{"".join(shown)}</g>')
    return _svg(WIDTH, HEIGHT, label, parts)


def reliability_chart(named_bins: Sequence[tuple[str, Sequence[tuple[float, float, int]]]], label: str) -> Markup:
    """Accuracy against mean probability, bin by bin; below it how many answers each bin holds.

    Args:
        named_bins: name → (mean probability, accuracy, images) of each bin; the last is drawn strongest.
    """
    height, base, floor = 410, 300, 368
    inner = base - _TOP

    def x_of(value: float) -> float:
        return _LEFT + value * (WIDTH - _LEFT - _RIGHT)

    def y_of(value: float) -> float:
        return base - value * inner

    fifths = [place / 5 for place in range(6)]
    parts = [_line(_LEFT, y_of(t), WIDTH - _RIGHT, y_of(t), "grid") for t in fifths]
    parts += [_text(_LEFT - 7, y_of(t) + 4, percent(t), "tick end") for t in fifths]
    parts += [_text(x_of(t), floor + 16, percent(t), "tick middle") for t in fifths]
    parts.append(_line(x_of(0), y_of(0), x_of(1), y_of(1), "mark"))
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, height - 8, "probability of the answer", "title middle"))
    parts.append(_text(_LEFT, _TOP - 10, "answers that are right", "title"))
    parts.append(_text(_LEFT, floor - 38, "how many answers", "tick"))
    for place, (name, bins) in enumerate(named_bins):
        last = place == len(named_bins) - 1
        most = max((images for _, _, images in bins), default=1)
        kind = "c0" if last else "before"
        shown = []
        if last:
            for confidence, accuracy, images in bins:
                tall = 34 * images / most
                shown.append(
                    f'<rect class="fill" x="{x_of(confidence) - 5:.1f}" y="{floor - tall:.1f}" width="10" '
                    f'height="{tall:.1f}"><title>{images} answers, {accuracy:.1%} right</title></rect>'
                )
        line = " ".join(f"{x_of(c):.1f},{y_of(a):.1f}" for c, a, images in bins if images >= _FEWEST_IN_LINE)
        shown.append(f'<polyline points="{line}"/>')
        for confidence, accuracy, images in bins:
            said = f"{name}: {images} answers, on average {confidence:.1%} sure, {accuracy:.1%} right"
            shown.append(
                f'<circle cx="{x_of(confidence):.1f}" cy="{y_of(accuracy):.1f}" '
                f'r="{2 + 4 * math.sqrt(images / most):.1f}"><title>{escape(said)}</title></circle>'
            )
        parts.append(f'<g class="series {kind}">{"".join(shown)}</g>')
    parts.append(_line(_LEFT, floor, WIDTH - _RIGHT, floor, "axis"))
    return _svg(WIDTH, height, label, parts)


def confusion_chart(counts: Sequence[Sequence[int]], names: Sequence[str], label: str) -> Markup:
    """A matrix in percent of each true sign: right answers in one colour, mistakes in another, however rare."""
    cell, head = 20.0, 34.0
    size = len(names)
    side = head + size * cell + 4
    at = [head + place * cell for place in range(size + 1)]
    parts = [_text(head + 12, 10, "read as →", "tick"), _text(0, 10, "sign ↓", "tick")]
    for place, name in enumerate(names):
        parts.append(_text(at[place] + cell / 2, head - 7, name, "name middle"))
        parts.append(_text(head - 8, at[place] + cell / 2 + 4, name, "name middle"))
    for place in range(size + 1):
        strong = place < size and names[place] == "A" and place > 0
        parts.append(_line(at[place], head, at[place], at[size], "axis" if strong else "grid"))
        parts.append(_line(head, at[place], at[size], at[place], "axis" if strong else "grid"))
    for row, line in enumerate(counts):
        total = sum(line)
        for column, count in enumerate(line):
            if not count:
                continue
            share, right = count / total, row == column
            strength = share if right else math.sqrt(share)
            said = f"{names[row]} read as {names[column]}: {count} of {total} ({share:.0%})"
            parts.append(
                f'<g class="{"right" if right else "wrong"}"><title>{escape(said)}</title>'
                f'<rect x="{at[column] + 0.5}" y="{at[row] + 0.5}" width="{cell - 1}" height="{cell - 1}" '
                f'fill-opacity="{max(0.12, strength):.2f}"/>'
                + _text(at[column] + cell / 2, at[row] + 13.5, f"{100 * share:.0f}", _on(strength))
                + "</g>"
            )
    return _svg(side, side, label, parts)


def _on(strength: float) -> str:
    return "value middle inverse" if strength > 0.55 else "value middle"


def whisker(accuracy: float, low: float | None, high: float | None, overall: float) -> Markup:
    """A row's accuracy as a dot from 0 to 100 %, with its interval and a line at the accuracy of the whole test set."""

    def x_of(value: float) -> float:
        return 5 + 190 * value

    parts = [_line(5, 9, 195, 9, "grid"), _line(x_of(overall), 1, x_of(overall), 17, "mark")]
    if low is not None and high is not None:
        parts.append(_line(x_of(low), 9, x_of(high), 9, "bar"))
    parts.append(f'<circle cx="{x_of(accuracy):.1f}" cy="9" r="4.2"/>')
    body = "".join(parts)
    return Markup(f'<svg class="whisker c0" viewBox="0 0 200 18" aria-hidden="true">{body}</svg>')


def _axes(
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    x_of: Callable[[float], float],
    y_of: Callable[[float], float],
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
    x_title: str,
    y_title: str,
) -> str:
    base = HEIGHT - _BOTTOM
    parts = [_line(_LEFT, y_of(tick), WIDTH - _RIGHT, y_of(tick), "grid") for tick in y_ticks]
    parts += [_text(_LEFT - 7, y_of(tick) + 4, y_text(tick), "tick end") for tick in y_ticks]
    parts += [_text(x_of(tick), base + 17, x_text(tick), "tick middle") for tick in x_ticks]
    parts.append(_line(_LEFT, base, WIDTH - _RIGHT, base, "axis"))
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 6, x_title, "title middle"))
    if y_title:
        parts.append(_text(_LEFT, _TOP - 10, y_title, "title"))
    return "".join(parts)


def _svg(width: float, height: float, label: str, parts: Sequence[str]) -> Markup:
    body = "".join(parts)
    return Markup(
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">{body}</svg>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
