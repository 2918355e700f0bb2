"""A multirun's folder, gathered by everything but the seed."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.errors import UserError
from src.runs.folder import FAILURE_FILE, METRICS
from src.runs.sweeps import mean_sd, read_sweep
from src.storage.files import write_text
from tests.runs.records import run_record


def job(folder: Path, overrides: list[str], **record: Any) -> Path:
    """A folder as a job of a multirun leaves it; without a record it has not finished."""
    write_text(folder / ".hydra" / "overrides.yaml", "".join(f"- {override}\n" for override in overrides))
    if record:
        run_record(**record).write(folder / METRICS)
    return folder


def test_the_deviation_is_that_of_a_sample_and_one_value_has_none() -> None:
    assert mean_sd([1.0, 2.0, 4.0]) == pytest.approx((7 / 3, np.std([1, 2, 4], ddof=1)))
    assert mean_sd([0.5]) == (0.5, 0.0)
    assert all(math.isnan(value) for value in mean_sd([]))


def test_runs_that_differ_in_their_seed_alone_are_one_configuration(tmp_path: Path) -> None:
    for k, seed in ((4, 1), (4, 2), (0, 1), (0, 2)):
        filled = 100.0 if seed == 1 else 0.0  # the first run fills the cache for the others
        took = {"seconds": 10.0 + filled, "cache_fill_seconds": filled}
        overrides = [f"freeze.k={k}", f"seed={seed}", "model=cnn"]
        figures = {"accuracy": round(k / 10 + seed / 100, 2)}
        job(tmp_path / f"{k}_{seed}", overrides, stages_trained=k + 1, seed=seed, test=figures, **took)
    head, deep = read_sweep(tmp_path)
    assert (head.settings, deep.name) == ({"freeze.k": "0"}, "freeze.k=4")
    assert (head.stages_trained, deep.stages_trained) == (1, 5)
    assert deep.values("test/accuracy") == [0.41, 0.42]
    assert deep.values("test/of_another_run") == []
    assert deep.seconds == [10.0, 10.0]


def test_failed_and_unfinished_jobs_are_kept_with_their_reasons(tmp_path: Path) -> None:
    write_text(job(tmp_path / "0", ["freeze.k=9"]) / FAILURE_FILE, "freeze.k=9 is too deep\nmore\n")
    write_text(
        job(tmp_path / "1", ["freeze.k=8"]) / FAILURE_FILE, "Traceback (most recent call last):\n…\nOSError: no\n"
    )
    job(tmp_path / "2", ["freeze.k=7"])
    write_text(job(tmp_path / "3", ["freeze.k=6"]) / METRICS, "{")
    found = {one.settings["freeze.k"]: one for one in read_sweep(tmp_path)}
    assert found["9"].failed == {"0": "freeze.k=9 is too deep"}
    assert found["8"].failed == {"1": "OSError: no"}
    assert found["7"].unfinished == ["2"]
    assert "damaged" in found["6"].failed["3"]


def test_a_folder_without_runs_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not there"):
        read_sweep(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="none of its folders holds a run"):
        read_sweep(tmp_path)
