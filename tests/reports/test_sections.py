"""A section of a page: one function and its template, from a user's own module too."""

import sys
from pathlib import Path

import pytest

from src.errors import UserError
from src.reports import run_page
from src.reports.finished_run import FinishedRun
from src.reports.pages import Page as PageKind
from src.reports.run_page import RUN_PAGE
from src.settings.options import import_plugins
from tests.reports.pages import Page
from tests.reports.runs import EVIL, finished_run, scored_images

MODULE = '''
"""A section for the page of a run: the images that it was surest of and got wrong."""

import numpy as np

from src.reports.run_page import RUN_PAGE

TEMPLATE = """
<section><h2>Surest mistakes</h2>
<ul>{% for name, probability in mistakes %}<li>{{ name }}: {{ probability | percent }}</li>{% endfor %}</ul>
</section>
"""


@RUN_PAGE.section(TEMPLATE, before="signs")
def surest_mistakes(run):
    predictions = run.predictions
    wrong = np.flatnonzero(~predictions.correct)
    surest = wrong[np.argsort(-predictions.probability[wrong])][:5]
    return {"mistakes": [(predictions.names[i], predictions.probability[i]) for i in surest]}
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of a user's, `my_sections`, that can be imported; afterwards the page is as before."""
    (tmp_path / "my_sections.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_sections", raising=False)
    monkeypatch.setattr(RUN_PAGE, "sections", RUN_PAGE.sections)
    return tmp_path


def test_a_users_module_adds_a_section_where_it_says(plugin: Path) -> None:
    run = FinishedRun(finished_run(plugin / "run", scored_images(path=f"{EVIL}.jpg")))
    assert "Surest mistakes" not in Page(run_page.write(run)).text
    import_plugins(["my_sections"])
    page = Page(run_page.write(run))
    assert page.text.index("By source") < page.text.index("Surest mistakes") < page.text.index("Every sign")
    assert page.source[page.source.index("Surest mistakes") :].count("<li>") == 5
    assert "<script>alert" not in page.source
    assert page.asks_for_nothing()


def test_a_template_may_be_a_file_and_a_section_without_values_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "greeting.html").write_text("<section>{{ name }}, hello</section>")

    def foot(name: str) -> dict[str, str]:
        return {}

    def greeting(name: str) -> dict[str, str] | None:
        return {"name": name} if name else None

    kind = PageKind("audit", foot)
    kind.section(tmp_path / "greeting.html")(greeting)
    assert "<b>, hello" in Page(kind.write(tmp_path / "page.html", "<b>", "", "")).text
    assert "hello" not in Page(kind.write(tmp_path / "page.html", "", "", "")).text


def test_a_section_before_one_that_is_not_there_is_refused_in_a_sentence() -> None:
    with pytest.raises(UserError, match=r"no section 'sings' for 'mine'.*signs"):

        @RUN_PAGE.section("<section></section>", before="sings")
        def mine(run: FinishedRun) -> dict[str, str]:
            return {}
