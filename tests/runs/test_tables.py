"""Tables are read as they were written, and a damaged one is a sentence."""

from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.runs.tables import (
    ClassScore,
    GroupScore,
    PredictionTable,
    StageRow,
    read_predictions,
    read_rows,
    read_split,
    write_predictions,
    write_rows,
    write_split,
)
from src.sources.records import Finding
from src.storage.files import write_text

FROZEN = StageRow("stem", 928, None, 1, 0.0, "ff19", "ff19")
TRAINED = StageRow("head", 46, 3, 0, 0.000123)


@pytest.mark.parametrize(
    "rows",
    [
        [FROZEN, TRAINED],
        [ClassScore("A", 10, 8, 0.875, 0.7, 0.777778)],
        [
            GroupScore("signer", "set:p1", 9, 0.5, 0.25, 0.75, "signers", 5),
            GroupScore("source", "s", 1, 1, None, None, "", 1),
        ],
        [Finding("A/1.jpg", "set", "not an image, it seems", False), Finding("A/2.jpg", "set", "turned", True)],
    ],
)
def test_rows_are_read_as_they_were_written(tmp_path: Path, rows: list[object]) -> None:
    write_rows(tmp_path / "table.csv", type(rows[0]), rows)
    assert read_rows(tmp_path / "table.csv", type(rows[0])) == rows


def test_a_stage_that_never_learns_is_called_frozen(tmp_path: Path) -> None:
    write_rows(tmp_path / "stages.csv", StageRow, [FROZEN, TRAINED])
    header, first, second = (tmp_path / "stages.csv").read_text().splitlines()
    assert header == "stage,parameters,trained_from_epoch,batch_norms,learning_rate,sha256_before,sha256_after"
    assert (first, second) == ("stem,928,frozen,1,0,ff19,ff19", "head,46,3,0,0.000123,,")


def test_a_table_that_is_not_there_has_no_rows_and_a_damaged_one_is_one_sentence(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "stages.csv", StageRow) == []
    write_text(tmp_path / "stages.csv", "stage,parameters\nstem,many\n")
    with pytest.raises(UserError, match=r"stages\.csv is damaged"):
        read_rows(tmp_path / "stages.csv", StageRow)


def test_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    table = PredictionTable(
        paths=["0/a, b.jpg", "Z/ü.jpg"],
        sources=np.array(["set", "far"], dtype=object),
        signers=np.array(["set:p:1", ""], dtype=object),
        groups=np.array([3, 7]),
        labels=np.array([0, 35]),
        predicted=np.array([0, 2]),
        probability=np.array([0.75, 0.5]),
        uncalibrated=np.array([0.875, 0.25]),
    )
    file = tmp_path / "predictions.csv"
    write_predictions(file, table)
    again = read_predictions(file)
    for column in PredictionTable.__dataclass_fields__:
        assert list(getattr(again, column)) == list(getattr(table, column)), column
    assert again.names == ["set/0/a, b.jpg", "far/Z/ü.jpg"]
    assert again.correct.tolist() == [True, False]


@pytest.mark.parametrize(
    "text", ["path,source\nx,y\n", "path,source,signer,group,label,prediction,probability\na,b,,1,?,A,1\n"]
)
def test_damaged_predictions_are_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "predictions.csv"
    write_text(file, text)
    with pytest.raises(UserError, match="damaged"):
        read_predictions(file)
    with pytest.raises(UserError, match="holds no predictions"):
        read_predictions(tmp_path / "elsewhere.csv")


def test_a_split_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_split(tmp_path, [("set/a.jpg", "train"), ("set/b.jpg", "test")])
    assert read_split(tmp_path) == {"set/a.jpg": "train", "set/b.jpg": "test"}
    with pytest.raises(UserError, match=r"not a run's folder"):
        read_split(tmp_path / "elsewhere")
