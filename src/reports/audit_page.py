"""The page of an audit: what was found, the worst of it as images."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.data.audit import Audit, Pair
from src.data.duplicates import NEAR
from src.reports.audit_tables import summary
from src.reports.data_uri import data_uri
from src.reports.pages import Page, percent
from src.signs.labels import SIGNS

# Bounds the page: an image takes about 4 KB, so a page of six sources stays below 4 MB.
_MOST_DOUBTS = 60
_MOST_DISAGREEMENTS = 36
_MOST_COPIES_PER_SOURCE = 6
_BURST_FRAMES = 6  # shown of each source's longest burst


def write_page(audit: Audit, file: Path) -> None:
    """Write the page.

    Raises:
        UserError: the file cannot be written.
    """
    AUDIT_PAGE.write(file, audit, "audit", f"Audit of {len(audit.collection.manifest):,} images")


def about(audit: Audit) -> dict[str, Any]:
    """What was looked at, and what a split at random would do here."""
    lines = summary(audit)
    total, alike = sum(line.images for line in lines), sum(line.repeated for line in lines)
    spoken = (
        f"{alike:,} of {total:,} images ({percent(alike / total, 0)}) have a copy, a near-duplicate or a "
        "neighbouring frame among the others: split=random would put such pairs on both sides, and its figure would "
        "count remembering as reading."
        if alike
        else "No image has a copy, a near-duplicate or a neighbouring frame among the others."
    )
    return {"sources": _sources(audit), "spoken": spoken}


def sources(audit: Audit) -> dict[str, Any]:
    """A line a source."""
    return {"lines": summary(audit)}


def doubts(audit: Audit) -> dict[str, Any]:
    """Labels that other images vote against."""
    manifest = audit.collection.manifest
    figures = [
        {
            "labelled": SIGNS[manifest[doubt.image].label],
            "suggested": SIGNS[doubt.suggested],
            "value": doubt.margin,
            "images": _images(audit, (doubt.image, doubt.neighbour)),
        }
        for doubt in audit.doubts[:_MOST_DOUBTS]
    ]
    return {"total": len(audit.doubts), "figures": figures}


def disagreements(audit: Audit) -> dict[str, Any]:
    """Nearly the same image under two signs."""
    figures = [_pair(audit, pair) for pair in audit.disagreements[:_MOST_DISAGREEMENTS]]
    return {"total": len(audit.disagreements), "figures": figures}


def copies(audit: Audit) -> dict[str, Any]:
    """Images with the very pixels of an earlier one."""
    exact, shown = audit.duplicates.exact, Counter[str]()
    found = np.flatnonzero(exact != np.arange(len(exact)))
    figures = []
    for image in map(int, found):
        source = audit.collection.manifest[image].source
        if shown[source] < _MOST_COPIES_PER_SOURCE:
            shown[source] += 1
            figures.append(_pair(audit, Pair(int(exact[image]), image, 1.0)))
    return {"total": len(found), "figures": figures}


def near_duplicates(audit: Audit) -> dict[str, Any]:
    """Pairs just above and just below the threshold."""
    pairs = [
        (source, title, [_pair(audit, pair) for pair in chosen[source]])
        for source in _sources(audit)
        for title, chosen in (("just near enough", audit.nearly), ("just not", audit.not_quite))
        if chosen[source]
    ]
    return {"least": NEAR, "pairs_shown": pairs}


def bursts(audit: Audit) -> dict[str, Any]:
    """Of each source that has bursts, some frames of the longest one, in their order."""
    manifest, burst = audit.collection.manifest, audit.duplicates.burst
    length = np.bincount(burst, minlength=len(burst))
    rows = []
    for source in _sources(audit):
        own = np.flatnonzero(manifest.sources == source)
        longest = own[int(np.argmax(length[burst[own]]))]
        members = np.flatnonzero(burst == burst[longest])
        if len(members) < 2:
            continue
        members = members[np.argsort([manifest[int(i)].frame for i in members], kind="stable")]
        evenly = np.unique(np.linspace(0, len(members) - 1, _BURST_FRAMES).round().astype(int))
        rows.append(
            {
                "source": source,
                "bursts": len(set(burst[own][length[burst[own]] > 1])),
                "frames": len(members),
                "images": _images(audit, members[evenly]),
            }
        )
    return {"bursts": rows}


def one_signer(audit: Audit) -> dict[str, Any]:
    """Signs that one signer alone shows."""
    of_source: dict[str, list[str]] = {}
    for source, label in audit.single_signer:
        of_source.setdefault(source, []).append(SIGNS[label])
    return {"signs": of_source}


def files(audit: Audit) -> dict[str, Any]:
    """Files left out or converted."""
    count = Counter((f.source, "used" if f.kept else "left out", f.reason) for f in audit.collection.findings)
    return {"files": [(*what, number) for what, number in count.most_common()]}


def foot(audit: Audit) -> dict[str, Any]:
    """How to make the page again."""
    return {}


def _sources(audit: Audit) -> list[str]:
    return list(dict.fromkeys(audit.collection.manifest.sources))


def _pair(audit: Audit, pair: Pair) -> dict[str, Any]:
    one, other = audit.collection.manifest[pair.first], audit.collection.manifest[pair.second]
    labels = list(dict.fromkeys((SIGNS[one.label], SIGNS[other.label])))
    return {"labels": labels, "value": pair.cosine, "images": _images(audit, (pair.first, pair.second))}


def _images(audit: Audit, indices: Sequence[int] | np.ndarray) -> list[dict[str, str]]:
    collection = audit.collection
    return [{"name": collection.manifest[i].name, "data": data_uri(collection.pixels[i])} for i in map(int, indices)]


AUDIT_PAGE = Page(
    "audit", about, sources, doubts, disagreements, copies, near_duplicates, bursts, one_signer, files, foot
)
