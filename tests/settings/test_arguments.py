"""What a door makes of its command line: values, ranges, help, and a sentence for every mistake."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest

from src.errors import UserError
from src.settings.arguments import POSITIONAL, OfRuns, as_paths, parse, passed_on, run_door
from src.settings.composing import parsed_overrides
from src.settings.options import Field, settings


@settings
class Door(OfRuns):
    run: Path = Field(title="run folder", description="whose network")
    text: str | None = Field(None, description="anything")
    rate: float = Field(15, ge=1, le=60, description="frames a second")
    kind: Literal["test", "rendered"] = Field("test", description="which hands")
    speeds: tuple[Annotated[float, Field(ge=0.1)], ...] = Field((0.4, 0.7), description="seconds a letter")
    sweep: tuple[Path, ...] = Field((), description="may be given several times")
    overrides: tuple[str, ...] = passed_on("datamodule", "split.seed", description="of the run")


@settings
class Folders:
    folders: tuple[Path, ...] = Field((), description="one or several", json_schema_extra=POSITIONAL)


@settings
class Everything(OfRuns):
    output: Path | None = Field(None, description="where to")
    overrides: tuple[str, ...] = passed_on(description="as for training")


def test_values_have_the_types_and_defaults_that_the_door_declares() -> None:
    given = parse(Door, ["run=a/b", "rate=20", "speeds=[0.5, 1]", "kind=rendered"])
    assert (given.run, given.rate, given.speeds, given.kind) == (Path("a/b"), 20.0, (0.5, 1.0), "rendered")
    assert (given.text, given.sweep, given.overrides) == (None, (), ())


@pytest.mark.parametrize("text", ["two words", "a,b", "a=b=c", 'it\'s "quoted"', "[x]", "--help", "100%", "ü"])
def test_a_text_arrives_as_it_was_written(text: str) -> None:
    assert parse(Door, ["run=x", f"text={text}"]).text == text
    assert parse(Door, [f"run={text}"]).run == Path(text)


def test_of_equal_keys_the_last_counts_and_paths_in_a_row_are_all_kept() -> None:
    given = parse(Door, ["run=a", "sweep=one, two", "run=b", "sweep=three"])
    assert (given.run, given.sweep) == (Path("b"), (Path("one, two"), Path("three")))
    assert parse(Folders, ["a", "b=c"]).folders == (Path("a"), Path("b=c"))


def test_settings_of_a_run_are_handed_on_as_they_are() -> None:
    settings = ["datamodule.sources=[a,b]", "datamodule=x", "+datamodule.new=1", "split.seed=2"]
    assert parse(Door, ["run=x", *settings]).overrides == tuple(settings)
    assert parse(Everything, ["+study=recipe", "seed=3", "output=x"]).overrides == ("+study=recipe", "seed=3")


@pytest.mark.parametrize("path", ["a b,c=d", "it's", "~/x", "[y]", "a\\b"])
def test_a_path_is_handed_on_so_that_the_config_takes_it_literally(path: str) -> None:
    assert parsed_overrides(as_paths([f"datamodule.root={path}"])) == {"datamodule.root": path}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "run has no value"),
        (["run="], "run= has no value"),
        (["run=x", "rate=0"], "rate=0 is out of range"),
        (["run=x", "rate=nan"], "rate=nan is out of range"),
        (["run=x", "rate=fast"], "rate=fast is not understood"),
        (["run=x", "kind=rendred"], r"not an option \(did you mean 'rendered'\?\): choose from test, rendered"),
        (["run=x", "speeds=1,0"], "0 is out of range"),
        (["run=x", "txet=1"], "did you mean 'text'"),
        (["run=x", "--text=1"], "'--text=1' is not understood"),
        (["run=x", "word"], "'word' is not understood"),
        (["run=x", "split.name=y"], "of a run's settings only datamodule, split.seed can"),
        (["run=x", "plugins=[no_such_module]"], "no_such_module"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        parse(Door, arguments)
    assert "\n" not in str(caught.value)


def test_a_mistyped_argument_of_a_door_that_takes_every_setting_is_not_taken_for_one() -> None:
    with pytest.raises(UserError, match="did you mean 'output'"):
        parse(Everything, ["ouput=x"])


def test_a_mistake_has_status_2_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["door", "rate=3"])
    with pytest.raises(SystemExit) as ended:
        run_door(lambda arguments: print(parse(Door, arguments)))
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: run has no value: give one with run=….\n"


def test_help_has_a_line_an_argument_with_default_and_range(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(Door, ["rate=wrong", "--help"])
    assert not ended.value.code
    lines = {line.split()[0]: " ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert lines["run=<run"] == "run=<run folder> whose network (needed)"
    assert lines["rate=<number>"] == "rate=<number> frames a second (default 15, from 1 to 60)"
    assert lines["kind=test|rendered"] == "kind=test|rendered which hands (default test)"
    assert lines["speeds=<number>,…"] == "speeds=<number>,… seconds a letter (default 0.4,0.7, at least 0.1)"
    assert lines["<setting>=<value>"].endswith("of the run (settings of datamodule, split.seed)")
    assert lines["What"] == __doc__


def test_a_users_module_is_imported_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_module.py").write_text("from pathlib import Path\nPath(__file__).with_name('seen').touch()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match="rate=0"):
        parse(Door, ["run=x", "rate=0", "plugins=[my_own_module]"])
    assert (tmp_path / "seen").is_file()
