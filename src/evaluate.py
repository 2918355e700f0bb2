"""Score a run's best checkpoint again: `python -m src.evaluate run=<run folder>`.

Without more the figure is the run's own. Settings of `datamodule`, `split` and `trainer` score it elsewhere:
`datamodule.sources=[finger_letters] split=signer`, or `split=everything` for all images of the sources. Images that the
run was trained on, and near-duplicates of them, are counted and said. Written to `<run>/evaluations/`.
"""

import sys
from pathlib import Path

from src.errors import UserError
from src.importing import imports
from src.runs.folder import EVALUATIONS
from src.settings.composition import evaluation_config, evaluation_name, recorded_config, speaking_plainly


def main(arguments: list[str]) -> None:
    """Score, print and write.

    Raises:
        UserError: no such run, or a setting that a trained network cannot change.
    """
    runs = [argument.partition("=")[2] for argument in arguments if argument.startswith("run=")]
    overrides = [argument for argument in arguments if not argument.startswith("run=")]
    if len(runs) != 1 or not runs[0]:
        raise UserError("Name the run to score: python -m src.evaluate run=<run folder>.")
    run = Path(runs[0]).resolve()
    cfg = evaluation_config(run, overrides)

    with imports():
        from src.learning.rescoring import evaluate
        from src.reports.tables import print_evaluation

    name = evaluation_name(overrides)
    record = evaluate(run, cfg, name, recorded_config(run))
    print_evaluation(record.flat(), run / EVALUATIONS / f"{name}.json")


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
