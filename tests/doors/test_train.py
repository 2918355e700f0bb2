"""`python -m src.train`: what a run leaves, sweeps, and scoring again."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from src import evaluate, prepare, sweep
from src.learning.run_settings import compose
from src.settings.composing import STUDIES
from src.signs.labels import SIGNS
from tests.conftest import TINY, TINY_CNN, TINY_MOBILENET

RECIPES = sorted(file.relative_to(STUDIES) for file in STUDIES.glob("*/*.yaml"))
METRICS = {
    "test/accuracy", "test/f1_macro", "test/accuracy_top3", "test/loss", "val/accuracy", "val/f1_macro", "split",
    "holdout", "sources", "train_images", "test_images", "stages_trained", "parameters_trained", "seed", "seconds",
    "images_per_second", "commit", "machine", "precision", "frozen_unchanged",
}  # fmt: skip


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_run_leaves_its_config_checkpoints_figures_and_predictions(train_door: Any) -> None:
    run = train_door(*TINY_CNN, "split=signer", "split.holdout=[hand4]")
    assert run.status == 0, run.err
    assert set(run.metrics) >= METRICS
    assert (run.metrics["split"], run.metrics["holdout"]) == ("signer", "asl_dataset:hand4")
    assert all(not isinstance(value, (dict, list)) for value in run.metrics.values())
    assert (run.folder / ".hydra" / "config.yaml").is_file()
    assert {file.name for file in (run.folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    predictions = rows(run.folder / "predictions.csv")
    assert list(predictions[0]) == [
        "path", "source", "signer", "group", "label", "prediction", "probability", "uncalibrated"
    ]  # fmt: skip
    assert len(predictions) == run.metrics["test_images"] == 72
    assert {row["signer"] for row in predictions} == {"hand4"}
    right = sum(row["label"] == row["prediction"] for row in predictions)
    assert right / 72 == pytest.approx(run.metrics["test/accuracy"], abs=1e-6)
    parts = {row["image"]: row["part"] for row in rows(run.folder / "split.csv")}
    assert {image for image, part in parts.items() if part == "test"} == {
        f"asl_dataset/{r['path']}" for r in predictions
    }
    assert "Stages, input to head" in run.out
    assert run.out.index("Stages, input to head") < run.out.index("Result on asl_dataset, split=signer")


def test_tensorboard_shows_curves_stages_rates_inputs_confusions_mistakes_and_hyperparameters(train_door: Any) -> None:
    run = train_door(*TINY_MOBILENET, "freeze=gradual", "trainer.max_epochs=3")
    events = EventAccumulator(str(run.folder)).Reload()
    scalars, images = set(events.Tags()["scalars"]), set(events.Tags()["images"])
    assert scalars >= {"train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/f1_macro"}
    trained = {
        tag: [point.value for point in events.Scalars(tag)] for tag in scalars if tag.startswith("stage_trained/")
    }
    assert trained["stage_trained/09_head"] == [1, 1, 1]
    assert trained["stage_trained/08_neck"] == [0, 1, 1]
    assert trained["stage_trained/00_stem"] == [0, 0, 0]
    assert events.Scalars("learning_rate/00_stem")[0].value == 0
    assert images == {"inputs/augmentation=light", "test/confusion_matrix_percent", "test/worst_mistakes"}
    assert any("hparams" in tag for tag in events.summary_metadata)


def test_a_run_scored_again_gives_the_same_figure(train_door: Any, capsys: Any) -> None:
    run = train_door(*TINY_CNN, "augmentation=none", "trainer.max_epochs=8")
    evaluate.main([f"run={run.folder}"])
    again = json.loads((run.folder / "evaluations" / "as_trained.json").read_text())
    for figure in ("test/accuracy", "test/f1_macro", "test/loss"):
        assert again[figure] == run.metrics[figure]
    assert again["seen_in_training"] == 0
    assert again["leaked_test_percent"] == run.metrics["leaked_test_percent"] > 0  # the other shot of a burst of two
    leak = f"{run.metrics['leaked_test_percent']:.0f}% of the test images with a near-duplicate in training"
    assert leak in " ".join(run.out.split())
    assert leak in " ".join(capsys.readouterr().out.split())
    assert run.metrics["test/accuracy"] > 0.1  # far from chance (2.8%), or equality would mean nothing
    assert (run.folder / "evaluations" / "as_trained.csv").read_text() == (run.folder / "predictions.csv").read_text()


def test_a_run_scored_on_images_that_it_was_trained_on_says_so(train_door: Any, capsys: Any) -> None:
    run = train_door(*TINY_CNN)
    evaluate.main([f"run={run.folder}", "split=everything"])
    (file,) = (run.folder / "evaluations").glob("*.json")
    again = json.loads(file.read_text())
    assert again["test_images"] == 288
    assert again["seen_in_training"] == run.metrics["train_images"]
    assert "was trained on" in capsys.readouterr().out


def test_a_run_with_a_held_out_signer_can_be_scored_on_everything_and_elsewhere(
    train_door: Any, tiny_root: Path, capsys: Any
) -> None:
    run = train_door(*TINY_CNN, "split=signer", "split.holdout=[hand4]", "split.validation=[hand3]")
    assert run.status == 0, run.err
    folder = f"datamodule.folder='{tiny_root}/asl_dataset/asl_dataset'"
    evaluate.main([f"run={run.folder}", "split=everything"])
    evaluate.main([f"run={run.folder}", "split=everything", "datamodule.sources=[folder]", folder])
    evaluate.main([f"run={run.folder}", "split.holdout=[hand3]", "split.validation=[hand4]"])
    scored = [json.loads(file.read_text()) for file in (run.folder / "evaluations").glob("*.json")]
    assert sorted(figures["test_images"] for figures in scored) == [72, 288, 288]
    # The folder holds the very pictures, under names that the run does not know: two of four people were trained on.
    (elsewhere,) = (figures for figures in scored if figures["sources"] == "folder")
    assert elsewhere["seen_in_training"] == 0
    assert elsewhere["leaked_test_percent"] == 50
    assert "50% of the test images with a near-duplicate in training" in " ".join(capsys.readouterr().out.split())


def test_scored_on_another_folder_a_run_has_seen_none_of_its_pictures_whatever_their_names(
    train_door: Any, tiny_root: Path, tmp_path: Path
) -> None:
    theirs, others = tmp_path / "theirs", tmp_path / "others"
    shutil.copytree(tiny_root / "asl_dataset" / "asl_dataset", theirs)
    noise = np.random.default_rng(0)
    for file in sorted(theirs.rglob("*.jpeg")):
        other = others / file.relative_to(theirs)
        other.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(other)
    sources = "datamodule.sources=[folder]"
    run = train_door(*TINY_CNN, "split=random", sources, f"datamodule.folder='{theirs}'")
    assert run.status == 0, run.err
    evaluate.main([f"run={run.folder}", "split=everything", sources, f"datamodule.folder='{others}'"])
    (file,) = (run.folder / "evaluations").glob("*.json")
    scored = json.loads(file.read_text())
    assert (scored["seen_in_training"], scored["leaked_test_percent"]) == (0, 0)
    shutil.rmtree(theirs)  # what it was trained on is gone: that is said, and is not "none"
    evaluate.main([f"run={run.folder}", "split=everything", sources, f"datamodule.folder='{others}'"])
    scored = json.loads(file.read_text())
    assert scored["leaked_test_percent"] is None
    assert "Near-duplicates of the images of training were not looked for" in scored["split_notes"]


def test_a_run_can_be_scored_after_the_weights_that_it_started_from_are_gone(train_door: Any) -> None:
    first = train_door(*TINY_CNN, folder="first")
    weights = first.folder / "checkpoints" / "best.ckpt"
    run = train_door(*TINY_CNN, f"model.weights='{weights}'", folder="second")
    weights.unlink()
    evaluate.main([f"run={run.folder}"])
    evaluate.main([f"run={run.folder}", "split=everything"])
    assert len(list((run.folder / "evaluations").glob("*.json"))) == 2


def test_a_run_never_starts_in_the_folder_of_another(train_door: Any) -> None:
    run = train_door(*TINY_CNN)
    before = (run.folder / "metrics.json").read_text()
    refused = train_door(*TINY_CNN, "seed=2")
    assert refused.status == 2
    assert "holds a run already" in refused.err
    assert (run.folder / "metrics.json").read_text() == before


def test_gradients_are_clipped_in_bfloat16_too(train_door: Any) -> None:
    run = train_door(*TINY_CNN, "trainer.gradient_clip=0.5", "trainer.precision=bf16-mixed", "trainer.limit_batches=1")
    assert run.status == 0, run.err


def test_hardware_that_is_not_there_is_said_in_one_sentence(train_door: Any) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has the hardware")
    refused = train_door(*(o for o in TINY_CNN if o != "trainer=cpu"), "trainer=gpu")
    assert refused.status == 2
    assert refused.err.startswith("error: This machine cannot run trainer.accelerator=gpu")
    assert len(refused.err.strip().splitlines()) == 1


def test_values_in_brackets_are_shown_in_a_sweeps_table(train_door: Any) -> None:
    swept = train_door("-m", *TINY_CNN, "split=signer", "split.holdout=[hand1],[hand2]", "trainer.max_epochs=1")
    assert swept.status == 0, swept.err
    assert "[hand1]" in swept.out
    assert "[hand2]" in swept.out


def test_a_trained_network_cannot_be_scored_as_another(train_door: Any) -> None:
    from src.errors import UserError

    run = train_door(*TINY_CNN)
    with pytest.raises(UserError, match=r"model\.dropout cannot be given here"):
        evaluate.main([f"run={run.folder}", "model.dropout=0.1"])
    with pytest.raises(UserError, match="run has no value"):
        evaluate.main([])


def test_a_failing_job_neither_stops_nor_hides_the_others(train_door: Any) -> None:
    swept = train_door("-m", *TINY_MOBILENET, "freeze=top_k", "freeze.k=1,99,0", "seed=1,2", "trainer.max_epochs=1")
    assert swept.status == 1
    folders = sorted(folder.name for folder in swept.folder.iterdir() if folder.is_dir())
    assert folders == [f"{n}_k-{k}__seed-{s}" for n, (k, s) in enumerate((k, s) for k in (1, 99, 0) for s in (1, 2))]
    assert "freeze.k=99 is beyond this network" in (swept.folder / "2_k-99__seed-1" / "error.txt").read_text()
    table = {row["freeze.k"]: row for row in rows(swept.folder / "sweep.csv")}
    assert {k: (row["runs"], row["failed"]) for k, row in table.items()} == {
        "0": ("2", "0"), "1": ("2", "0"), "99": ("0", "2")
    }  # fmt: skip
    assert "2_k-99__seed-1: freeze.k=99 is beyond this network" in swept.out
    assert (swept.folder / "sweep.png").stat().st_size > 10_000


def test_a_sweep_is_added_up_to_mean_and_deviation_over_seeds(train_door: Any, capsys: Any) -> None:
    swept = train_door("-m", *TINY_CNN, "seed=1,2,3")
    (swept.folder / "sweep.csv").unlink()
    sweep.main([str(swept.folder)])
    (row,) = rows(swept.folder / "sweep.csv")
    accuracies = [json.loads(file.read_text())["test/accuracy"] for file in swept.folder.glob("*/metrics.json")]
    mean = sum(accuracies) / 3
    deviation = (sum((value - mean) ** 2 for value in accuracies) / 2) ** 0.5
    assert float(row["test/accuracy_mean"]) == pytest.approx(mean, rel=1e-4)
    assert float(row["test/accuracy_sd"]) == pytest.approx(deviation, rel=1e-4, abs=1e-9)
    assert row["seeds"] == "1 2 3"
    assert "±" in capsys.readouterr().out


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_every_recipe_runs_on_tiny_images(recipe: Path, train_door: Any) -> None:
    mobilenet = "cnn" not in recipe.stem
    asked = compose([f"+{recipe.parent}={recipe.stem}"])
    names_people = asked.split.slug in ("signer", "strictest")
    if recipe.stem == "to_real":  # it holds out a source
        chosen = ["datamodule.sources=[rendered,asl_dataset]", "datamodule.rendered.images=72"]
        chosen += ["datamodule.rendered.signers=2"]
    elif asked.datamodule.crop == "hand":  # rendered hands know where they are
        chosen = ["datamodule.sources=[rendered]", "datamodule.rendered={images:108,signers:3,seed:0}"]
        chosen += ["datamodule.weights=null", "datamodule.epoch_images=64"]
        chosen += ["split.holdout=[r000]", "split.validation=[r001]"]
    else:
        chosen = ["split.holdout=[hand4]"] if names_people else []
    run = train_door(
        f"+{recipe.parent}={recipe.stem}",
        "hydra.mode=RUN",
        *(o for o in TINY if not o.startswith(("augmentation", "split"))),
        *(["model.weights=null", "freeze.allow_untrained=true"] if mobilenet else []),
        *chosen,
        "trainer=smoke",
        "trainer.progress=false",
    )
    assert run.status == 0, run.err
    assert run.metrics["train_images"] > 0


@pytest.mark.parametrize("augmentation", ["none", "light", "standard", "strong"])
def test_every_augmentation_trains(augmentation: str, train_door: Any) -> None:
    run = train_door(*(o for o in TINY_CNN if "augm" not in o), f"augmentation={augmentation}", "trainer.max_epochs=1")
    assert run.status == 0, run.err


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("scheduler", ["constant", "one_cycle", "step"])
def test_every_optimizer_and_schedule_trains(optimizer: str, scheduler: str, train_door: Any) -> None:
    run = train_door(*TINY_CNN, f"optimizer={optimizer}", f"scheduler={scheduler}", "trainer.max_epochs=1")
    assert run.status == 0, run.err


def test_another_backbone_of_timm_trains_frozen_and_keeps_the_contract(train_door: Any) -> None:
    run = train_door(
        *TINY, "model=timm", "model.name=resnet18", "model.weights=null", "freeze=top_k", "freeze.k=1",
        "freeze.allow_untrained=true", "trainer.max_epochs=1",
    )  # fmt: skip
    assert run.status == 0, run.err
    assert run.metrics["frozen_unchanged"] is True
    assert run.metrics["stages_trained_names"] == "block4+head"


def test_a_cnn_starts_from_the_weights_that_another_run_left(train_door: Any) -> None:
    first = train_door(*TINY_CNN, "augmentation=none", "trainer.max_epochs=8", folder="first")
    weights = f"model.weights='{first.folder}/checkpoints/best.ckpt'"
    second = train_door(*TINY_CNN, weights, "freeze=all", "optimizer.lr=1e-9", "trainer.max_epochs=1", folder="second")
    assert second.status == 0, second.err
    assert second.metrics["weights"] == "best.ckpt"
    assert second.metrics["test/accuracy"] == pytest.approx(first.metrics["test/accuracy"], abs=0.02)
    assert first.metrics["test/accuracy"] > 0.1


def test_no_data_says_in_one_sentence_where_to_put_it(train_door: Any, tmp_path: Path) -> None:
    refused = train_door(*TINY_CNN, f"datamodule.root='{tmp_path}/nothing'", "datamodule.sources=[finger_letters]")
    assert refused.status == 2
    assert "finger_letters" in refused.err
    assert len(refused.err.strip().splitlines()) == 1


def test_prepare_shows_what_was_found_and_writes_every_finding(
    tiny_root: Path, tiny_cache: Path, tmp_path: Path, capsys: Any
) -> None:
    broken = tiny_root / "asl_dataset" / "asl_dataset" / "a" / "hand1_a_dif_seg_9_cropped.jpeg"
    broken.write_bytes(b"not a picture")
    try:
        places = [f"datamodule.root='{tiny_root}'", f"datamodule.cache_dir='{tmp_path}/cache'"]
        prepare.main([*places, f"output={tmp_path}/findings.csv"])
    finally:
        broken.unlink()
    shown = capsys.readouterr().out
    assert "asl_dataset" in shown
    assert all(sign in shown for sign in SIGNS)
    assert any("hand1_a_dif_seg_9" in row["file"] for row in rows(tmp_path / "findings.csv"))
