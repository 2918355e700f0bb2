"""What a sweep adds up to: the page, the table, the CSV and the chart."""

import csv
from pathlib import Path

import pytest

from src.reports import sweep_page
from src.reports.sweep import report
from src.reports.sweep_page import Sweep
from src.runs.folder import FAILURE_FILE
from src.storage.files import write_text
from tests.reports.pages import Page, shown_on_a_phone
from tests.reports.runs import EVIL, sweep_folder


def test_a_sweeps_page_shows_seen_and_unseen_signers_on_one_axis(tmp_path: Path) -> None:
    unseen = sweep_folder(tmp_path / "unseen", "signer", {1: [0.4, 0.5], 3: [0.7, 0.8]})
    seen = sweep_folder(tmp_path / "seen", "random", {1: [0.6], 3: [0.95]})
    write_text(unseen / "9_bad" / ".hydra" / "overrides.yaml", "- freeze.k=99\n- seed=1\n")
    write_text(unseen / "9_bad" / FAILURE_FILE, f"{EVIL} is beyond this network\n")
    page = Page(sweep_page.write(Sweep([unseen, seen]), tmp_path / "report.html"))
    assert page.asks_for_nothing()
    stages, cost = page.charts
    assert "unseen signers (split=signer, p1): 1 stages 45.0%, 3 stages 75.0%" in stages
    assert "seen signers (split=random) · leaks 51 %: 1 stages 60.0%, 3 stages 95.0%" in stages
    assert "1 trained (head), 45.0 ± 7.1" in stages
    assert "unseen signers (split=signer, p1): 10 s 45.0%, 30 s 75.0%" in cost
    assert "45.0 ± 7.1 %" in page.text
    assert "95.0 %" in page.text
    assert "Failed: 9_bad" in page.text
    assert "<script>alert" not in page.source


def test_two_sweeps_are_one_table_and_one_chart_and_say_what_a_random_split_leaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unseen = sweep_folder(tmp_path / "unseen", "signer", {1: [0.4, 0.5], 3: [0.7, 0.8]})
    seen = sweep_folder(tmp_path / "seen", "random", {1: [0.6, 0.7], 3: [0.95, 0.97]})
    report([unseen, seen])
    printed = capsys.readouterr().out
    assert "split=random: 51 to 52 % of the test images have a near-duplicate in training" in printed
    assert all(shown in printed for shown in ("45.0 ± 7.1", "65.0 ± 7.1", "signer", "random"))
    assert (unseen / "sweep.png").stat().st_size > 5000
    rows = list(csv.DictReader((unseen / "sweep.csv").open(newline="")))
    shown = [(row["split"], row["stages_trained"], row["leaked_test_percent_mean"]) for row in rows]
    assert shown == [("signer", "1", "0"), ("signer", "3", "0"), ("random", "1", "51.5"), ("random", "3", "51.5")]
    assert not (seen / "sweep.csv").exists()


def test_a_metric_that_is_not_known_here_is_in_the_table_the_csv_and_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep_folder(tmp_path, "signer", {1: [0.4, 0.5]}, {"worst_sign": 0.125})
    report([folder])
    assert "worst_sign" in capsys.readouterr().out
    (row,) = csv.DictReader((folder / "sweep.csv").open(newline=""))
    assert row["test/worst_sign_mean"] == "0.125"
    assert "worst_sign" in Page(folder / "report.html").text


def test_a_sweep_without_a_finished_run_still_has_a_page(tmp_path: Path) -> None:
    write_text(tmp_path / "0_k-1" / ".hydra" / "overrides.yaml", "- freeze.k=1\n")
    page = Page(sweep_page.write(Sweep([tmp_path]), tmp_path / "report.html"))
    assert "Unfinished: 0_k-1" in page.text


def test_a_browser_shows_a_sweeps_page_without_an_error_and_sorts_its_table_by_figures(
    chromium: str, tmp_path: Path
) -> None:
    unseen = sweep_folder(tmp_path / "unseen", "signer", {1: [0.4, 0.5], 3: [0.7, 0.8]})
    seen = sweep_folder(tmp_path / "seen", "random", {1: [0.6], 3: [0.99]})
    file = sweep_page.write(Sweep([unseen, seen]), tmp_path / "report.html")
    by_accuracy = "[...document.querySelectorAll('table.sortable th')].find(th => th.textContent == 'accuracy')"
    shown = shown_on_a_phone(chromium, file, tmp_path, f"{by_accuracy}.querySelector('button').click()")
    table = shown[shown.index('table class="sortable') :]
    places = [table.index(accuracy) for accuracy in ("45.0 ±", "60.0", "75.0 ±", "99.0")]
    assert places == sorted(places)
