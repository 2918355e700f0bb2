"""Add up a sweep: `python -m src.sweep <multirun folder>`; several folders are compared, one line a protocol.

Prints a table (mean ± standard deviation over seeds), and writes `sweep.csv`, `sweep.png` and `report.html` into the
first folder. Failed and unfinished jobs are listed, never left out in silence.
"""

import sys
from pathlib import Path

from src.errors import UserError
from src.settings.composition import speaking_plainly


def main(arguments: list[str]) -> None:
    """Report on multirun folders.

    Raises:
        UserError: no folder is named, or one holds no runs.
    """
    if not arguments:
        raise UserError("Name a multirun folder: python -m src.sweep experiments/sweeps/<name>.")

    from src.reports.sweep import report

    report([Path(argument) for argument in arguments])


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
