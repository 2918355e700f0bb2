"""What an audit found, as tables in the terminal and as a CSV."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from src.data.audit import Audit
from src.data.duplicates import NEAR
from src.signs.labels import SIGNS
from src.storage.files import write_csv

COLUMNS = ("finding", "source", "image", "label", "other_image", "other_label", "value", "note")
_SHOWN_DOUBTS = 12


@dataclass(frozen=True)
class SourceLine:
    """One source in the summary.

    Attributes:
        source: its name.
        images: usable ones.
        left_out: files that are not.
        copies: images whose pixels an earlier image has.
        near: images with a near-duplicate.
        in_burst: images with a neighbour in a run of frames.
        repeated: images with any of these three.
        largest: images in the largest group of all three kinds.
        single_signer: signs shown by one signer alone.
        disagreeing: groups of near-duplicates with two labels.
        doubted: labels that other images speak against.
    """

    source: str
    images: int
    left_out: int
    copies: int
    near: int
    in_burst: int
    repeated: int
    largest: int
    single_signer: int
    disagreeing: int
    doubted: int


def summary(audit: Audit) -> list[SourceLine]:
    """One line a source."""
    manifest, found = audit.collection.manifest, audit.duplicates
    sources = manifest.sources
    left_out = Counter(finding.source for finding in audit.collection.findings if not finding.kept)
    together = {
        kind: np.bincount(groups, minlength=len(groups))[groups]
        for kind, groups in (("near", found.near), ("burst", found.burst), ("all", found.groups))
    }
    lines = []
    for source in dict.fromkeys(sources):
        own = np.flatnonzero(sources == source)
        lines.append(
            SourceLine(
                source=source,
                images=len(own),
                left_out=left_out[source],
                copies=int((found.exact[own] != own).sum()),
                near=int((together["near"][own] > 1).sum()),
                in_burst=int((together["burst"][own] > 1).sum()),
                repeated=int((together["all"][own] > 1).sum()),
                largest=int(together["all"][own].max()),
                single_signer=sum(name == source for name, _ in audit.single_signer),
                disagreeing=sum(source in (sources[p.first], sources[p.second]) for p in audit.disagreements),
                doubted=sum(sources[doubt.image] == source for doubt in audit.doubts),
            )
        )
    return lines


def show(audit: Audit, console: Console | None = None) -> None:
    """Print the summary, the worst doubts and the groups that disagree."""
    console = console or Console()
    manifest = audit.collection.manifest
    table = Table(title="Audit", box=box.SIMPLE_HEAD, title_style="bold", title_justify="left", padding=0)
    table.add_column("source", style="bold", no_wrap=True)
    for column in (  # a plain terminal has 80 columns
        "images", "left\nout", "copies", "near-\ndupl.", "in\nbursts", "largest\ngroup", "by one\nsigner",
        "two\nlabels", "doubt-\nful",
    ):  # fmt: skip
        table.add_column(column, justify="right", no_wrap=True)
    for line in summary(audit):
        numbers = (line.left_out, line.copies, _share(line.near, line.images), _share(line.in_burst, line.images))
        more = (line.largest, line.single_signer, line.disagreeing, line.doubted)
        table.add_row(line.source, f"{line.images:,}", *(str(number or "·") for number in (*numbers, *more)))
    console.print(table)
    console.print(
        f"  near-dupl.: fingerprints with a cosine of {NEAR:.2f} or more\n"
        "  in bursts: frame numbers in a row; largest group: of all three kinds\n"
        "  by one signer: signs of one person; two labels: groups under two signs\n"
        "  doubtful: labels that other images speak against",
        style="dim",
        highlight=False,
    )
    if audit.doubts:
        console.print("\nDoubtful labels, the worst first", style="bold")
        for doubt in audit.doubts[:_SHOWN_DOUBTS]:
            record = manifest[doubt.image]
            console.print(
                f"  {escape(record.name)}: labelled {SIGNS[record.label]}, looks like {SIGNS[doubt.suggested]} "
                f"({doubt.margin:.2f})",
                highlight=False,
                soft_wrap=True,
            )
        if len(audit.doubts) > _SHOWN_DOUBTS:
            console.print(f"  and {len(audit.doubts) - _SHOWN_DOUBTS} more", style="dim")


def _share(count: int, total: int) -> str:
    return f"{count / total:.0%}" if count else ""


def write(audit: Audit, file: Path) -> None:
    """Every finding as a row.

    Raises:
        UserError: the file cannot be written.
    """
    write_csv(file, COLUMNS, _rows(audit))


def _rows(audit: Audit) -> Iterator[tuple[object, ...]]:
    manifest, found = audit.collection.manifest, audit.duplicates

    def pair(finding: str, one: int, other: int, value: object, note: str = "") -> tuple[object, ...]:
        first, second = manifest[one], manifest[other]
        return finding, first.source, first.key, SIGNS[first.label], second.name, SIGNS[second.label], value, note

    for doubt in audit.doubts:
        note = f"looks like {SIGNS[doubt.suggested]}"
        yield pair("doubtful label", doubt.image, doubt.neighbour, f"{doubt.margin:.3f}", note)
    for both in audit.disagreements:
        yield pair("one image, two labels", both.first, both.second, f"{both.cosine:.3f}")
    for finding, groups, known in (
        ("copy", found.exact, None),
        ("near-duplicate", found.near, found.exact),
        ("burst", found.burst, None),
    ):
        for image in np.flatnonzero(groups != np.arange(len(groups))):
            if known is None or known[image] == image:
                yield pair(finding, int(image), int(groups[image]), "", "first of its group")
    for source, label in audit.single_signer:
        yield "one signer", source, "", SIGNS[label], "", "", "", ""
    for file in audit.collection.findings:
        kind = "converted" if file.kept else "left out"
        yield kind, file.source, file.file, "", "", "", "", file.reason
