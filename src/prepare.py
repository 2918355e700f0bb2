"""Show what images there are: `python -m src.prepare`, or with the settings of a run (`datamodule.sources=[folder] …`).

Without `datamodule.sources` every public set that lies under `datamodule.root` is shown. Each picture is decoded once,
so that what a run would meet an hour later is said now; `output=<file>.csv` writes every finding.
"""

import sys
from pathlib import Path

from src.settings.composition import compose, speaking_plainly


def main(arguments: list[str]) -> None:
    """Print tables of sources, signs, signers, sizes and findings.

    Raises:
        UserError: nothing is there, or a setting is not understood.
    """
    output = [argument.partition("=")[2] for argument in arguments if argument.startswith("output=")]
    overrides = [argument for argument in arguments if not argument.startswith("output=")]
    cfg = compose(overrides).datamodule

    from src.data.datamodule import collected
    from src.reports import inventory
    from src.sources.catalog import present_sources

    if not any(override.startswith("datamodule.sources=") for override in overrides):
        cfg.sources = present_sources(Path(cfg.root))
    collection = collected(cfg)
    inventory.show(collection)
    for file in output:
        inventory.write_findings(collection.findings, Path(file))
        print(f"All {len(collection.findings)} findings: {file}")


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
