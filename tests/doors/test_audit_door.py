"""`python -m src.audit` as a user runs it."""

import csv
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from src import audit
from src.errors import UserError
from src.signs.labels import SIGNS
from tests.conftest import TINY_SIGNERS, tiny_places
from tests.reports.pages import Page, shown_on_a_phone


@pytest.fixture(scope="module")
def page(tiny_root: Path, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of an audit of the tiny set, and what was printed."""
    places, folder, printed = tiny_places(tiny_root, tiny_cache)[:2], tmp_path_factory.mktemp("audit"), StringIO()
    with redirect_stdout(printed):
        audit.main([*places, "datamodule.image_size_px=32", f"output={folder}"])
    return folder, printed.getvalue()


def test_the_page_and_the_table_hold_what_the_terminal_says_and_need_no_network(page: tuple[Path, str]) -> None:
    folder, printed = page
    html = Page(folder / "audit.html")
    assert "asl_dataset" in printed
    assert max(map(len, printed.splitlines()[:12])) <= 80
    assert "…" not in printed  # nothing is cut off in a plain terminal
    images = len(SIGNS) * len(TINY_SIGNERS) * 2
    assert f"{images} of {images} images (100 %) have a copy" in html.text
    assert "asl_dataset: 144 bursts, the longest of 2 frames" in html.text
    assert html.asks_for_nothing()
    assert "default-src 'none'" in html.source
    rows = list(csv.DictReader((folder / "audit.csv").open(newline="")))
    bursts = [row for row in rows if row["finding"] == "burst"]
    assert len(bursts) == len(SIGNS) * len(TINY_SIGNERS)  # the second shot of each pair
    assert f"{'100%':>5}" in printed


def test_a_browser_shows_the_page_without_an_error(chromium: str, page: tuple[Path, str], tmp_path: Path) -> None:
    shown = shown_on_a_phone(chromium, page[0] / "audit.html", tmp_path)
    assert shown.count("<img") == 2  # the frames of the longest burst


def test_an_unknown_setting_is_a_sentence() -> None:
    with pytest.raises(UserError, match=r"datamodule.sorces is not a setting"):
        audit.main(["datamodule.sorces=[asl_dataset]"])
