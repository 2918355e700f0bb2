"""`python -m src.report`, and the page that a run leaves by itself."""

import json
import os
import shutil
import subprocess
import sys
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
from tests.reports.runs import finished_run

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
    assert written.source.count("training: epoch 3, ") >= 2  # a curve of accuracy, one of loss

    calibration = read_calibration(run.folder)
    assert calibration is not None
    assert (calibration.temperature, calibration.abstain_below) == (
        run.metrics["temperature"],
        run.metrics["abstain_below"],
    )
    signs = read_rows(run.folder / run_folder.CLASSES, ClassScore)
    mean_f1 = sum(sign.f1 for sign in signs) / len(signs)
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


_PLUGIN = """
from src.evaluation.metrics import Metric, register
from src.reports.run_page import RUN_PAGE

register(Metric("worst_sign", "worst sign of all", "recall of that sign", lambda predictions: 0.4321))


@RUN_PAGE.section("<section>{{ greeting }}</section>")
def greeting(run):
    return {"greeting": f"hello, {run.record.model}"}
"""


def test_a_users_module_adds_a_metric_and_a_section_to_the_page(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    record = json.loads((run / run_folder.METRICS).read_text())
    (run / run_folder.METRICS).write_text(json.dumps({**record, "test/worst_sign": 0.4321}))
    (tmp_path / "my_module.py").write_text(_PLUGIN)
    # In a process of its own: what a module registers stays registered.
    command = [sys.executable, "-m", "src.report", f"run={run}", "plugins=[my_module]"]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True)
    shown = " ".join(Page(run / run_folder.REPORT).text.split())
    assert "worst sign of all 43.2 % recall of that sign" in shown
    assert "hello, cnn" in shown


def test_the_report_door_says_what_it_wants(tmp_path: Path) -> None:
    for arguments in ([], [f"run={tmp_path}", f"sweep={tmp_path}"]):
        with pytest.raises(UserError, match="Name what to show"):
            report.main(arguments)
    with pytest.raises(UserError, match="not the folder of a finished run"):
        report.main([f"run={tmp_path}"])
    with pytest.raises(UserError, match="none of its folders holds a run"):
        report.main([f"sweep={tmp_path}"])
