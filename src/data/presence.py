"""Which public sets lie on this machine."""

from pathlib import Path

from src.data.discover import discover
from src.errors import UserError
from src.signs.catalog import CATALOG


def present_sources(root: Path) -> list[str]:
    """Names of the catalog's sets that are found under `root`.

    Raises:
        UserError: none is there; the sentence says where they come from.
    """
    present: list[str] = []
    for name in CATALOG:
        if name == "folder":
            continue
        try:
            discover(name, root, download=None)
        except UserError:
            continue  # absent: `discover` says so by refusing
        present.append(name)
    if not present:
        handles = ", ".join(f"{name} ({d.page_url})" for name, d in CATALOG.items() if d.page_url)
        raise UserError(
            f"No dataset lies under {root}: put one there, say where they are with datamodule.root=<folder> or "
            f"FINGERSPELL_DATA, or fetch one, such as {handles}."
        )
    return present
