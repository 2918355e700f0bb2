"""An audit as one HTML file with its pictures inside: opens from disk, needs no network, has a dark side."""

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from src.data.audit import Audit, Pair
from src.data.duplicates import NEAR
from src.reports.audit import summary
from src.signs.labels import SIGNS
from src.writing import write_text

# Bounds the page: a picture takes about 4 KB, so a page of six sources stays below 3 MB.
_PICTURE_PX = 112
_MOST_DOUBTS = 60
_MOST_DISAGREEMENTS = 36
_MOST_COPIES_PER_SOURCE = 6

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2329;--soft:#5d6874;--line:#dde2e7;--paper:#fff;--card:#f5f7f9;--bad:#b3261e;
--good:#1f6f43}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaee;--soft:#9aa5b1;--line:#333b44;--paper:#14181c;--card:#1d2329;
--bad:#ff8a80;--good:#7fd1a0}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.2rem;max-width:76rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);
background:var(--paper)}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;margin:2.2rem 0 .2rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.3rem 0 .8rem;color:var(--soft);max-width:46rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .7rem;text-align:right;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);font-size:.85rem;vertical-align:bottom}
th:first-child,td:first-child{text-align:left}td.text{text-align:left}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(15.5rem,1fr));gap:.8rem}
figure{margin:0;padding:.6rem;background:var(--card);border-radius:.5rem;break-inside:avoid}
figure div{display:grid;grid-template-columns:1fr 1fr;gap:.4rem}
img{width:100%;aspect-ratio:1;border-radius:.3rem;display:block}
figcaption{font-size:.8rem;color:var(--soft);overflow-wrap:anywhere;margin-top:.4rem}
figcaption b{color:var(--ink);font-size:.95rem}.bad{color:var(--bad)}.good{color:var(--good)}
@media print{body{max-width:none}figure{border:1px solid var(--line)}}
"""


def write_page(audit: Audit, file: Path) -> None:
    """Write the page.

    Raises:
        UserError: the file cannot be written.
    """
    images = len(audit.collection.manifest)
    body = [
        f"<h1>Audit of {images:,} images</h1>",
        f"<p>{escape(', '.join(dict.fromkeys(audit.collection.manifest.sources)))}. Every finding is in audit.csv; "
        "this page shows the worst as pictures.</p>",
        _summary(audit),
        _doubts(audit),
        _disagreements(audit),
        _copies(audit),
        _near(audit),
        _signers(audit),
        _files(audit),
    ]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # nothing is fetched, nothing runs
    write_text(
        file,
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>Audit of {images:,} images</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n",
    )


def _summary(audit: Audit) -> str:
    head = (
        "source", "images", "left out", "copies", "near-duplicates", "in bursts", "largest group",
        "signs by one signer", "groups with two labels", "doubtful labels",
    )  # fmt: skip
    rows = [
        (
            line.source, line.images, line.left_out, line.copies, f"{line.near / line.images:.0%}",
            f"{line.in_burst / line.images:.0%}", line.largest, line.single_signer, line.disagreeing, line.doubted,
        )
        for line in summary(audit)
    ]  # fmt: skip
    return _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], text: Sequence[int] = (0,)) -> str:
    def cell(place: int, value: object) -> str:
        shown = f"{value:,}" if isinstance(value, int) else escape(str(value))
        return f"<td class='text'>{shown}</td>" if place in text else f"<td>{shown}</td>"

    lines = "".join("<tr>" + "".join(cell(place, value) for place, value in enumerate(row)) + "</tr>" for row in rows)
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return f"<div class='wide'><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>"


def _section(title: str, says: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2><p>{says}</p>{content or '<p>None.</p>'}</section>"


def _doubts(audit: Audit) -> str:
    manifest = audit.collection.manifest
    figures = []
    for doubt in audit.doubts[:_MOST_DOUBTS]:
        record, other = manifest[doubt.image], manifest[doubt.neighbour]
        caption = (
            f"<b>labelled <span class='bad'>{SIGNS[record.label]}</span>, looks like "
            f"<span class='good'>{SIGNS[doubt.suggested]}</span></b> by {doubt.margin:.2f}<br>{escape(record.name)}"
            f"<br>beside: {escape(other.name)}"
        )
        figures.append(_figure(audit, (doubt.image, doubt.neighbour), caption))
    says = (
        f"{len(audit.doubts)} labels that the images of other people (else of other duplicate groups) vote against, "
        "each beside its likest image of the sign they vote for. Some are wrong, some only unusual: look before you "
        f"move a file. {_shown(len(audit.doubts), _MOST_DOUBTS)}"
    )
    return _section("Doubtful labels", says, _grid(figures))


def _disagreements(audit: Audit) -> str:
    figures = [_pair(audit, pair) for pair in audit.disagreements[:_MOST_DISAGREEMENTS]]
    says = (
        "Nearly the same picture under two signs: a wrong label, or a hand so small that the room decides. "
        f"The nearest pair of each group. {_shown(len(audit.disagreements), _MOST_DISAGREEMENTS)}"
    )
    return _section("One picture, two labels", says, _grid(figures))


def _copies(audit: Audit) -> str:
    exact, manifest = audit.duplicates.exact, audit.collection.manifest
    copies = np.flatnonzero(exact != np.arange(len(exact)))
    shown: Counter[str] = Counter()
    figures = []
    for image in copies:
        source = manifest[int(image)].source
        if shown[source] < _MOST_COPIES_PER_SOURCE:
            shown[source] += 1
            figures.append(_pair(audit, Pair(int(exact[image]), int(image), 1.0)))
    says = f"{len(copies):,} images have the very pixels of an earlier one. {_shown(len(copies), len(figures))}"
    return _section("Copies", says, _grid(figures))


def _near(audit: Audit) -> str:
    parts = []
    for source, above in audit.nearly.items():
        below = audit.not_quite[source]
        if above:
            figures = _grid([_pair(audit, pair) for pair in above])
            parts.append(f"<h3>{escape(source)}: just near enough</h3>{figures}")
        if below:
            figures = _grid([_pair(audit, pair) for pair in below])
            parts.append(f"<h3>{escape(source)}: just not</h3>{figures}")
    says = (
        f"Where the threshold lies: pairs whose fingerprints have a cosine just above {NEAR:.2f} count as "
        "near-duplicates and stay on one side of a split, pairs just below do not."
    )
    return _section("Near-duplicates", says, "".join(parts))


def _signers(audit: Audit) -> str:
    of_source: dict[str, list[str]] = {}
    for source, label in audit.single_signer:
        of_source.setdefault(source, []).append(SIGNS[label])
    rows = [(source, " ".join(signs)) for source, signs in of_source.items()]
    says = "A network can learn the person for the sign here, and no split by signer within the source tests them."
    return _section("Signs by one signer", says, _table(("source", "signs"), rows, text=(0, 1)) if rows else "")


def _files(audit: Audit) -> str:
    count = Counter((f.source, "used" if f.kept else "left out", f.reason) for f in audit.collection.findings)
    rows = [(source, number, what, reason) for (source, what, reason), number in count.most_common()]
    table = _table(("source", "files", "", "why"), rows, text=(0, 2, 3)) if rows else ""
    return _section("Files left out or converted", "python -m src.prepare lists each.", table)


def _shown(total: int, most: int) -> str:
    return f"The first {most} are shown." if total > most else ""


def _grid(figures: Sequence[str]) -> str:
    return f"<div class='pairs'>{''.join(figures)}</div>" if figures else ""


def _pair(audit: Audit, pair: Pair) -> str:
    one, other = audit.collection.manifest[pair.first], audit.collection.manifest[pair.second]
    labels = SIGNS[one.label] if one.label == other.label else f"{SIGNS[one.label]} and {SIGNS[other.label]}"
    caption = f"<b>{labels}</b> {pair.cosine:.3f}<br>{escape(one.name)}<br>{escape(other.name)}"
    return _figure(audit, (pair.first, pair.second), caption)


def _figure(audit: Audit, images: Sequence[int], caption: str) -> str:
    pictures = "".join(
        f"<img loading='lazy' alt='{escape(audit.collection.manifest[i].name, quote=True)}' src='{_data(audit, i)}'>"
        for i in images
    )
    return f"<figure><div>{pictures}</div><figcaption>{caption}</figcaption></figure>"


def _data(audit: Audit, image: int) -> str:
    picture = cv2.resize(audit.collection.pixels[image], (_PICTURE_PX, _PICTURE_PX), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
