"""From the names of sources to one manifest with its pixels: the only door to images for training and evaluation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from src.data.manifest import Manifest
from src.data.pixel_cache import DecodedImages, decode_once
from src.data.pixels import Pixels
from src.errors import UserError
from src.sources.catalog import CATALOG, source_named
from src.sources.decoding import Decoding
from src.sources.records import WHOLE_FILE, Finding, ImageRecord
from src.sources.source import Discovery, Places

Irregular = Literal["convert", "drop"]
Unfound = Literal["drop", "whole"]

# An image this many times larger than the median of its source was made in another way than the others.
OUTLIER_AREA_RATIO = 50

NO_HAND = "no hand found: left out"
NO_HAND_WHOLE = "no hand found: used whole"


@dataclass(frozen=True)
class Collection:
    """All usable images of some sources.

    Attributes:
        manifest: the images, sources in the order asked for, sizes filled in.
        pixels: their decoded pixels; `pixels[i]` belongs to `manifest[i]`.
        findings: every file that is left out or was converted, and why.
        image_size_px: side of the decoded squares.
        found: source → image files found on disk, usable or not.
    """

    manifest: Manifest
    pixels: Pixels
    findings: list[Finding]
    image_size_px: int
    found: dict[str, int] = field(default_factory=dict)


def collect(
    sources: Sequence[str],
    places: Places,
    decoding: Decoding,
    cache_dir: Path,
    irregular: Irregular = "convert",
    unfound: Unfound = "drop",
) -> Collection:
    """Find, decode and cache the images of some sources.

    Each source has a cache of its own, so that any combination of sources shares the work.

    Args:
        sources: their names, see `src.sources.catalog`.
        places: where their images are.
        decoding: what the images are made into.
        cache_dir: where decoded images are kept.
        irregular: whether an image that needed a conversion or is of an outlying size is used ("convert") or left out
            ("drop"); it is listed either way.
        unfound: whether an image in which the hand is looked for and not found is left out ("drop") or used as it is
            ("whole"); it is listed either way.

    Raises:
        UserError: a source is unknown, missing, or has no readable image; `irregular` or `unfound` is none of those
            named above.
    """
    for name, value, choices in (
        ("irregular", irregular, get_args(Irregular)),
        ("unfound", unfound, get_args(Unfound)),
    ):
        if value not in choices:
            raise UserError(f"{name} is '{value}'; choose from {', '.join(choices)}.")
    if not sources:
        raise UserError(f"No source of images is named; choose one or more of {', '.join(CATALOG)}.")
    records: list[ImageRecord] = []
    findings: list[Finding] = []
    files: list[Path] = []
    file_of: list[np.ndarray] = []
    row_of: list[np.ndarray] = []
    found: dict[str, int] = {}
    for source in [source_named(name) for name in dict.fromkeys(sources)]:
        discovery = source.find(places)
        decoded = decode_once(discovery.source, discovery.records, decoding, Path(cache_dir))
        usable, rows, source_findings = _judge(discovery, decoded, irregular, unfound)
        records += usable
        findings += source_findings
        files.append(decoded.pixels_file)
        file_of.append(np.full(len(rows), len(files) - 1, dtype=np.int32))
        row_of.append(np.asarray(rows, dtype=np.int64))
        found[source.name] = len(usable) + len({finding.file for finding in source_findings if not finding.kept})
    pixels = Pixels(files, np.concatenate(file_of), np.concatenate(row_of), decoding.image_size_px)
    return Collection(Manifest(records), pixels, findings, decoding.image_size_px, found)


def _judge(
    discovery: Discovery, decoded: DecodedImages, irregular: Irregular, unfound: Unfound
) -> tuple[list[ImageRecord], list[int], list[Finding]]:
    """Usable records with their sizes, their rows in the cache, and all findings of one source."""
    source, keep_irregular, keep_unfound = discovery.source.name, irregular == "convert", unfound == "whole"
    areas = [verdict.width_px * verdict.height_px for verdict in decoded.verdicts if not verdict.unreadable]
    median_area = float(np.median(areas)) if areas else 0.0
    usable: list[ImageRecord] = []
    rows: list[int] = []
    findings = list(discovery.findings)
    for row, (record, verdict) in enumerate(zip(discovery.records, decoded.verdicts, strict=True)):
        file = record.file or record.name
        name = file if record.row == WHOLE_FILE else f"{file}#{record.row}"
        if verdict.unreadable:
            findings.append(Finding(name, source, verdict.unreadable, kept=False))
            continue
        reasons = [verdict.note] if verdict.note else []
        if verdict.width_px * verdict.height_px > OUTLIER_AREA_RATIO * median_area:
            reasons.append(f"over {OUTLIER_AREA_RATIO} times the source's median area: scaled down")
        findings += [Finding(name, source, reason, keep_irregular) for reason in reasons]
        has_hand = verdict.certainty != 0
        if not has_hand:
            findings.append(Finding(name, source, NO_HAND_WHOLE if keep_unfound else NO_HAND, keep_unfound))
        if (not reasons or keep_irregular) and (has_hand or keep_unfound):
            if not record.file:  # an image that lies in no file can be read from the cache like one that does
                record = replace(record, file=str(decoded.pixels_file), row=row)
            usable.append(replace(record, width_px=verdict.width_px, height_px=verdict.height_px))
            rows.append(row)
    if not usable:
        reason, count = Counter(finding.reason for finding in findings if not finding.kept).most_common(1)[0]
        raise UserError(
            f"None of the {len(discovery.records)} images of '{source}' can be used (most often, {count} times: "
            f"{reason}; for example {findings[-1].file}); mend or replace them."
        )
    return usable, rows, findings


def beside(first: tuple[Manifest, Pixels], second: tuple[Manifest, Pixels]) -> tuple[Manifest, Pixels]:
    """The images of two manifests as one, those of the first before those of the second; sizes in px must agree."""
    (manifest, pixels), (other, others) = first, second
    joined = Pixels(
        [*pixels.files, *others.files],
        np.concatenate([pixels.file_of, others.file_of + len(pixels.files)]),
        np.concatenate([pixels.row_of, others.row_of]),
        pixels.image_size_px,
    )
    return Manifest([*manifest, *other]), joined
