"""`python -m src.audit` as a user runs it."""

import csv
from pathlib import Path

import pytest

from src import audit
from src.errors import UserError
from src.signs.labels import SIGNS
from tests.conftest import TINY_SIGNERS, tiny_places
from tests.reports.pages import Page


@pytest.fixture
def page(tiny_root: Path, tiny_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """The folder of an audit of the tiny set, and what was printed."""
    places = tiny_places(tiny_root, tiny_cache)[:2]
    audit.main([*places, "datamodule.image_size_px=32", f"output={tmp_path / 'audit'}"])
    return tmp_path / "audit", capsys.readouterr().out


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


def test_an_unknown_setting_is_a_sentence() -> None:
    with pytest.raises(UserError, match=r"datamodule.sorces is not a setting"):
        audit.main(["datamodule.sorces=[asl_dataset]"])
