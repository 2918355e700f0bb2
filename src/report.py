"""A page to look at: `python -m src.report run=<run folder>` or `python -m src.report sweep=<multirun folder>`.

A run's page says what was trained, on what, tested how and what that promises, then shows curves, stages, confusions,
mistakes, where the network looked, calibration, signers and sources. A sweep's page shows accuracy against trained
stages and against cost. Each page is one HTML file, `report.html`, that opens from disk and fetches nothing.

    python -m src.report sweep=<seen> sweep=<unseen>          # several sweeps on one axis
"""

from pathlib import Path

from src.errors import UserError
from src.runs.folder import REPORT
from src.runs.record import read_run
from src.settings.arguments import OfRuns, parse, run_door
from src.settings.options import Field, settings


@settings
class Arguments(OfRuns):
    """What is shown, and where."""

    run: Path | None = Field(
        default=None, title="run folder", description="a finished run; the page goes into its folder"
    )
    sweep: tuple[Path, ...] = Field(
        default=(), title="multirun folder", description="a sweep; may be given several times"
    )
    output: Path | None = Field(
        default=None, title="file.html", description="where the page of sweeps goes; into the first folder unless said"
    )

    def check(self) -> None:
        """Either a run or sweeps."""
        if (self.run is None) == (not self.sweep) or (self.run and self.output):
            raise UserError("Name what to show: python -m src.report run=<run folder>, or sweep=<multirun folder>.")


def main(arguments: list[str]) -> None:
    """Write the page of a run or of sweeps.

    Raises:
        UserError: neither or both are named, or a folder holds none.
    """
    given = parse(Arguments, arguments)
    if given.run is None:
        from src.reports.sweep_page import Sweep, write

        sweeps = [folder.resolve() for folder in given.sweep]
        page = write(Sweep(sweeps), (given.output or sweeps[0] / REPORT).resolve())
    else:
        run = given.run.resolve()
        read_run(run)  # before anything heavy is loaded for a folder that holds no finished run

        from src.reports.album import write_page_of

        page = write_page_of(run)
    print(f"written: {page}")


if __name__ == "__main__":
    run_door(main)
