"""Pages: one HTML file each, with everything it shows inside it, made from the templates beside this file.

The templates escape whatever they are given; only charts, which escape for themselves, come as markup. The page's own
policy forbids the browser any request.
"""

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from src.storage.files import write_text

_TEMPLATES = Path(__file__).parent / "templates"


def write_page(file: Path, template: str, values: Mapping[str, Any]) -> None:
    """Fill a template and write it.

    Raises:
        UserError: the place cannot be written to.
    """
    text = _environment().get_template(template).render(values)
    # A file name may hold bytes that are no text: they are shown as such, and never stop a page.
    write_text(file, text.encode("utf-8", "replace").decode("utf-8"))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": share, "whole": _whole, "spread": _spread}
    environment.globals["include_raw"] = lambda name: Markup((_TEMPLATES / name).read_text(encoding="utf-8"))
    return environment


def share(value: float | None, digits: int = 1) -> str:
    """0.8043 → "80.4 %", never broken over two lines; "–" for None."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}\u00a0%"


def _whole(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:,.0f}"


def _spread(low: float | None, high: float | None) -> str:
    """An interval in percent, "78.1 – 86.0 %"; "" where there is none."""
    return "" if low is None or high is None else f"{100 * low:.1f} – {100 * high:.1f}\u00a0%"
