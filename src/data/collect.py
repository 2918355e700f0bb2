"""From the names of sources to one manifest with its pixels: the only door to images for training and evaluation."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from src.data.manifest import Manifest
from src.data.pixel_cache import Pixels, Verdict, decode_once
from src.errors import UserError
from src.sources.catalog import CATALOG
from src.sources.discover import Discovery, discover
from src.sources.images import FITS, Fit
from src.sources.records import Finding, ImageRecord

Irregular = Literal["convert", "drop"]

# An image this many times larger than the median of its source was made in another way than the others.
OUTLIER_AREA_RATIO = 50

# A source whose pixels are an array already: size in px, cache folder → records and an .npy file, (records, size, size,
# 3) uint8, row i being the pixels of record i.
ReadyMade = Callable[[int, Path], tuple[Sequence[ImageRecord], Path]]


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
    root: Path,
    image_size_px: int,
    cache_dir: Path,
    *,
    folder: Path | None = None,
    npy_label_order: Sequence[int] | None = None,
    fit: Fit = "pad",
    irregular: Irregular = "convert",
    max_megapixels: float = 50,
    ready_made: Mapping[str, ReadyMade] | None = None,
) -> Collection:
    """Find, decode and cache the images of some sources.

    Each source has a cache of its own, so that any combination of sources shares the work.

    Args:
        sources: names in the catalog, or keys of `ready_made`.
        root: the data root.
        image_size_px: side of the decoded squares.
        cache_dir: where decoded images are kept.
        folder: where the images of the source "folder" are.
        npy_label_order: see `src.sources.discover.discover`.
        fit: how an image becomes a square: "pad", "stretch" or "crop".
        irregular: whether an image that needed a conversion or is of an outlying size is used ("convert") or left out
            ("drop"); it is listed either way.
        max_megapixels: larger images are left out.
        ready_made: sources whose pixels need no decoding.

    Raises:
        UserError: a source is unknown, missing, or has no readable image; an argument is none of those named above.
    """
    ready_made = ready_made or {}
    sources = list(dict.fromkeys(sources))
    _check(sources, image_size_px, fit, irregular, max_megapixels, ready_made)
    records: list[ImageRecord] = []
    findings: list[Finding] = []
    files: list[Path] = []
    file_of: list[np.ndarray] = []
    row_of: list[np.ndarray] = []
    found: dict[str, int] = {}
    for source in sources:
        if source in ready_made:
            source_records, pixels_file = ready_made[source](image_size_px, Path(cache_dir))
            usable, rows, source_findings = list(source_records), list(range(len(source_records))), []
        else:
            discovery = discover(source, Path(root), folder=folder, npy_label_order=npy_label_order)
            decoded = decode_once(
                discovery.records, image_size_px, Path(cache_dir), fit=fit, max_megapixels=max_megapixels
            )
            pixels_file = decoded.pixels_file
            usable, rows, source_findings = _judge(discovery, decoded.verdicts, irregular)
        records += usable
        findings += source_findings
        files.append(pixels_file)
        file_of.append(np.full(len(rows), len(files) - 1, dtype=np.int32))
        row_of.append(np.asarray(rows, dtype=np.int64))
        found[source] = len(usable) + len({finding.file for finding in source_findings if not finding.kept})
    pixels = Pixels(files, np.concatenate(file_of), np.concatenate(row_of), image_size_px)
    return Collection(Manifest(records), pixels, findings, image_size_px, found)


def _check(
    sources: Sequence[str],
    image_size_px: int,
    fit: str,
    irregular: str,
    max_megapixels: float,
    ready_made: Mapping[str, ReadyMade],
) -> None:
    known = [*CATALOG, *(name for name in ready_made if name not in CATALOG)]
    if not sources:
        raise UserError(f"No source of images is named; choose one or more of {', '.join(known)}.")
    for source in sources:
        if source not in known:
            raise UserError(f"There is no source '{source}'; choose from {', '.join(known)}.")
    if image_size_px < 8:
        raise UserError(f"The image size is {image_size_px} px; it must be at least 8.")
    if fit not in FITS:
        raise UserError(f"There is no fit '{fit}'; choose from {', '.join(FITS)}.")
    if irregular not in get_args(Irregular):
        raise UserError(f"irregular is '{irregular}'; choose from {', '.join(get_args(Irregular))}.")
    if not max_megapixels > 0:
        raise UserError(f"max_megapixels is {max_megapixels}; it must be above 0.")


def _judge(
    discovery: Discovery, verdicts: Sequence[Verdict], irregular: Irregular
) -> tuple[list[ImageRecord], list[int], list[Finding]]:
    """Usable records with their sizes, their rows in the cache, and all findings of one source."""
    source, keep_irregular = discovery.source, irregular == "convert"
    areas = [verdict.width_px * verdict.height_px for verdict in verdicts if not verdict.unreadable]
    median_area = float(np.median(areas)) if areas else 0.0
    usable: list[ImageRecord] = []
    rows: list[int] = []
    findings = list(discovery.findings)
    for row, (record, verdict) in enumerate(zip(discovery.records, verdicts, strict=True)):
        name = record.file if record.row < 0 else f"{record.file}#{record.row}"
        if verdict.unreadable:
            findings.append(Finding(name, source, verdict.unreadable, kept=False))
            continue
        reasons = [verdict.note] if verdict.note else []
        if verdict.width_px * verdict.height_px > OUTLIER_AREA_RATIO * median_area:
            reasons.append(f"over {OUTLIER_AREA_RATIO} times the source's median area: scaled down")
        findings += [Finding(name, source, reason, keep_irregular) for reason in reasons]
        if not reasons or keep_irregular:
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
