"""What people see in a terminal: a bar for work that they wait for, and tables that all look alike."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

_QUIET_SECONDS = 2.0


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal for work that takes longer than two seconds; nothing in a log file.

    Yields:
        A function to be called with the count that was done since its last call.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(title, total=total)
    begun, shown = time.monotonic(), False

    def advance(count: int) -> None:
        nonlocal shown
        bar.advance(task, count)
        if not shown and console.is_terminal and time.monotonic() - begun > _QUIET_SECONDS:
            shown = True
            bar.start()

    try:
        yield advance
    finally:
        if shown:
            bar.stop()


def table(title: str = "") -> Table:
    """An empty table in the project's look."""
    return Table(title=title or None, box=box.SIMPLE_HEAD, title_style="bold", title_justify="left", pad_edge=False)
