import csv
import io

import pytest
from rich.console import Console

from src.data.collect import collect
from src.reports.inventory import show, write_findings
from src.sources.decoding import Decoding
from src.sources.source import Places


@pytest.fixture
def collection(tmp_path, class_folders, write_image):
    class_folders(tmp_path / "sign_digits" / "Dataset", "09", count=3, name="IMG_{number}{label}.JPG")
    class_folders(tmp_path / "gesture_images", "0A_", count=2, name="{number}.jpg")
    (tmp_path / "sign_digits" / "Dataset" / "0" / "broken, [red].jpg").write_text("no picture")
    write_image(tmp_path / "sign_digits" / "Dataset" / "9" / "inks.jpg", mode="CMYK")
    return collect(
        ["sign_digits", "gesture_images"], Places(root=tmp_path), Decoding(image_size_px=16), tmp_path / "cache"
    )


@pytest.mark.parametrize("width", [60, 100, 120])
def test_the_inventory_names_sources_signs_and_reasons_within_the_terminal(collection, width):
    console = Console(file=io.StringIO(), width=width)
    show(collection, console)
    printed = console.file.getvalue()
    assert all(len(line) <= width for line in printed.splitlines())
    for text in ("sign_digits", "gesture_images", "left out", "used", "12×10", "CMYK"):
        assert text in printed


def test_all_findings_are_written_as_a_table(collection, tmp_path):
    write_findings(collection.findings, tmp_path / "findings.csv")
    with open(tmp_path / "findings.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(collection.findings) == 4
    assert [row["action"] for row in rows].count("used") == 1
    assert rows[0]["file"].endswith("broken, [red].jpg")
