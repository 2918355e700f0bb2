"""Score a run's best checkpoint again: `python -m src.evaluate run=<run folder>`.

Without more the figure is the run's own. Settings of `datamodule`, `split` and `trainer` score it elsewhere:
`datamodule.sources=[finger_letters] split=signer`, or `split=everything` for all images of the sources. Images that the
run was trained on, and near-duplicates of them, are counted and said. Written to `<run>/evaluations/`.
"""

from pathlib import Path

from src.importing import imports
from src.learning.run_settings import EVALUATION_SECTIONS, evaluation_settings, recorded_settings
from src.runs.folder import EVALUATIONS
from src.settings.arguments import OfRuns, parse, passed_on, run_door
from src.settings.naming import evaluation_name
from src.settings.options import Field, settings


@settings
class Arguments(OfRuns):
    """Which run is scored, and on what."""

    run: Path = Field(title="run folder", description="the run to score")
    overrides: tuple[str, ...] = passed_on(
        *EVALUATION_SECTIONS, description="other images, another split, other hardware"
    )


def main(arguments: list[str]) -> None:
    """Score, print and write.

    Raises:
        UserError: no such run, or a setting that a trained network cannot change.
    """
    given = parse(Arguments, arguments)
    run = given.run.resolve()
    scored, own = evaluation_settings(run, given.overrides), recorded_settings(run)

    with imports():
        from src.learning.rescoring import evaluate
        from src.reports.results import print_evaluation

    name = evaluation_name(given.overrides)
    record = evaluate(run, scored, name, own.datamodule)
    print_evaluation(record, run / EVALUATIONS / f"{name}.json")


if __name__ == "__main__":
    run_door(main)
