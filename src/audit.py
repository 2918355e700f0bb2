"""Look for what is wrong with images: `python -m src.audit datamodule.sources=[folder] datamodule.folder=~/my_signs`.

Copies, near-duplicates, bursts, labels that other images speak against, signs by one signer alone, unreadable files: a
table here, and pictures of the worst in `output=<folder>` (audit.html opens from disk; audit.csv has every finding).
Without `datamodule.sources` every public set that lies under `datamodule.root` is looked at.
"""

from pathlib import Path

from src.learning.run_settings import image_settings
from src.settings.arguments import OfRuns, parse, passed_on, run_door
from src.settings.composing import PROJECT
from src.settings.options import Field, settings


@settings
class Arguments(OfRuns):
    """What is looked at, and where the page goes."""

    output: Path | None = Field(
        default=None, title="folder", description="for the page and the table; experiments/audits unless said"
    )
    overrides: tuple[str, ...] = passed_on(description="settings of a run, as for python -m src.train")


def main(arguments: list[str]) -> None:
    """Print the findings, write the page and the table.

    Raises:
        UserError: nothing is there, or a setting is not understood.
    """
    given = parse(Arguments, arguments)
    images = image_settings(given.overrides)

    from src.data.audit import audit
    from src.data.datamodule import collected
    from src.reports.audit_page import write_page
    from src.reports.audit_tables import show, write

    found = audit(collected(images), Path(images.cache_dir))
    folder = given.output or PROJECT / "experiments" / "audits"
    page, table = folder / "audit.html", folder / "audit.csv"
    show(found)
    write(found, table)
    write_page(found, page)
    print(f"Pictures: {page}\nEvery finding: {table}")


if __name__ == "__main__":
    run_door(main)
