"""The pages of runs and sweeps: figures as measured, no request, names shown as text."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src import sweep
from src.errors import UserError
from src.evaluation.promises import promise
from src.reports import run_page, sweep_page
from src.reports.charts import ticks
from src.runs import folder as run_folder
from src.runs.record import Record
from src.signs.labels import SIGNS
from src.storage.files import write_csv, write_json, write_text
from tests.reports.pages import Page, shown_on_a_phone

EVIL = '"><script>alert(1)</script>'
METRICS: dict[str, Any] = {
    "test/accuracy": 0.8125, "test/accuracy_top3": 0.95, "test/f1_macro": 0.79, "test/loss": 0.71,
    "test/handshape_accuracy": 0.8333, "test/ece": 0.12, "test/ece_calibrated": 0.034, "test/loss_calibrated": 0.66,
    "test/accuracy_ci_low": 0.71, "test/accuracy_ci_high": 0.88, "test/handshape_accuracy_ci_low": 0.72,
    "test/handshape_accuracy_ci_high": 0.9, "test/answered_share": 0.7, "test/answered_accuracy": 0.93,
    "temperature": 1.25, "abstain_below": 0.4, "interval_unit": "signers", "interval_units": 6,
    "interval_note": "95 % interval over 6 signers, whole people drawn again.",
    "val/accuracy": 0.84, "split": "signer", "holdout": "set:p1", "validation": "set:p2", "split_notes": "",
    "sources": "set", "train_images": 500, "val_images": 50, "test_images": 96, "model": "cnn", "weights": "none",
    "freeze": "none", "stages_trained": 3, "stages_trained_names": "conv1+neck+head", "parameters": 1000,
    "parameters_trained": 900, "frozen_unchanged": True, "augmentation": "light", "image_size_px": 64, "seed": 1,
    "precision": "32-true", "seconds": 12.5, "train_seconds": 10.0, "images_per_second": 100.0, "machine": "test",
    "best_epoch": 2, "epochs": 3, "commit": "abc", "leaked_test_percent": 0.0,
}  # fmt: skip


def finished_run(folder: Path, metrics: dict[str, Any] = METRICS, name: str = "0/a.jpg", old: bool = False) -> Path:
    """A folder as a run leaves it, less the checkpoint; `old`: without what earlier versions did not write."""
    rng = np.random.default_rng(0)
    header = ["path", "source", "signer", "group", "label", "prediction", "probability", "uncalibrated"]
    rows = []
    for i in range(96):
        label, right = SIGNS[i % 12], rng.random() < 0.8
        answer = label if right else SIGNS[(i + 1) % 12]
        path = name if i == 1 else f"{label}/{i}.jpg"
        rows.append([path, "set", f"p{i % 6}", i // 4, label, answer, f"{rng.uniform(0.3, 1):.6f}", "0.500000"])
    kept = [0, 1, 2, 4, 5, 6] if old else range(8)
    write_csv(folder / run_folder.PREDICTIONS, [header[i] for i in kept], ([row[i] for i in kept] for row in rows))
    write_csv(
        folder / run_folder.STAGES,
        ("stage", "parameters", "trained_from_epoch", "batch_norms", "learning_rate"),
        [("conv1", 400, "frozen", 0, 0), ("neck", 300, 1, 0, 0.001), ("head", 300, 1, 0, 0.001)],
    )
    write_json(folder / run_folder.METRICS, metrics)
    return folder


class Pictures:
    """An album of one grey dot."""

    def picture(self, name: str) -> str:
        return "data:image/gif;base64,R0lGODlhAQABAIAAAMLCwgAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="

    def explained(self, names: Any, classes: Any) -> tuple[str, dict[str, str]]:
        return "conv1", {name: self.picture(name) for name in names}


def test_every_figure_on_a_runs_page_is_that_of_its_metrics(tmp_path: Path) -> None:
    page = Page(run_page.write(finished_run(tmp_path), Pictures()))
    assert {"test/accuracy", "test/accuracy_ci_low", "test/f1_macro", "test/ece", "temperature"} <= set(page.figures)
    assert page.figures == {key: METRICS[key] for key in page.figures}
    for shown in ("81.2 %", "71.0 %", "88.0 %", "83.3 %", "3.4 %", "1.25", METRICS["interval_note"]):
        assert shown in page.text, shown


def test_a_page_asks_the_network_for_nothing(tmp_path: Path) -> None:
    page = Page(run_page.write(finished_run(tmp_path), Pictures()))
    assert page.tags.count("img") > 12
    assert page.asks_for_nothing()
    assert "default-src 'none'" in page.source


def test_the_box_at_the_top_says_what_the_figure_promises_and_what_not(tmp_path: Path) -> None:
    page = Page(run_page.write(finished_run(tmp_path), None))
    box = page.source[page.source.index('class="box"') : page.source.index("</dl>")]
    for said in ("96 images of set:p1", "500 images for training", "a new person", "does not promise another camera"):
        assert said in box, said


def test_names_of_files_are_shown_as_text(tmp_path: Path) -> None:
    run = finished_run(tmp_path, {**METRICS, "holdout": f"set:{EVIL}", "model": EVIL}, name=f"0/{EVIL}.jpg")
    with (run / run_folder.PREDICTIONS).open(newline="") as stream:
        rows = list(csv.reader(stream))
    for row in rows[1:]:
        row[2] = EVIL
    write_csv(run / run_folder.PREDICTIONS, rows[0], rows[1:])
    page = Page(run_page.write(run, Pictures()))
    assert "<script>alert" not in page.source
    assert len(page.scripts) == 1
    assert "alert(1)" in page.text  # in words, not in code


def test_a_run_of_an_earlier_version_has_a_page_that_says_what_it_lacks(tmp_path: Path) -> None:
    new = ("handshape", "ece", "_ci_", "loss_cal", "answered", "temperature", "abstain", "interval")
    old = {key: value for key, value in METRICS.items() if not any(word in key for word in new)}
    page = Page(run_page.write(finished_run(tmp_path, old, old=True), None))
    assert "no intervals, no handshape accuracy, no calibrated probabilities" in page.text
    assert page.figures == {"test/accuracy": 0.8125, "test/f1_macro": 0.79, "test/accuracy_top3": 0.95}


def test_a_run_scored_elsewhere_shows_both_figures_and_what_each_leaks(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    assert "Here and elsewhere" not in Page(run_page.write(run, None)).text
    other = {"test/accuracy": 0.2345, "sources": f"far,{EVIL}", "split": "everything", "leaked_test_percent": None}
    write_json(run / "evaluations" / "far.json", {**METRICS, **other, "holdout": "", "test_images": 4321})
    write_json(run / "evaluations" / "as_trained.json", METRICS)
    page = Page(run_page.write(run, None))
    shown = page.text[page.text.index("Here and elsewhere") : page.text.index("What was trained, what")]
    assert shown.index("81.2 %") < shown.index("23.4 %")
    assert all(words in shown for words in ("split=signer, set:p1", "split=everything", "4,321", "not compared"))
    assert shown.count("0.0 %") == 1
    assert "<script>alert" not in page.source
    write_text(run / "evaluations" / "far.json", "{")
    with pytest.raises(UserError, match=r"far\.json is damaged"):
        run_page.write(run, None)


def test_a_page_without_pictures_says_why(tmp_path: Path) -> None:
    page = Page(run_page.write(finished_run(tmp_path), None, "No pictures, since they are gone."))
    assert "No pictures, since they are gone." in page.text
    assert "img" not in page.tags


def test_damaged_answers_are_one_sentence(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    write_text(run / run_folder.PREDICTIONS, "path,source\nx,y\n")
    with pytest.raises(UserError, match="damaged"):
        run_page.write(run, None)


@pytest.mark.parametrize("split", ["random", "group", "signer", "source", "everything"])
def test_every_protocol_says_in_one_sentence_what_it_does_not_promise(split: str) -> None:
    said = promise(Record.from_flat({"split": split, "holdout": "set:p1", "leaked_test_percent": 61.0}))
    assert said.count(".") == 1
    assert {"not", "nothing"} & set(said.split())
    assert ("61 %" in said) == (split == "random")


def sweep_folder(folder: Path, split: str, accuracies: dict[int, list[float]]) -> Path:
    """A multirun folder: stages trained → accuracy of each seed."""
    for stages, of_seed in accuracies.items():
        for seed, accuracy in enumerate(of_seed, start=1):
            run = folder / f"{stages}_{seed}"
            write_text(run / ".hydra" / "overrides.yaml", f"- freeze.k={stages - 1}\n- seed={seed}\n")
            own = {"stages_trained": stages, "seed": seed, "test/accuracy": accuracy, "seconds": 10.0 * stages}
            if seed == 1:  # the first run fills the cache for the others
                own |= {"seconds": own["seconds"] + 1000, "cache_fill_seconds": 1000.0}
            holdout = "set:p1" if split == "signer" else ""
            leaked = 50.0 + seed if split == "random" else 0.0
            own |= {"split": split, "holdout": holdout, "leaked_test_percent": leaked}
            write_json(run / run_folder.METRICS, {**METRICS, **own})
    return folder


def test_a_sweeps_page_shows_seen_and_unseen_signers_on_one_axis(tmp_path: Path) -> None:
    unseen = sweep_folder(tmp_path / "unseen", "signer", {1: [0.4, 0.5], 3: [0.7, 0.8]})
    seen = sweep_folder(tmp_path / "seen", "random", {1: [0.6], 3: [0.95]})
    write_text(unseen / "9_bad" / ".hydra" / "overrides.yaml", "- freeze.k=99\n- seed=1\n")
    write_text(unseen / "9_bad" / run_folder.FAILURE_FILE, f"{EVIL} is beyond this network\n")
    page = Page(sweep_page.write([unseen, seen], tmp_path / "report.html"))
    assert page.asks_for_nothing()
    chart = page.source[page.source.index('<svg class="chart"') : page.source.index("</svg>")]
    assert "unseen signers (split=signer, p1): 1 stages 45.0%, 3 stages 75.0%" in chart
    assert "seen signers (split=random) · leaks 51 %: 1 stages 60.0%, 3 stages 95.0%" in chart
    assert chart.count('class="bar"') == 2 * 3  # two means of two runs each have a spread
    assert "45.0 ± 7.1 %" in page.text
    assert "unseen signers (split=signer, p1): 10 s 45.0%, 30 s 75.0%" in page.source
    assert "95.0 %" in page.text
    assert "Failed: 9_bad" in page.text
    assert "<script>alert" not in page.source


def test_two_sweeps_are_one_table_and_one_plot_and_say_what_a_random_split_leaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unseen = sweep_folder(tmp_path / "unseen", "signer", {1: [0.4, 0.5], 3: [0.7, 0.8]})
    seen = sweep_folder(tmp_path / "seen", "random", {1: [0.6, 0.7], 3: [0.95, 0.97]})
    sweep.main([str(unseen), str(seen)])
    printed = capsys.readouterr().out
    assert "split=random: 51 to 52 % of the test images have a near-duplicate in training" in printed
    assert all(shown in printed for shown in ("45.0 ± 7.1", "65.0 ± 7.1", "signer", "random"))
    assert (unseen / "sweep.png").stat().st_size > 5000
    rows = list(csv.DictReader((unseen / "sweep.csv").open(newline="")))
    shown = [(row["split"], row["stages_trained"], row["leaked_test_percent_mean"]) for row in rows]
    assert shown == [("signer", "1", "0"), ("signer", "3", "0"), ("random", "1", "51.5"), ("random", "3", "51.5")]
    assert not (seen / "sweep.csv").exists()


def test_a_sweep_without_a_finished_run_still_has_a_page(tmp_path: Path) -> None:
    write_text(tmp_path / "0_k-1" / ".hydra" / "overrides.yaml", "- freeze.k=1\n")
    page = Page(sweep_page.write([tmp_path], tmp_path / "report.html"))
    assert "Unfinished: 0_k-1" in page.text


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.39, 0.86), (1e-5, 3e-5), (5.0, 5.0), (-3.0, 400.0)])
def test_ticks_are_round_few_and_enclose_the_values(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert marks[0] <= low <= high <= marks[-1]
    assert 3 <= len(marks) <= 9
    assert np.allclose(np.diff(marks), marks[1] - marks[0])


def test_a_browser_shows_a_runs_page_without_an_error_and_sorts_its_table(chromium: str, tmp_path: Path) -> None:
    file = run_page.write(finished_run(tmp_path / "run"), Pictures())
    shown = shown_on_a_phone(chromium, file, tmp_path, "document.querySelector('table.sortable th button').click()")
    table = shown[shown.index('class="sortable"') :]
    assert 'aria-sort="ascending"' in table
    assert table.index('<th scope="row">0') < table.index('<th scope="row">9') < table.index('<th scope="row">A')


def test_a_browser_shows_a_sweeps_page_without_an_error_and_sorts_its_table_by_figures(
    chromium: str, tmp_path: Path
) -> None:
    unseen = sweep_folder(tmp_path / "unseen", "signer", {1: [0.4, 0.5], 3: [0.7, 0.8]})
    seen = sweep_folder(tmp_path / "seen", "random", {1: [0.6], 3: [0.95]})
    file = sweep_page.write([unseen, seen], tmp_path / "report.html")
    by_accuracy = "[...document.querySelectorAll('table.sortable th')].find(th => th.textContent == 'accuracy')"
    shown = shown_on_a_phone(chromium, file, tmp_path, f"{by_accuracy}.querySelector('button').click()")
    table = shown[shown.index('table class="sortable') :]
    places = [table.index(accuracy) for accuracy in ("45.0 ±", "60.0", "75.0 ±", "95.0")]
    assert places == sorted(places)
