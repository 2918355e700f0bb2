"""A page to look at: `python -m src.report run=<run folder>` or `python -m src.report sweep=<multirun folder>`.

A run's page says what was trained, on what, tested how and what that promises, then shows curves, stages, confusions,
mistakes, where the network looked, calibration, signers and sources. A sweep's page shows accuracy against trained
stages and against cost; `sweep=` may be given several times, and the page goes into the first folder, or to `output=`.
Each page is one HTML file, `report.html`, that opens from disk and asks the network for nothing.
"""

import sys
from pathlib import Path

from src.errors import UserError
from src.runs.folder import REPORT, read_metrics
from src.settings.composition import named_values, recorded_config, speaking_plainly


def main(arguments: list[str]) -> None:
    """Write the page of a run or of sweeps.

    Raises:
        UserError: neither or both are named, or a folder holds none.
    """
    named = named_values(arguments, ("run", "sweep", "output"))
    sweeps = [Path(argument.partition("=")[2]).resolve() for argument in arguments if argument.startswith("sweep=")]
    if ("run" in named) == bool(sweeps) or ("run" in named and "output" in named):
        raise UserError("Name what to show: python -m src.report run=<run folder>, or sweep=<multirun folder>.")
    if sweeps:
        from src.reports.sweep_page import write

        page = write(sweeps, Path(named.get("output", sweeps[0] / REPORT)).resolve())
    else:
        run = Path(named["run"]).resolve()
        read_metrics(run)
        cfg = recorded_config(run)

        from src.reports.album import write_run_page

        page = write_run_page(run, cfg)
    print(f"written: {page}")


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
