"""Tables in the terminal: what is trained on, which stages learn, and what came out."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from src.data.manifest import Manifest
from src.data.split import PARTS, Split
from src.evaluation.promises import leak
from src.runs.folder import REPORT
from src.runs.record import Record
from src.runs.tables import StageRow

_SHOWN_FIGURES = (
    ("accuracy", "accuracy"),
    ("f1_macro", "macro F1"),
    ("accuracy_top3", "top-3 accuracy"),
    ("handshape_accuracy", "accuracy, look-alikes as one"),
)


def _table(title: str) -> Table:
    return Table(title=title or None, box=box.SIMPLE_HEAD, title_style="bold", title_justify="left", pad_edge=False)


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
        shown = ", ".join(known[:6]) + (f" and {len(known) - 6} more" if len(known) > 6 else "")
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
        learns = row.trained_from_epoch is not None
        trained = (
            "frozen" if not learns else "yes" if row.trained_from_epoch == 1 else f"from epoch {row.trained_from_epoch}"
        )
        moves = "learns" if learns else "still"
        norm = f"{row.batch_norms} layers, {moves}" if row.batch_norms else "–"
        table.add_row(
            row.stage,
            f"{row.parameters:,}",
            trained,
            norm,
            f"{row.learning_rate:.2g}" if learns else "–",
            style=None if learns else "dim",
        )
    total = sum(row.parameters for row in rows)
    learning = sum(row.parameters for row in rows if row.trained_from_epoch is not None)
    console.print(table)
    console.print(f"  {learning:,} of {total:,} parameters are trained.", highlight=False)


def print_result(metrics: Mapping[str, Any], run_dir: Path, console: Console | None = None) -> None:
    """The figures of a run beside the protocol they were taken by, and where to look further."""
    console = console or Console()
    console.print(protocol(metrics), style="bold", markup=False, highlight=False)
    table = _table("")
    for column in ("", "validation", "test"):
        table.add_column(column, justify="left" if not column else "right")
    for name, title in _SHOWN_FIGURES:
        table.add_row(title, f"{metrics[f'val/{name}']:.1%}", f"{metrics[f'test/{name}']:.1%}")
        if name == "accuracy" and _interval(metrics):
            table.add_row("  95 % interval", "", _interval(metrics))
    table.add_row("calibration error", "", _calibration(metrics))
    table.add_row("images", str(metrics["val_images"]), str(metrics["test_images"]))
    table.add_row("near-duplicates in training", "", _leak(metrics))
    console.print(table)
    console.print(f"  {metrics['interval_note']}", highlight=False, markup=False)
    console.print(
        f"  best epoch {metrics['best_epoch']} of {metrics['epochs']}, "
        f"{metrics['images_per_second']:.0f} images/s in training, {metrics['seconds']:.0f} s in all",
        highlight=False,
    )
    console.print(f"  run        {_short(run_dir)}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"  page       {_short(run_dir / REPORT)}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"  dashboard  tensorboard --logdir {_short(run_dir)}", highlight=False, markup=False, soft_wrap=True)


def print_evaluation(metrics: Mapping[str, Any], file: Path, console: Console | None = None) -> None:
    """The figures of a run scored again, and how much of the test set it had seen."""
    console = console or Console()
    console.print(protocol(metrics), style="bold", markup=False, highlight=False)
    table = _table("")
    table.add_column("")
    table.add_column("test", justify="right")
    for name, title in _SHOWN_FIGURES:
        table.add_row(title, f"{metrics[f'test/{name}']:.1%}")
        if name == "accuracy" and _interval(metrics):
            table.add_row("  95 % interval", _interval(metrics))
    table.add_row("calibration error", _calibration(metrics))
    table.add_row("images", str(metrics["test_images"]))
    table.add_row("near-duplicates in training", _leak(metrics))
    console.print(table)
    console.print(f"  {metrics['interval_note']}", highlight=False, markup=False)
    for part, what in (("training", "was trained on"), ("validation", "chose its best epoch by")):
        if count := metrics[f"seen_in_{part}"]:
            share = count / metrics["test_images"]
            console.print(
                f"  [yellow]note[/] {count} of these images ({share:.0%}) are among those that this run {what}: "
                "the figure says little about new pictures.",
                highlight=False,
            )
    if metrics["split_notes"]:
        console.print(f"  note {metrics['split_notes']}", highlight=False, markup=False)
    console.print(f"  written to {_short(file)}", highlight=False, markup=False, soft_wrap=True)


def protocol(metrics: Mapping[str, Any]) -> str:
    """The protocol that a run's figures were taken by, in a line, with what it leaks."""
    holdout = f" with {metrics['holdout']} held out" if metrics["holdout"] else ""
    return f"Result on {metrics['sources']}, split={metrics['split']}{holdout}{leak(Record.from_flat(metrics))}"


def _interval(metrics: Mapping[str, Any]) -> str:
    low, high = metrics["test/accuracy_ci_low"], metrics["test/accuracy_ci_high"]
    return "" if low is None else f"{low:.1%} to {high:.1%}"


def _calibration(metrics: Mapping[str, Any]) -> str:
    """How far probability and accuracy lie apart, before and after the temperature."""
    before, after = metrics["test/ece"], metrics["test/ece_calibrated"]
    return f"{before:.1%}" + (f", calibrated {after:.1%}" if after is not None else "")


def _leak(metrics: Mapping[str, Any]) -> str:
    """What part of the test set has a near-duplicate in training; in yellow where there is any."""
    percent = metrics["leaked_test_percent"]
    if percent is None:
        return "not compared"
    return f"[yellow]{percent:.1f}%[/]" if percent else "none"


def _short(path: Path) -> str:
    path = Path(path).resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
