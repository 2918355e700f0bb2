"""What images there are and what was left out, as tables for a terminal and a CSV file."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.columns import Columns
from rich.console import Console
from rich.table import Table
from rich.text import Text

from src.data.collect import Collection
from src.signs.labels import SIGNS
from src.sources.catalog import CATALOG
from src.sources.records import Finding, ImageRecord
from src.storage.files import write_csv

_EXAMPLE_CHARACTERS = 26


def show(collection: Collection, console: Console | None = None) -> None:
    """Print the sources, the images a sign in each, and everything that was left out or converted.

    Args:
        collection: what `src.data.collect.collect` gave.
        console: where to print; the terminal where not given. Laid out for 100 columns and more.
    """
    console = console or Console()
    by_source: dict[str, list[ImageRecord]] = {source: [] for source in collection.found}
    for record in collection.manifest:
        by_source.setdefault(record.source, []).append(record)
    console.print()
    console.print(_sources_table(by_source, collection.findings, narrow=console.width < _PLAIN_TERMINAL))
    for source, records in by_source.items():
        if named := _signer_names(records):
            console.print(f"  signers of {source}: {named}", markup=False, highlight=False)
    console.print(_signs_tables(by_source, console))
    if collection.findings:
        console.print(_findings_table(collection.findings))
    else:
        console.print("Every image file found is used as it stands.")


def write_findings(findings: Iterable[Finding], path: Path) -> None:
    """Write all findings, one a line, as a CSV table with the columns source, action, reason, file.

    Raises:
        UserError: the place cannot be written to.
    """
    write_csv(
        path, ("source", "action", "reason", "file"), ((f.source, _action(f), f.reason, f.file) for f in findings)
    )


def _action(finding: Finding) -> str:
    return "used" if finding.kept else "left out"


# Columns of a plain terminal, and of a log.
_PLAIN_TERMINAL = 80


def _sources_table(by_source: dict[str, list[ImageRecord]], findings: Sequence[Finding], narrow: bool) -> Table:
    left_out: dict[str, set[str]] = defaultdict(set)
    for finding in findings:
        if not finding.kept:
            left_out[finding.source].add(finding.file)
    table = _table("Sources")
    table.add_column("source", style="bold", no_wrap=True)
    for column in ("images", "left\nout", "signs", "signers"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("size, px\nmedian (least to most)")
    if not narrow:
        table.add_column("of\nset", justify="right", no_wrap=True)
        table.add_column("licence", no_wrap=True)
    for source, records in by_source.items():
        entry = CATALOG.get(source)
        seen = len(records) + len(left_out[source])
        share = f"{min(1.0, seen / entry.images):.0%}" if entry and entry.images else "-"
        table.add_row(
            source,
            f"{len(records):,}",
            f"{len(left_out[source]):,}" if left_out[source] else "·",
            str(len({record.label for record in records})),
            _signers(records),
            _sizes(records),
            *(() if narrow else (share, entry.licence if entry else "-")),
        )
    if any(CATALOG[source].signers_are_inferred for source in by_source if source in CATALOG):
        table.caption = "~ inferred, not named by the files: see the remarks in src/sources"
        table.caption_justify = "left"
    if len(by_source) > 1:
        everything = [record for records in by_source.values() for record in records]
        table.add_section()
        table.add_row(
            "all",
            f"{len(everything):,}",
            f"{sum(map(len, left_out.values())):,}",
            str(len({record.label for record in everything})),
            str(len({(record.source, record.signer) for record in everything if record.signer})),
            style="bold",
        )
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))


def _signers(records: Sequence[ImageRecord]) -> str:
    signers = {record.signer for record in records if record.signer}
    if not signers:
        return "unknown"
    entry = CATALOG.get(records[0].source)
    about = "~" if entry and entry.signers_are_inferred else ""
    unknown = any(not record.signer for record in records)
    return f"{about}{len(signers)}{' + unknown' if unknown else ''}"


_NAMES_SHOWN = 8


def _signer_names(records: Sequence[ImageRecord]) -> str:
    """The names that split.holdout takes, as many as fit."""
    names = sorted({record.signer for record in records if record.signer})
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def _sizes(records: Sequence[ImageRecord]) -> str:
    """The median size and, where they differ, the sizes of the images with the least and the most pixels."""
    if not records:
        return "-"
    by_area = sorted(records, key=lambda record: record.width_px * record.height_px)
    chosen = (by_area[0], by_area[len(by_area) // 2], by_area[-1])
    least, median, most = (f"{record.width_px}×{record.height_px}" for record in chosen)
    return median if least == most else f"{median}\n({least} to {most})"


def _signs_tables(by_source: dict[str, list[ImageRecord]], console: Console) -> Table | Columns:
    """Images a sign and source: in three blocks side by side where they fit, else in two, else in one."""
    counts = {source: Counter(record.label for record in records) for source, records in by_source.items()}
    for blocks in (3, 2, 1):
        height = -(-len(SIGNS) // blocks)
        tables = [_signs_block(counts, range(start, min(start + height, len(SIGNS)))) for start in range(0, 36, height)]
        width = sum(console.measure(table).minimum for table in tables) + 3 * blocks
        if width <= console.width or blocks == 1:
            break
    for table, title in zip(tables, ("Images a sign", " ", " "), strict=False):
        table.title = title
    return Columns(tables, padding=(0, 2, 1, 1))


def _signs_block(counts: dict[str, Counter], signs: range) -> Table:
    table = Table(title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", style="bold", no_wrap=True)
    for source in counts:
        table.add_column(source.replace("_", "\n"), justify="right", no_wrap=True)
    if len(counts) > 1:
        table.add_column("all", justify="right", style="bold", no_wrap=True)
    for sign in signs:
        row = [count[sign] for count in counts.values()]
        total = [_number(sum(row))] if len(counts) > 1 else []
        table.add_row(SIGNS[sign], *map(_number, row), *total)
    return table


def _number(count: int) -> Text:
    return Text(str(count)) if count else Text("·", style="dim")


def _findings_table(findings: Sequence[Finding]) -> Table:
    groups: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.source, _action(finding), finding.reason].append(finding)
    table = _table("Not used, or used after a conversion")
    table.add_column("source", style="bold", no_wrap=True)
    table.add_column("files", justify="right")
    table.add_column("", no_wrap=True)
    table.add_column("why")
    table.add_column("for example", no_wrap=True)
    source_before = None
    for (source, action, reason), group in groups.items():
        if source_before not in (None, source):
            table.add_section()
        table.add_row(
            source if source != source_before else "",
            f"{len(group):,}",
            Text(action, style="yellow" if action == "left out" else "green"),
            Text(reason),
            Text(_short(group[0].file), style="dim"),
        )
        source_before = source
    return table


def _short(file: str) -> str:
    name = "/".join(Path(file).parts[-2:])
    return name if len(name) <= _EXAMPLE_CHARACTERS else f"…{name[1 - _EXAMPLE_CHARACTERS :]}"
