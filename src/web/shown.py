"""What the page shows, as HTML. Every text from outside is escaped."""

import base64
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np

from src.evaluation.promises import leak
from src.hands.hand import Hand
from src.inference.drawing import BONES
from src.inference.recognizer import About
from src.inference.results import NOT_SURE
from src.inference.sight import NO_HAND
from src.inference.spelling import Letter
from src.signs.labels import NUM_SIGNS, SIGNS
from src.sources.catalog import RENDERED

# As src.synthetic.sheets.chart draws it.
_CHART_COLUMNS, _CHART_ROWS, _CELL_PX, _CHART_GAP_PX = 9, 4, 176, 4


def answer(
    best: Sequence[tuple[str, float]], about: About, held: float = 0.0, looked: bool = False, note: str = ""
) -> str:
    """The sign, its probability, how long it has been held, and the most probable signs as bars.

    Args:
        best: empty where no hand is seen.
        looked: whether there was anything to be seen yet.
        note: what the visitor should know about it, or "".
    """
    sure = bool(best) and about.is_sure(best[0][1])
    if not best:
        head = (
            '<div class="fs-sign fs-faint">–</div><div class="fs-word fs-faint">'
            + (NO_HAND if looked else "no hand yet")
            + "</div>"
        )
    elif not sure:
        head = f'<div class="fs-sign fs-doubt">?</div><div class="fs-word fs-doubt">{NOT_SURE}</div>'
    else:
        head = f'<div class="fs-sign">{best[0][0]}</div><div class="fs-word">{best[0][1]:.0%}</div>'
    held_bar = f'<div class="fs-held"><i style="width:{100 * held:.0f}%"></i></div>'
    more = f'<div class="fs-note">{escape(note)}</div>' if note else ""
    bars = f"<div>{_bars(best, sure)}{more}</div>"
    return f'<div class="fs-answer"><div class="fs-head">{head}{held_bar}</div>{bars}</div>{_mark(best)}'


def _bars(best: Sequence[tuple[str, float]], sure: bool) -> str:
    rows = "".join(
        f'<div class="fs-row"><b>{sign}</b><span><i style="width:{100 * probability:.1f}%"></i></span>'
        f"<em>{probability:.0%}</em></div>"
        for sign, probability in best
    )
    return f'<div class="fs-bars{"" if sure else " fs-unsure"}">{rows}</div>'


def _mark(best: Sequence[tuple[str, float]]) -> str:
    """Which cell of the chart is framed; a rule, so that the chart itself is sent once."""
    return f"<style>#{_cell_id(best[0][0])}{{border-color:var(--fs-accent)}}</style>" if best else ""


def _cell_id(sign: str) -> str:
    return f"fs-sign-{sign}"


def chart(address: str) -> str:
    """The 36 signs as cells cut out of one image; `answer` frames the one that is seen."""
    return f'<div class="fs-chart">{"".join(_cell(index, escape(address)) for index in range(NUM_SIGNS))}</div>'


def _cell(index: int, address: str) -> str:
    left, top = (
        _CHART_GAP_PX + cell * (_CELL_PX + _CHART_GAP_PX) for cell in (index % _CHART_COLUMNS, index // _CHART_COLUMNS)
    )
    width, height = (count * (_CELL_PX + _CHART_GAP_PX) + _CHART_GAP_PX for count in (_CHART_COLUMNS, _CHART_ROWS))
    # Percentages, so that cells of any size show the same part.
    position = f"{100 * left / (width - _CELL_PX):.3f}% {100 * top / (height - _CELL_PX):.3f}%"
    size = f"{100 * width / _CELL_PX:.3f}% {100 * height / _CELL_PX:.3f}%"
    sign = SIGNS[index]
    return (
        f'<figure id="{_cell_id(sign)}"><i style="background:url({address}) {position} / {size}"></i>'
        f"<figcaption>{sign}</figcaption></figure>"
    )


def text(spelled: str) -> str:
    """What was spelled so far, with a cursor."""
    shown = escape(spelled) or '<span class="fs-faint">hold a sign still to write it</span>'
    return f'<div class="fs-text" aria-live="polite">{shown}<i></i></div>'


def data_uri(pixels: np.ndarray, height_px: int = 160) -> str:
    """`(height, width, 3) uint8` RGB as an address that holds the image itself."""
    height, width = pixels.shape[:2]
    width_px = int(np.clip(round(width * height_px / height), 8, 4 * height_px))
    small = cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def stand_in(pixels: np.ndarray) -> str:
    """A frame of the example in the camera's place."""
    return f'<div class="fs-stage"><img src="{data_uri(pixels, 320)}" alt="a rendered hand"></div>'


def found(hand: Hand | None, frame: tuple[int, int]) -> str:
    """The hand's box and joints as lines over the camera's picture, mirrored as that is; nothing without a hand.

    Args:
        hand: in pixels of the frame.
        frame: its width and height.
    """
    if hand is None:
        return ""
    x0, y0, x1, y1 = hand.box
    dots = [f"{x:.0f} {y:.0f}" for x, y in hand.joints.tolist()]
    lines = "".join(f"M{dots[start]}L{dots[end]}" for start, end in BONES)
    joints = "".join(f"M{dot}h0" for dot in dots)
    return (
        f'<svg class="fs-hand" viewBox="0 0 {frame[0]} {frame[1]}" aria-hidden="true">'
        f'<rect x="{x0:.0f}" y="{y0:.0f}" width="{x1 - x0:.0f}" height="{y1 - y0:.0f}" rx="6"/>'
        f'<path d="{lines}"/><path class="fs-joints" d="{joints}"/></svg>'
    )


def image_card(name: str, pixels: np.ndarray, best: Sequence[tuple[str, float]], about: About, note: str = "") -> str:
    """One dropped image and what it shows; `best` is empty where it shows no hand."""
    sure = bool(best) and about.is_sure(best[0][1])
    said = f"{best[0][0]} <span>{best[0][1]:.0%}</span>" if sure else NOT_SURE if best else NO_HAND
    more = f'<div class="fs-note">{escape(note)}</div>' if note else ""
    return (
        f'<figure class="fs-card"><img src="{data_uri(pixels)}" alt=""><figcaption>'
        f'<div class="fs-name">{escape(name)}</div><div class="fs-short{"" if sure else " fs-doubt"}">{said}</div>'
        f"{_bars(best, sure)}{more}</figcaption></figure>"
    )


def film_card(
    name: str, spelled: str, letters: Sequence[Letter], stills: Sequence[np.ndarray], notes: Sequence[str]
) -> str:
    """One dropped film: its text, and a still of each letter with its time."""
    images = "".join(
        f'<figure><img src="{data_uri(still, 88)}" alt=""><figcaption><b>{letter.sign}</b> '
        f"{letter.start_seconds:.1f} s</figcaption></figure>"
        for letter, still in zip(letters, stills, strict=False)
    )
    said = escape(spelled) or '<span class="fs-faint">no sign was held long enough to become a letter</span>'
    more = "".join(f'<div class="fs-note">{escape(note)}</div>' for note in notes)
    return (
        f'<section class="fs-card fs-film"><div class="fs-name">{escape(name)}</div>'
        f'<div class="fs-text">{said}</div><div class="fs-stills">{images}</div>{more}</section>'
    )


def problem_card(name: str, problem: str) -> str:
    """A file that could not be used, and why."""
    return f'<div class="fs-card fs-problem" role="alert"><b>{escape(name)}</b> {escape(problem)}</div>'


def cards(parts: Sequence[str]) -> str:
    """Cards side by side, as many as fit."""
    return f'<div class="fs-cards">{"".join(parts)}</div>'


def about_line(about: About) -> str:
    """Which network answers, and what its accuracy was measured on."""
    record = about.record
    accuracy = record.test.get("accuracy") if record else None
    if record is None or accuracy is None:
        return f'<div class="fs-about">Network <b>{escape(about.name)}</b>.</div>'
    whose = "people it never saw" if record.split == "signer" else f"split={escape(record.split)}{leak(record)}"
    sources = ",".join(record.sources)
    measured = f": {accuracy:.0%} correct on {escape(sources)}, {whose}"
    warning = " It knows rendered hands only; on real ones it errs more often." * (sources == RENDERED)
    return f'<div class="fs-about">Network <b>{escape(about.name)}</b>{measured}.{warning}</div>'
