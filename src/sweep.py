"""Add up a sweep: `python -m src.sweep <multirun folder>`.

Prints a table (mean ± standard deviation over seeds), and writes `sweep.csv` and `sweep.png` beside the runs. Failed
and unfinished jobs are listed, never left out in silence.
"""

import sys
from pathlib import Path

from src.composition import speaking_plainly
from src.errors import UserError


def main(arguments: list[str]) -> None:
    """Report on one multirun folder.

    Raises:
        UserError: not exactly one folder is named, or it holds no runs.
    """
    if len(arguments) != 1:
        raise UserError("Name one multirun folder: python -m src.sweep experiments/sweeps/<name>.")

    from src.reports.sweep import report

    report(Path(arguments[0]))


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
