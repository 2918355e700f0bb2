"""Tables in the terminal of what a run measured, on its own test set or on another."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from src.evaluation.metrics import CALIBRATED, shown
from src.evaluation.promises import protocol_line
from src.runs.folder import REPORT
from src.runs.record import EvaluationRecord, Figures, Record, RunRecord
from src.terminal import table


def print_result(record: RunRecord, run_dir: Path, console: Console | None = None) -> None:
    """The figures of a run beside the protocol they were taken by, and where to look further."""
    console = console or Console()
    _print_figures(record, {"validation": (record.val, record.val_images)}, console)
    console.print(
        f"  best epoch {record.best_epoch} of {record.epochs}, "
        f"{record.images_per_second:.0f} images/s in training, {record.seconds:.0f} s in all",
        highlight=False,
    )
    folder = _short(run_dir)
    lines = [f"run        {folder}", f"page       {_short(run_dir / REPORT)}"]
    if any(run_dir.glob("events.out.tfevents.*")):
        lines.append(f"dashboard  tensorboard --logdir {folder}")
    for line in lines:
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def print_evaluation(record: EvaluationRecord, file: Path, console: Console | None = None) -> None:
    """The figures of a run scored again, and how much of the test set it had seen."""
    console = console or Console()
    _print_figures(record, {}, console)
    for count, what in (
        (record.seen_in_training, "was trained on"),
        (record.seen_in_validation, "chose its best epoch by"),
    ):
        if count:
            console.print(
                f"  [yellow]note[/] {count} of these images ({count / record.test_images:.0%}) are among those that "
                f"this run {what}: the figure says little about new images.",
                highlight=False,
            )
    if record.split_notes:
        console.print(f"  note {record.split_notes}", highlight=False, markup=False)
    console.print(f"  written to {_short(file)}", highlight=False, markup=False, soft_wrap=True)


def _print_figures(record: Record, others: Mapping[str, tuple[Figures, int]], console: Console) -> None:
    """The protocol, then a row a metric. `others`: figures of other images, and how many; a column each before test."""
    console.print(protocol_line(record), style="bold", markup=False, highlight=False)
    rows = table()
    rows.add_column("")
    for column in (*others, "test"):
        rows.add_column(column, justify="right")
    blank = [""] * len(others)
    for metric in shown(record.test):
        calibrated = record.test.get(f"{metric.name}{CALIBRATED}")
        text = metric.text(record.test[metric.name])
        text += f", calibrated {metric.text(calibrated)}" if calibrated is not None else ""
        rows.add_row(metric.title, *(metric.text(figures.get(metric.name)) for figures, _ in others.values()), text)
        if ends := record.interval(metric.name):
            rows.add_row("  95 % interval", *blank, " to ".join(map(metric.text, ends)))
    rows.add_row("images", *(str(images) for _, images in others.values()), str(record.test_images))
    rows.add_row("near-duplicates in training", *blank, _leak(record))
    console.print(rows)
    console.print(f"  {record.interval_note}", highlight=False, markup=False)


def _leak(record: Record) -> str:
    """What part of the test set has a near-duplicate in training; in yellow where there is any."""
    percent = record.leaked_test_percent
    if percent is None:
        return "not compared"
    return f"[yellow]{percent:.1f}%[/]" if percent else "none"


def _short(path: Path) -> str:
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
