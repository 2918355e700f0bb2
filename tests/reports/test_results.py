"""Tables of results in the terminal."""

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from src.reports.cross_validation import report
from src.reports.results import print_evaluation, print_result
from src.runs.folder import FAILURE_FILE, FOLDS, METRICS
from src.storage.files import write_text
from tests.runs.records import evaluation_record, run_record


@pytest.fixture
def console() -> Console:
    """A plain terminal of 80 columns, whose text is in `.file`."""
    return Console(file=io.StringIO(), width=80)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_a_runs_result_stands_beside_its_protocol_with_every_headline_metric(console: Console, tmp_path: Path) -> None:
    print_result(run_record({"worst_sign": 0.125}, leaked_test_percent=61.0), tmp_path / "run", console)
    text = printed(console)
    for said in (
        "Result on set, split=signer with set:p1 held out, 61% of the test images",
        "accuracy 84.0% 81.2%", "95 % interval 71.0% to 88.0%", "macro F1 80.0% 79.0%", "worst_sign – 0.125",
        "12.0%, calibrated 3.4%", "images 50 96", "best epoch 2 of 3", "report.html",
    ):  # fmt: skip
        assert said in text, said


def test_a_run_scored_again_says_how_much_of_the_test_set_it_had_seen(console: Console, tmp_path: Path) -> None:
    print_evaluation(evaluation_record(seen_in_training=24, leaked_test_percent=None), tmp_path / "far.json", console)
    text = printed(console)
    assert "24 of these images (25%) are among those that this run was trained on" in text
    assert "near-duplicates in training not compared" in text
    assert "best epoch by" not in text


def test_folds_are_a_line_each_with_mean_spread_and_the_worst(console: Console, tmp_path: Path) -> None:
    names = ["set:p1", "set:p2", "set:p3"]
    write_text(tmp_path / FOLDS, json.dumps({"split": "signer", "holdouts": [[name] for name in names]}))
    for name, accuracies in zip(names, ([0.5, 0.7], [0.8], []), strict=True):
        for seed, accuracy in enumerate(accuracies or [None]):
            run = tmp_path / f"{name[-2:]}_{seed}"
            write_text(run / ".hydra" / "config.yaml", f"split: {{holdout: ['{name}']}}\n")
            if accuracy is None:
                write_text(run / FAILURE_FILE, "no images\n")
            else:
                run_record({"accuracy": accuracy}, holdout=(name,), seed=seed).write(run / METRICS)
    report(tmp_path, console)
    text = printed(console)
    assert "test accuracy 70.0% ± 14.1 (mean and standard deviation over only 2 of 3 folds" in text
    assert "worst 60.0%, set:p1" in text
    assert "p3_0: failed: no images" in text
    with (tmp_path / "folds.csv").open(newline="") as stream:
        rows = {row["fold"]: row for row in csv.DictReader(stream)}
    assert [rows[name]["test/accuracy"] for name in ("set:p1", "set:p2", "set:p3", "mean")] == ["0.6", "0.8", "", "0.7"]
    assert (rows["set:p1"]["runs"], rows["set:p1"]["seeds"]) == ("2", "0 1")
