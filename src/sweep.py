"""Add up a sweep: `python -m src.sweep <multirun folder>`; several folders are compared, one line a protocol.

Prints a table (mean ± standard deviation over seeds), and writes `sweep.csv`, `sweep.png` and `report.html` into the
first folder. Failed and unfinished jobs are listed, never left out in silence.
"""

from pathlib import Path

from src.errors import UserError
from src.settings.arguments import POSITIONAL, OfRuns, parse, run_door
from src.settings.options import Field, settings


@settings
class Arguments(OfRuns):
    """Which sweeps are added up."""

    folders: tuple[Path, ...] = Field(
        default=(),
        title="multirun folder",
        description="one sweep, or several to compare",
        json_schema_extra=POSITIONAL,
    )

    def check(self) -> None:
        """One at least."""
        if not self.folders:
            raise UserError("Name a multirun folder: python -m src.sweep experiments/sweeps/<name>.")


def main(arguments: list[str]) -> None:
    """Report on multirun folders.

    Raises:
        UserError: no folder is named, or one holds no runs.
    """
    given = parse(Arguments, arguments)

    from src.reports.sweep import report

    report(list(given.folders))


if __name__ == "__main__":
    run_door(main)
