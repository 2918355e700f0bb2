"""Records are read as they were written, and a file that is not one is refused in a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from src.errors import UserError
from src.nets import RANDOM_START
from src.runs.folder import AS_TRAINED, EVALUATIONS, LAST, METRICS
from src.runs.record import VERSION, Record, read_evaluations, read_run
from src.storage.files import write_json, write_text
from tests.runs.records import RUN, evaluation_record, run_record


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = run_record(
        holdout=("set:p1", "set:p2"), split_notes="A note, with a comma.", leaked_test_percent=None, val={}
    )
    record.write(tmp_path / METRICS)
    assert read_run(tmp_path) == record
    other = evaluation_record(intervals={"accuracy": None, "handshape_accuracy": (0.1, 0.2)}, seen_in_training=7)
    other.write(tmp_path / EVALUATIONS / "far.json")
    other.write(tmp_path / EVALUATIONS / f"{AS_TRAINED}.json")  # the run's own test, which its record holds already
    assert read_evaluations(tmp_path) == [other]


def test_the_file_is_flat_and_carries_its_version(tmp_path: Path) -> None:
    run_record(holdout=("set:p1", "set:p2")).write(tmp_path / METRICS)
    values = json.loads((tmp_path / METRICS).read_text())
    assert values["version"] == VERSION
    assert (values["test/accuracy"], values["test/accuracy_ci_low"], values["val/accuracy"]) == (0.8125, 0.71, 0.84)
    assert (values["holdout"], values["stages_trained_names"]) == ("set:p1,set:p2", "conv1+neck+head")
    assert not any(isinstance(value, dict | list) for value in values.values())


def test_a_figure_without_an_interval_has_none() -> None:
    record = run_record(intervals={"accuracy": None, "handshape_accuracy": (0.1, 0.2)})
    assert [record.interval(name) for name in ("accuracy", "handshape_accuracy", "loss")] == [None, (0.1, 0.2), None]


def test_any_number_is_found_by_its_key_in_the_file() -> None:
    assert (RUN.figure("test/accuracy"), RUN.figure("val/accuracy"), RUN.figure("seconds")) == (0.8125, 0.84, 12.5)
    assert RUN.figure("test/of_a_metric_that_this_run_did_not_have") is None


def test_only_a_network_without_trained_weights_started_from_random() -> None:
    assert run_record(weights=RANDOM_START).started_from_random
    for weights in ("hands", "imagenet (mobilenetv2_100)", "none.safetensors"):
        assert not run_record(weights=weights).started_from_random


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": None}, "version none"),
        ({"version": VERSION + 1}, f"version {VERSION + 1}, this one reads {VERSION}"),
        ({"test_images": "many"}, r"damaged \(test_images"),
        ({"test/accuracy": "good"}, r"damaged \(test/accuracy"),
        ({"holdout": 3}, r"damaged \(holdout"),
        ({"seed": None}, r"damaged \(seed"),
    ],
)
def test_a_record_of_another_version_or_with_a_wrong_value_is_one_sentence(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    write_json(tmp_path / METRICS, {**RUN.flat(), **change})
    with pytest.raises(UserError, match=said):
        read_run(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 1, "test/accuracy": 0.5}'])
def test_a_damaged_record_is_one_sentence(tmp_path: Path, text: str) -> None:
    write_text(tmp_path / METRICS, text)
    with pytest.raises(UserError, match="damaged"):
        read_run(tmp_path)
    write_text(tmp_path / EVALUATIONS / "far.json", text)
    with pytest.raises(UserError, match=r"far\.json is damaged.*score the run there again"):
        read_evaluations(tmp_path)


def test_a_folder_without_a_record_is_no_run_or_one_that_has_not_finished(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not the folder of a finished run"):
        read_run(tmp_path)
    write_text(tmp_path / LAST, "")
    with pytest.raises(UserError, match="has not finished"):
        read_run(tmp_path)


def test_what_an_exported_network_says_of_itself_is_read_as_far_as_it_goes() -> None:
    record = Record.from_flat({"test/accuracy": 0.5, "split": "signer", "holdout": "set:p1", "of tomorrow": [1]})
    assert (record.test, record.split, record.holdout) == ({"accuracy": 0.5}, "signer", ("set:p1",))
    assert (record.sources, record.leaked_test_percent, record.interval("accuracy")) == ((), None, None)
    assert Record.from_flat(RUN.flat()).interval("accuracy") == (0.71, 0.88)
    with pytest.raises(ValueError, match="split"):
        Record.from_flat({"split": 3})
