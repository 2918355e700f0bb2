"""The page of an audit: what was found, the worst of it as pictures."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from src.data.audit import Audit, Pair
from src.data.duplicates import NEAR
from src.reports import pages
from src.reports.audit_tables import summary
from src.signs.labels import SIGNS

# Bounds the page: a picture takes about 4 KB, so a page of six sources stays below 4 MB.
_PICTURE_PX = 112
_JPEG_QUALITY = 80
_MOST_DOUBTS = 60
_MOST_DISAGREEMENTS = 36
_MOST_COPIES_PER_SOURCE = 6
_BURST_FRAMES = 6  # shown of each source's longest burst


def write_page(audit: Audit, file: Path) -> None:
    """Write the page.

    Raises:
        UserError: the file cannot be written.
    """
    images, sources = len(audit.collection.manifest), list(dict.fromkeys(audit.collection.manifest.sources))
    lines = summary(audit)
    copies = np.flatnonzero(audit.duplicates.exact != np.arange(images))
    values = {
        "title": f"Audit of {images:,} images",
        "sources": sources,
        "least": NEAR,
        "lines": lines,
        "spoken": _spoken(lines),
        "doubts": {"total": len(audit.doubts), "figures": _doubts(audit)},
        "disagreements": {
            "total": len(audit.disagreements),
            "figures": [_pair(audit, pair) for pair in audit.disagreements[:_MOST_DISAGREEMENTS]],
        },
        "copies": {"total": len(copies), "figures": _copies(audit, copies)},
        "near": [
            {
                "source": source,
                "above": [_pair(audit, pair) for pair in audit.nearly[source]],
                "below": [_pair(audit, pair) for pair in audit.not_quite[source]],
            }
            for source in sources
            if audit.nearly[source] or audit.not_quite[source]
        ],
        "bursts": _bursts(audit, sources),
        "by_one": _by_one(audit),
        "files": _files(audit),
    }
    pages.write_page(file, "audit.html", values)


def _spoken(lines: Sequence[Any]) -> str:
    """What a split at random would do here, in a sentence."""
    total = sum(line.images for line in lines)
    alike = sum(line.repeated for line in lines)
    return (
        f"{alike:,} of {total:,} images ({pages.share(alike / total, 0)}) have a copy, a near-duplicate or a "
        "neighbouring frame among the others: split=random would put such pairs on both sides, and its figure would "
        "count remembering as reading."
        if alike
        else "No image has a copy, a near-duplicate or a neighbouring frame among the others."
    )


def _doubts(audit: Audit) -> list[dict[str, Any]]:
    manifest = audit.collection.manifest
    return [
        {
            "labelled": SIGNS[manifest[doubt.image].label],
            "suggested": SIGNS[doubt.suggested],
            "value": doubt.margin,
            "pictures": _pictures(audit, (doubt.image, doubt.neighbour)),
        }
        for doubt in audit.doubts[:_MOST_DOUBTS]
    ]


def _copies(audit: Audit, copies: np.ndarray) -> list[dict[str, Any]]:
    shown: Counter[str] = Counter()
    figures = []
    for image in map(int, copies):
        source = audit.collection.manifest[image].source
        if shown[source] < _MOST_COPIES_PER_SOURCE:
            shown[source] += 1
            figures.append(_pair(audit, Pair(int(audit.duplicates.exact[image]), image, 1.0)))
    return figures


def _bursts(audit: Audit, sources: Sequence[str]) -> list[dict[str, Any]]:
    """Of each source that has bursts, some frames of the longest one, in their order."""
    manifest, burst = audit.collection.manifest, audit.duplicates.burst
    length = np.bincount(burst, minlength=len(burst))
    rows = []
    for source in sources:
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
                "pictures": _pictures(audit, members[evenly]),
            }
        )
    return rows


def _by_one(audit: Audit) -> dict[str, list[str]]:
    of_source: dict[str, list[str]] = {}
    for source, label in audit.single_signer:
        of_source.setdefault(source, []).append(SIGNS[label])
    return of_source


def _files(audit: Audit) -> list[Mapping[str, Any]]:
    count = Counter((f.source, "used" if f.kept else "left out", f.reason) for f in audit.collection.findings)
    return [
        {"source": source, "files": number, "action": action, "reason": reason}
        for (source, action, reason), number in count.most_common()
    ]


def _pair(audit: Audit, pair: Pair) -> dict[str, Any]:
    one, other = audit.collection.manifest[pair.first], audit.collection.manifest[pair.second]
    labels = list(dict.fromkeys((SIGNS[one.label], SIGNS[other.label])))
    return {"labels": labels, "value": pair.cosine, "pictures": _pictures(audit, (pair.first, pair.second))}


def _pictures(audit: Audit, images: Sequence[int] | np.ndarray) -> list[dict[str, str]]:
    return [
        {"name": audit.collection.manifest[int(image)].name, "data": _data(audit.collection.pixels[int(image)])}
        for image in images
    ]


def _data(picture: np.ndarray) -> str:
    small = cv2.resize(picture, (_PICTURE_PX, _PICTURE_PX), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
