"""Look for what is wrong with images: `python -m src.audit`, or with settings of a run (`datamodule.sources=[…]`).

Copies, near-duplicates, bursts, labels that other images speak against, signs by one signer alone, unreadable files: a
table here, and pictures of the worst in `output=<folder>` (audit.html opens from disk; audit.csv has every finding).
Without `datamodule.sources` every public set that lies under `datamodule.root` is looked at.
"""

import sys
from pathlib import Path

from src.settings.composition import PROJECT, compose, speaking_plainly


def main(arguments: list[str]) -> None:
    """Print the findings, write the page and the table.

    Raises:
        UserError: nothing is there, or a setting is not understood.
    """
    output = [argument.partition("=")[2] for argument in arguments if argument.startswith("output=")]
    overrides = [argument for argument in arguments if not argument.startswith("output=")]
    cfg = compose(overrides).datamodule
    folder = Path(output[-1] if output and output[-1] else PROJECT / "experiments" / "audits")

    from src.data.audit import audit
    from src.data.datamodule import chosen_signs, collected
    from src.reports.audit_page import write_page
    from src.reports.audit_tables import show, write
    from src.sources.catalog import present_sources

    if not any(override.startswith("datamodule.sources=") for override in overrides):
        cfg.sources = present_sources(Path(cfg.root))
    found = audit(chosen_signs(collected(cfg), cfg), Path(cfg.cache_dir))
    show(found)
    write(found, folder / "audit.csv")
    write_page(found, folder / "audit.html")
    print(f"Pictures: {folder / 'audit.html'}\nEvery finding: {folder / 'audit.csv'}")


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
