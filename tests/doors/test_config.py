"""The command line: what composes, and what fails in one sentence before torch is imported."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from src import train
from src.learning.run_settings import compose
from src.settings.composing import CONF, PROJECT, STUDIES, compose_config
from src.settings.naming import run_name
from src.settings.options import Option

GROUPS = sorted(folder.name for folder in CONF.iterdir() if folder.is_dir() and folder.name != "hydra")
OPTIONS = [f"{group}={file.stem}" for group in GROUPS for file in sorted((CONF / group).glob("*.yaml"))]
RECIPES = sorted(file.relative_to(STUDIES) for file in STUDIES.glob("*/*.yaml"))


def load(file: Path) -> dict[str, Any]:
    """A yaml as plain values."""
    values: Any = OmegaConf.to_container(OmegaConf.load(file))
    return values


NEEDS_MORE = {
    "model=timm": ["model.name=resnet18"],
    "split=source": ["datamodule.sources=[sign_digits,asl_dataset]", "split.holdout=[sign_digits]"],
}


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_and_its_file_names_every_setting_that_it_has(option: str) -> None:
    more = NEEDS_MORE.get(option, [])
    group = option.partition("=")[0]
    section = compose_config([option, *more])[group]
    made = getattr(compose([option, *more]), group)
    if isinstance(made, Option):
        assert set(section) == {"_target_", *(one.name for one in fields(made))}


def leaves(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every value of a nested mapping by its dotted key."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_a_recipe_decides_every_setting_that_it_names_and_is_valid(recipe: Path) -> None:
    override = f"+{recipe.parent}={recipe.stem}"
    compose([override])
    said = leaves({key: one for key, one in load(STUDIES / recipe).items() if key not in ("defaults", "hydra")})
    assert said
    composed, usual = leaves(compose_config([override])), leaves(compose_config())
    assert {key: composed[key] for key in said} == said
    assert composed != usual


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["optmizer.lr=1"], "optmizer.lr is not a setting (did you mean 'optimizer.lr'?)"),
        (["freeze.kk=1"], "freeze.kk is not a setting (did you mean 'freeze.k'?)"),
        (["freeze=all", "freeze.k=1"], "freeze.k is not a setting of the chosen freeze"),
        (["+optimizer.zoo=1"], "optimizer.zoo is not a setting"),
        (["model=cn"], "model=cn is not an option (did you mean 'cnn'?): choose from cnn, mobilenetv2, timm."),
        (["-m", "hydra/launcher=nowhere"], "pip install -e .[launchers] brings more."),
        (["logger=null"], "logger=none is for no logger"),
        (["logger=csb"], "logger=csb is not an option (did you mean 'csv'?)"),
        (["+trainer.fast_dev_run=true"], "trainer.fast_dev_run is given by this project itself: use trainer=smoke"),
        (["freeze._target_=nowhere.Policy"], "(No module named 'nowhere'): is its folder in PYTHONPATH?"),
        (["optimizer.lr=fast"], "optimizer.lr=fast is not understood: it must be a valid number"),
        (["seed=1.5"], "seed=1.5 is not understood: it must be a valid integer"),
        (["optimizer.lr=-1"], "optimizer.lr=-1 is out of range: it must be greater than 0"),
        (["freeze.k=-1"], "freeze.k=-1 is out of range: it must be at least 0."),
        (["datamodule.sources=[asl_datset]"], "asl_datset"),
        (["datamodule.sources=[]"], "datamodule.sources is empty"),
        (["datamodule.sources=asl_dataset"], "datamodule.sources is a list: write datamodule.sources=[…]"),
        (["datamodule.sources=[folder]"], "needs datamodule.folder="),
        (["datamodule.signs=[A,AB]"], "'AB' is not one of the 36 signs"),
        (["split=random", "split.holdout=[hand1]"], "split=random holds out no names"),
        (["split=source"], "split=source needs split.holdout"),
        (["split=source", "split.holdout=[finger_letters]"], "'finger_letters', which is not in datamodule.sources"),
        (["split.test_fraction=0.6", "split.validation_fraction=0.5"], "leave nothing to train on"),
        (["freeze=lp_ft", "freeze.head_epochs=12"], "leaves no epoch for fine-tuning"),
        (["model=timm"], "model.name has no value"),
        (["model.weights=nowhere.safetensors"], "there is no such file"),
        (["model.weights=resnet"], "model.weights=resnet is not understood"),
        (["model=cnn", "model.weights=imagenet"], "does not exist for model=cnn"),
        (["trainer.precision=int4"], "trainer.precision=int4 is not an option"),
        (["optimizer.lr=nan"], "optimizer.lr=nan is out of range"),
        (["model=cnn", "model.filters=[0]"], "each with at least one filter"),
        (["model.name=resnet18"], "use model=timm model.name=resnet18"),
        (["trainer.devices=two"], "trainer.devices=two is not understood"),
        (["trainer=cpu", "trainer.precision=16-mixed"], "needs a GPU"),
        (["scheduler=plateau", "scheduler.interval=step"], "once an epoch"),
        (["split=source", "split.holdout=[rendered]"], "leaves no source to train on"),
        (["resume=nowhere"], "is not a run's folder"),
        (
            ["+trainer.acumulate_grad_batches=2"],
            "nor an argument of Lightning's Trainer (did you mean 'accumulate_grad_",
        ),
        (["+trainer.callbacks=[x]"], "trainer.callbacks is given by this project itself: use callbacks="),
        (
            ["freeze._target_=src.learning.freezing.Nope"],
            "freeze._target_=src.learning.freezing.Nope cannot be imported",
        ),
        (["freeze._target_=pathlib.Path"], "freeze._target_=pathlib.Path is no FreezePolicy"),
        (["+callbacks.mine.patience=3"], "callbacks.mine needs a _target_"),
        (["plugins=[nowhere_to_be_found]"], "plugins names nowhere_to_be_found, which cannot be imported"),
        (["nonsense"], "The command line was not understood"),
    ],
)
def test_a_mistake_ends_in_one_sentence_before_torch_is_imported(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "src.learning.training", None)  # importing it would be the work's beginning
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["src.train", *arguments])
    with pytest.raises(SystemExit) as stop:
        train.main(arguments)
    said = capsys.readouterr().err.strip()
    assert stop.value.code == 2
    assert sentence in said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    leftover = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert leftover == []


def test_the_cnn_trains_from_scratch_unfrozen_unless_asked_otherwise() -> None:
    assert compose(["model=cnn", "trainer.max_epochs=3"]).freeze.slug == "none"
    assert compose(["model=cnn", "freeze=all"]).freeze.slug == "all"
    assert compose(["freeze=all", "model=cnn"]).freeze.slug == "all"
    assert compose(["model=mobilenetv2"]).freeze.slug == "top_k"


def test_a_run_folder_can_be_given_as_the_value_of_a_setting(tmp_path: Path) -> None:
    run = tmp_path / run_name("freeze.k=2,seed=3,datamodule.sources=[a,b]")
    run.mkdir()
    (run / "best.ckpt").touch()
    assert compose([f"model.weights={run}/best.ckpt"]).model.weights == f"{run}/best.ckpt"


def in_a_new_process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["--cfg", "job"], ["optmizer.lr=1"], ["datamodule.sources=[nope]"]])
def test_help_and_config_mistakes_never_import_torch(arguments: list[str], tmp_path: Path) -> None:
    finished = in_a_new_process(
        "import sys, atexit\n"
        "atexit.register(lambda: print('torch' in sys.modules or 'cv2' in sys.modules, file=sys.stderr))\n"
        f"sys.argv = ['src.train', *{arguments!r}]\n"
        "import runpy; runpy.run_module('src.train', run_name='__main__')\n"
    )
    assert finished.stderr.strip().splitlines()[-1] == "False"


@pytest.mark.parametrize("door", ["evaluate", "prepare", "sweep"])
def test_every_door_explains_itself_without_torch(door: str) -> None:
    finished = in_a_new_process(
        f"import sys; sys.argv = ['src.{door}', '--help']\n"
        f"import runpy; runpy.run_module('src.{door}', run_name='__main__', alter_sys=True)\n"
        "assert 'torch' not in sys.modules\n"
    )
    assert finished.returncode == 0, finished.stderr
    assert f"python -m src.{door}" in finished.stdout


def test_run_folders_are_named_by_what_was_changed() -> None:
    assert run_name("freeze.k=2,seed=3") == "k-2__seed-3"
    assert run_name("model.weights=/a/b/c.safetensors,datamodule.sources=[x,y]") == "weights-c.safetensors__sources-x+y"
    assert run_name("+frozen_layers=seen") == "default"
    assert "/" not in run_name("datamodule.root=../../x y")
    long = run_name(",".join(f"augmentation.transforms{n}=something" for n in range(20)))
    assert len(long) < 140
    assert long != run_name(",".join(f"augmentation.transforms{n}=something" for n in range(21)))


def test_two_commands_of_the_same_second_do_not_share_a_folder() -> None:
    code = (
        "from src.settings.composing import register_resolvers; register_resolvers()\n"
        "from omegaconf import OmegaConf; print(OmegaConf.create({'x': '${unique:}'}).x)\n"
    )
    assert in_a_new_process(code).stdout != in_a_new_process(code).stdout
