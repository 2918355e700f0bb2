"""Without `run=` the network in the box reads, and says so; what reads found hands goes out with its finder."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from rich.console import Console

from src import export, predict
from src.errors import UserError
from src.inference import handing_out
from src.inference.box import IN_THE_BOX
from src.inference.recognizer import About, OnnxRecognizer, open_recognizer
from src.runs.recorded import CONFIG
from tests.inference.stand_ins import about


def test_without_a_run_the_box_reads_and_is_named_in_one_line(images: Path, door: Callable, tmp_path: Path) -> None:
    run = door(predict.main, f"input={images}", f"output={tmp_path}/found.json")
    assert run.status == 0, run.err
    assert sum("network in the box" in line and IN_THE_BOX.name in line for line in run.out.splitlines()) == 1
    assert json.loads((tmp_path / "found.json").read_text())["model"] == IN_THE_BOX.name
    assert "network in the box" not in door(predict.main, f"run={IN_THE_BOX}", f"input={images}").out


def test_without_a_run_the_box_is_copied_out(door: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, file in (((), tmp_path / IN_THE_BOX.name), (("output=mine.onnx",), tmp_path / "mine.onnx")):
        run = door(export.main, *arguments)
        assert run.status == 0, run.err
        assert file.read_bytes() == IN_THE_BOX.read_bytes()
        assert f"written to {file.name}" in run.out
        found = file.with_name(f"{file.stem}.finder.onnx").is_file()
        assert found == (open_recognizer(IN_THE_BOX).about.crop == "hand")


@pytest.mark.parametrize("crop", ["hand", "none"])
def test_the_finder_goes_out_with_what_reads_found_hands_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], crop: str
) -> None:
    (tmp_path / "boxed.onnx").write_bytes(b"a finder")
    monkeypatch.setattr(handing_out, "FINDER", tmp_path / "boxed.onnx")
    known: About = replace(about(crop), crop_margin=1.4)
    handing_out.put_finder_beside(tmp_path / "model.onnx", known, Console(width=300))
    beside = tmp_path / "model.finder.onnx"
    assert beside.is_file() == (crop == "hand")
    said = capsys.readouterr().out
    assert ("1.4 × the longer side" in said) == (crop == "hand")


def test_a_run_knows_from_its_config_whether_it_reads_found_hands(cnn_run: Path, tmp_path: Path) -> None:
    assert open_recognizer(cnn_run).about.crop == "none"
    run = Path(shutil.copytree(cnn_run, tmp_path / "run"))
    config = (run / CONFIG).read_text()
    (run / CONFIG).write_text(
        config.replace("crop: none", "crop: hand").replace("crop_margin: 1.5", "crop_margin: 1.7")
    )
    known = open_recognizer(run).about
    assert (known.crop, known.crop_margin) == ("hand", 1.7)


def test_a_file_knows_it_from_its_metadata_and_an_earlier_one_reads_whole_frames(tmp_path: Path) -> None:
    model = onnx.load(IN_THE_BOX)
    for crop, margin, understood in (("hand", "1.7", True), (None, None, True), ("foot", "1.5", False)):
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        values = {entry.key: entry.value for entry in model.metadata_props if not entry.key.startswith("crop")}
        values |= {"crop": crop, "crop_margin": margin} if crop else {}
        onnx.helper.set_model_props(changed, values)
        onnx.save(changed, tmp_path / "changed.onnx")
        if understood:
            known = OnnxRecognizer(tmp_path / "changed.onnx").about
            assert (known.crop, known.crop_margin) == ((crop, 1.7) if crop else ("none", 1.5))
        else:
            with pytest.raises(UserError, match="was not written by"):
                OnnxRecognizer(tmp_path / "changed.onnx")


def test_the_box_is_small_enough_to_be_given_away() -> None:
    files = [IN_THE_BOX, *handing_out.FINDER.parent.glob("*.onnx")]
    assert sum(file.stat().st_size for file in files) <= 12e6
