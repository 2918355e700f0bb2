"""Show what images there are: `python -m src.prepare`, or with the settings of a run (`datamodule.sources=[folder] …`).

Without `datamodule.sources` every public set that lies under `datamodule.root` is shown. Each image is decoded once,
so that what a run would meet an hour later is said now.
"""

from pathlib import Path

from src.learning.run_settings import image_settings
from src.settings.arguments import OfRuns, parse, passed_on, run_door
from src.settings.options import Field, settings


@settings
class Arguments(OfRuns):
    """What is shown, and where findings are written."""

    output: Path | None = Field(default=None, title="file.csv", description="every finding")
    overrides: tuple[str, ...] = passed_on(description="settings of a run, as for python -m src.train")


def main(arguments: list[str]) -> None:
    """Print tables of sources, signs, signers, sizes and findings.

    Raises:
        UserError: nothing is there, or a setting is not understood.
    """
    given = parse(Arguments, arguments)
    images = image_settings(given.overrides)

    from src.data.datamodule import collected
    from src.reports import inventory

    collection = collected(images)
    inventory.show(collection)
    if given.output is not None:
        inventory.write_findings(collection.findings, given.output)
        print(f"All {len(collection.findings)} findings: {given.output}")


if __name__ == "__main__":
    run_door(main)
