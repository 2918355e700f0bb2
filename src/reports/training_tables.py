"""Tables in the terminal before training: what is trained on, and which stages learn."""

from collections import Counter

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from src.data.manifest import Manifest
from src.data.split import PARTS, Split
from src.runs.tables import StageRow

_SIGNERS_SHOWN = 6


def _table(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, title_style="bold", title_justify="left", pad_edge=False)


def print_data(manifest: Manifest, split: Split, left_out: int, console: Console | None = None) -> None:
    """The split: images and signers of each part, and what a reader must know."""
    console = console or Console()
    table = _table(f"Images, split={split.name}")
    for column in ("part", "images", "signs", "sources", "signers"):
        table.add_column(column, justify="right" if column in ("images", "signs") else "left", overflow="fold")
    signers, sources, labels = manifest.signers, manifest.sources, manifest.labels
    for part in PARTS:
        indices = split.part(part)
        count = Counter(sources[indices])
        known = sorted({s.partition(":")[2] for s in signers[indices] if s})
        unknown = bool((signers[indices] == "").any())
        more = len(known) - _SIGNERS_SHOWN
        shown = ", ".join(known[:_SIGNERS_SHOWN]) + (f" and {more} more" if more > 0 else "")
        who = " + ".join(filter(None, [shown, "unknown" if unknown else ""]))
        where = ", ".join(f"{source} {n}" for source, n in sorted(count.items()))
        table.add_row(part, str(len(indices)), str(len(set(labels[indices]))), where, who)
    console.print(table)
    if split.name != "random":  # which says so in its notes
        console.print(
            f"  {split.leaked_share:.1%} of the test images have a near-duplicate in training.", highlight=False
        )
    for note in split.notes:
        console.print(f"  [yellow]note[/] {escape(note)}", highlight=False)
    if left_out:
        console.print(f"  [yellow]note[/] {left_out} files were left out; python -m src.prepare says which and why.")


def print_stages(rows: list[StageRow], console: Console | None = None) -> None:
    """The stages, input to head, with what is trained and how fast."""
    console = console or Console()
    table = _table("Stages, input to head")
    table.add_column("stage")
    table.add_column("parameters", justify="right")
    table.add_column("trained")
    table.add_column("batch norm")
    table.add_column("learning rate", justify="right")
    for row in rows:
        epoch = row.trained_from_epoch
        learns = epoch is not None
        norm = f"{row.batch_norms} layers, {'learns' if learns else 'still'}" if row.batch_norms else "–"
        table.add_row(
            row.stage,
            f"{row.parameters:,}",
            "frozen" if not learns else "yes" if epoch == 1 else f"from epoch {epoch}",
            norm,
            f"{row.learning_rate:.2g}" if learns else "–",
            style=None if learns else "dim",
        )
    total = sum(row.parameters for row in rows)
    learning = sum(row.parameters for row in rows if row.trained_from_epoch is not None)
    console.print(table)
    console.print(f"  {learning:,} of {total:,} parameters are trained.", highlight=False)
