"""Train a network and measure it: `python -m src.train model=mobilenetv2 freeze=top_k`.

`-m` sweeps (`python -m src.train -m freeze.k=0,1,2 seed=1,2,3`), `resume=<run folder>` goes on with an interrupted run,
`--help` and `--cfg job` show the settings.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from src.importing import imports
from src.jobs import command_line, speaking_plainly

if TYPE_CHECKING:
    from src.learning.run_settings import RunSettings


def run(settings: "RunSettings", run_dir: Path, resume: bool = False) -> None:
    """Train, then write the run's page and print what came out.

    Raises:
        UserError: these settings are not for training, or do not fit together.
    """
    settings.check_training()
    with imports():
        from src.learning.training import train

    result = train(settings, run_dir, resume)
    if result.is_first_process:
        from src.reports.album import write_run_page
        from src.reports.results import print_result

        write_run_page(run_dir, result.data, result.network)
        print_result(result.record, run_dir)


def main(arguments: Sequence[str]) -> None:
    """The command line, in this process."""
    if any(argument.startswith("resume=") for argument in arguments):
        from src.learning.resuming import resumed

        def go_on() -> None:
            settings, folder = resumed(arguments)
            run(settings, folder, resume=True)

        speaking_plainly(go_on)
    else:
        command_line(run)


if __name__ == "__main__":
    main(sys.argv[1:])
