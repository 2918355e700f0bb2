"""Every protocol says what its figure promises, and sweeps of one protocol are one line."""

import pytest

from src.evaluation.lines import leak_range, lines_of
from src.evaluation.promises import leak, line_name, promise
from src.runs.sweeps import Configuration
from tests.runs.records import run_record

PROTOCOLS = ["random", "group", "signer", "source", "everything"]


@pytest.mark.parametrize("split", PROTOCOLS)
def test_every_protocol_says_in_one_sentence_what_it_does_not_promise(split: str) -> None:
    said = promise(run_record(split=split, leaked_test_percent=61.0))
    assert said.count(".") == 1
    assert {"not", "nothing"} & set(said.split())
    assert ("61 %" in said) == (split == "random")


def test_a_protocol_of_somebody_elses_promises_nothing() -> None:
    record = run_record(split="by_camera")
    assert "split=by_camera" in promise(record)
    assert line_name(record) == "by_camera (split=by_camera, p1)"


def test_how_many_people_were_held_out_is_said() -> None:
    assert "on one person" in promise(run_record(holdout=("set:p1",)))
    assert "on 3 people" in promise(run_record(holdout=("set:p1", "set:p2", "set:p3")))


def test_only_what_leaks_is_said_to() -> None:
    assert leak(run_record(leaked_test_percent=61.2)) == ", 61% of the test images with a near-duplicate in training"
    assert leak(run_record(leaked_test_percent=0.0)) == leak(run_record(leaked_test_percent=None)) == ""
    assert leak_range([58.0, 61.0]) == "58 to 61 %"
    assert leak_range([61.0, 61.0]) == "61 %"
    assert leak_range([0.0, 0.0]) == ""


def test_configurations_of_one_protocol_are_one_line_in_the_order_of_their_stages() -> None:
    seen = {"split": "random", "holdout": (), "leaked_test_percent": 51.0}
    deep = Configuration({"freeze.k": "4"}, [run_record(stages_trained=5, seed=seed) for seed in (1, 2)])
    head = Configuration({"freeze.k": "0"}, [run_record(stages_trained=1)])
    leaking = Configuration({"split": "random"}, [run_record(**seen)])
    empty = Configuration({"freeze.k": "9"}, failed={"9": "too deep"})
    one, other = lines_of([deep, leaking, head, empty])
    assert (one.name, one.members) == ("unseen signers (split=signer, p1)", [head, deep])
    assert (other.name, other.members) == ("seen signers (split=random) · leaks 51 %", [leaking])


def test_another_signer_for_every_seed_is_still_one_line_and_another_model_is_another() -> None:
    drawn = Configuration({}, [run_record(holdout=(f"set:p{seed}",)) for seed in (1, 2)])
    assert [line.name for line in lines_of([drawn])] == ["unseen signers (split=signer)"]
    models = [Configuration({"model": name}, [run_record(model=name)]) for name in ("cnn", "mobilenetv2")]
    assert [line.name for line in lines_of(models)] == [
        "cnn · unseen signers (split=signer, p1)",
        "mobilenetv2 · unseen signers (split=signer, p1)",
    ]
