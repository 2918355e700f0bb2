"""Pages: one HTML file each, with everything it shows inside it; an ordered list of sections.

A section is one function, which picks out what it shows, and one template. Templates escape whatever they are given;
only charts, which escape for themselves, come as markup. The page's own policy forbids the browser any request.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from src.errors import UserError
from src.evaluation.metrics import Metric
from src.storage.files import write_text

TEMPLATES = Path(__file__).parent / "templates"
FOOT = "foot"

Subject = TypeVar("Subject")
Values = Mapping[str, Any] | None


@dataclass(frozen=True)
class Section(Generic[Subject]):
    """One section of a page.

    Attributes:
        read: picks out of the page's subject what the template shows; None leaves the section out.
        template: the text of a Jinja template, or a file that holds one.
    """

    read: Callable[[Subject], Values]
    template: str | Path

    @property
    def name(self) -> str:
        """That of the function."""
        return self.read.__name__


class Page(Generic[Subject]):
    """A kind of page, such as that of a run: its sections in order.

    Args:
        name: the folder of its templates; each section's is named as its function is.
        sections: the functions that read them. The last is the foot of the page.
    """

    def __init__(self, name: str, *sections: Callable[[Subject], Values]) -> None:
        self.sections = [Section(read, TEMPLATES / name / f"{read.__name__}.html") for read in sections]

    def section(
        self, template: str | Path, before: str = FOOT
    ) -> Callable[[Callable[[Subject], Values]], Callable[[Subject], Values]]:
        """Make the decorated function a section of every page of this kind, from a user's own module too.

        Args:
            template: the text of a Jinja template, or a file that holds one.
            before: the section that it comes before.

        Raises:
            UserError: the page has no section of that name.
        """

        def add(read: Callable[[Subject], Values]) -> Callable[[Subject], Values]:
            self.sections = [section for section in self.sections if section.name != read.__name__]
            names = [section.name for section in self.sections]
            if before not in names:
                raise UserError(f"The page has no section '{before}' for '{read.__name__}' to stand before: {names}.")
            self.sections.insert(names.index(before), Section(read, template))
            return read

        return add

    def write(self, file: Path, subject: Subject, kicker: str, title: str) -> Path:
        """Write the page of `subject`, and give its file back.

        Args:
            kicker: what stands small above the title.

        Raises:
            UserError: the place cannot be written to.
        """
        shown = [
            Markup(_template(section.template).render(values))
            for section in self.sections
            if (values := section.read(subject)) is not None
        ]
        text = _template(TEMPLATES / "page.html").render(kicker=kicker, title=title, sections=shown)
        # A file name may hold bytes that are no text: they are shown as such, and never stop a page.
        write_text(file, text.encode("utf-8", "replace").decode("utf-8"))
        return file


def _template(template: str | Path) -> Any:
    text = template.read_text(encoding="utf-8") if isinstance(template, Path) else template
    return _environment().from_string(text)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),  # for what templates import
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "whole": _whole, "spread": _spread, "metric": _metric}
    environment.globals["include_raw"] = lambda name: Markup((TEMPLATES / name).read_text(encoding="utf-8"))
    return environment


def percent(value: float | None, digits: int = 1) -> str:
    """0.8043 → "80.4 %", never broken over two lines; "–" for None."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}\u00a0%"


def _metric(value: float | None, metric: Metric) -> str:
    return percent(value) if metric.share else metric.text(value)


def _whole(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:,.0f}"


def _spread(low: float | None, high: float | None) -> str:
    """An interval in percent, "78.1 – 86.0 %"; "" where there is none."""
    return "" if low is None or high is None else f"{100 * low:.1f} – {100 * high:.1f}\u00a0%"
