"""`python -m src.report`, and the page that a run leaves by itself."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from src import evaluate, report
from src.errors import UserError
from src.runs import folder as run_folder
from src.runs.calibration import read_calibration
from src.runs.tables import ClassScore, GroupScore, read_rows
from tests.conftest import TINY_CNN
from tests.reports.pages import Page

pytestmark = pytest.mark.pages


def test_a_finished_run_leaves_a_page_calibration_and_tables_that_agree(train_door: Any, capsys: Any) -> None:
    run = train_door(*TINY_CNN, "split=signer", "split.holdout=[hand4]", "trainer.max_epochs=3")
    assert run.status == 0, run.err
    assert "report.html" in run.out
    written = Page(run.folder / run_folder.REPORT)
    assert written.figures["test/accuracy"] == run.metrics["test/accuracy"]
    assert written.figures == {key: run.metrics[key] for key in written.figures}
    assert written.asks_for_nothing()
    assert len(written.source) < 1_000_000
    assert "Grad-CAM" in written.text
    assert written.tags.count("img") >= 24
    assert "Accuracy by epoch" in written.source

    calibration = read_calibration(run.folder)
    assert calibration is not None
    assert (calibration.temperature, calibration.abstain_below) == (
        run.metrics["temperature"],
        run.metrics["abstain_below"],
    )
    classes = read_rows(run.folder / run_folder.CLASSES, ClassScore)
    mean_f1 = sum(row.f1 for row in classes) / len(classes)
    assert mean_f1 == pytest.approx(run.metrics["test/f1_macro"], abs=1e-5)
    (signer,) = (row for row in read_rows(run.folder / run_folder.GROUPS, GroupScore) if row.kind == "signer")
    assert signer.name == "asl_dataset:hand4"
    assert signer.accuracy == pytest.approx(run.metrics["test/accuracy"], abs=1e-6)

    evaluate.main([f"run={run.folder}"])
    again = json.loads((run.folder / "evaluations" / "as_trained.json").read_text())
    same = {key for key in run.metrics if key.startswith(("test/", "interval", "temperature"))}
    assert {key: again[key] for key in same} == {key: run.metrics[key] for key in same}

    report.main([f"run={run.folder}"])
    assert "Grad-CAM" in Page(run.folder / run_folder.REPORT).text

    shutil.rmtree(run.folder / run_folder.CHECKPOINTS)  # moved away: the page is still written, and says so
    report.main([f"run={run.folder}"])
    without = Page(run.folder / run_folder.REPORT)
    assert "No images here" in without.text
    assert without.figures == written.figures


def test_the_report_door_says_what_it_wants(tmp_path: Path) -> None:
    for arguments in ([], [f"run={tmp_path}", f"sweep={tmp_path}"]):
        with pytest.raises(UserError, match="Name what to show"):
            report.main(arguments)
    with pytest.raises(UserError, match="not the folder of a finished run"):
        report.main([f"run={tmp_path}"])
    with pytest.raises(UserError, match="none of its folders holds a run"):
        report.main([f"sweep={tmp_path}"])
