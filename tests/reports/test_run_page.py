"""The page of a run: figures as measured, no request, names shown as text."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.reports import run_page
from src.reports.finished_run import FinishedRun
from src.runs.folder import CURVES, METRICS, PREDICTIONS
from src.storage.files import write_text
from tests.reports.pages import Page, shown_on_a_phone
from tests.reports.runs import EVIL, Images, finished_run, scored_images
from tests.runs.records import evaluation_record


def page_of(run: Path, album: Images | None = None, without: str = "") -> Page:
    return Page(run_page.write(FinishedRun(run, album, without)))


def test_every_figure_on_a_runs_page_is_that_of_its_record_and_of_its_predictions(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    page = page_of(run, Images())
    recorded = json.loads((run / METRICS).read_text())
    assert {"test/accuracy", "test/accuracy_ci_low", "test/f1_macro", "test/ece", "temperature"} <= set(page.figures)
    assert page.figures == {key: recorded[key] for key in page.figures}
    with (run / PREDICTIONS).open(newline="") as stream:
        correct = [row["label"] == row["prediction"] for row in csv.DictReader(stream)]
    assert 0.5 < np.mean(correct) < 1
    assert page.figures["test/accuracy"] == pytest.approx(np.mean(correct), abs=1e-6)
    shown = f"{100 * np.mean(correct):.1f} %"
    assert page.text.count(shown) >= 2  # at the head, and of the one source
    assert f"{len(correct) - sum(correct)} of {len(correct)} predictions are off the diagonal" in page.source


def test_a_page_asks_the_network_for_nothing(tmp_path: Path) -> None:
    page = page_of(finished_run(tmp_path), Images())
    assert page.tags.count("img") > 12
    assert page.asks_for_nothing()
    assert "default-src 'none'" in page.source


def test_the_box_at_the_top_says_what_the_figure_promises_and_what_not(tmp_path: Path) -> None:
    page = page_of(finished_run(tmp_path))
    box = page.source[page.source.index('class="box"') : page.source.index("</dl>")]
    for said in ("96 images of set:p1", "500 images for training", "a new person", "does not promise another camera"):
        assert said in box, said


@pytest.mark.parametrize(("weights", "said"), [("random start", "from random weights"), ("hands", "from hands")])
def test_the_box_says_what_the_network_began_from(tmp_path: Path, weights: str, said: str) -> None:
    assert f"cnn {said}, freeze=none" in page_of(finished_run(tmp_path, weights=weights)).text


def test_names_of_files_are_shown_as_text(tmp_path: Path) -> None:
    run = finished_run(tmp_path, scored_images(signer=EVIL, path=f"{EVIL}.jpg"), holdout=(f"set:{EVIL}",), model=EVIL)
    page = page_of(run, Images())
    assert "<script>alert" not in page.source
    assert len(page.scripts) == 1
    assert page.text.count("alert(1)") > 3  # in words, not in code


def test_a_run_scored_elsewhere_shows_both_figures_and_what_each_leaks(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    assert "Here and elsewhere" not in page_of(run).text
    of_far = {"test": {"accuracy": 0.2345}, "sources": ("far", EVIL), "leaked_test_percent": None}
    evaluation_record(**of_far, test_images=4321).write(run / "evaluations" / "far.json")
    evaluation_record().write(run / "evaluations" / "as_trained.json")
    page = page_of(run)
    shown = page.text[page.text.index("Here and elsewhere") : page.text.index("How it learned")]
    own = f"{100 * page.figures['test/accuracy']:.1f} %"
    assert shown.index(own) < shown.index("23.4 %")
    assert all(words in shown for words in ("split=signer, set:p1", "split=everything", "4,321", "not compared"))
    assert shown.count("0.0 %") == 1
    assert "<script>alert" not in page.source
    write_text(run / "evaluations" / "far.json", "{")
    with pytest.raises(UserError, match=r"far\.json is damaged"):
        page_of(run)


def test_every_curve_of_the_run_is_drawn_and_every_epoch_can_be_read(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    source = page_of(run).source
    for said in ("training: epoch 2, 50.0%", "validation: epoch 3, 1.5", "validation: epoch 2, 40.0%", "best, epoch 2"):
        assert said in source, said
    (run / CURVES).unlink()
    assert "How it learned" not in page_of(run).source


def test_a_page_without_images_says_why(tmp_path: Path) -> None:
    page = page_of(finished_run(tmp_path), without="No images here, since they are gone.")
    assert "No images here, since they are gone." in page.text
    assert "img" not in page.tags


def test_damaged_predictions_are_one_sentence(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    write_text(run / PREDICTIONS, "path,source\nx,y\n")
    with pytest.raises(UserError, match="damaged"):
        page_of(run)


def test_a_browser_shows_a_runs_page_without_an_error_and_sorts_its_table(chromium: str, tmp_path: Path) -> None:
    file = run_page.write(FinishedRun(finished_run(tmp_path / "run"), Images()))
    shown = shown_on_a_phone(chromium, file, tmp_path, "document.querySelector('table.sortable th button').click()")
    table = shown[shown.index('class="sortable"') :]
    assert 'aria-sort="ascending"' in table
    assert table.index('<th scope="row">0') < table.index('<th scope="row">9') < table.index('<th scope="row">A')
