"""Pretraining on rendered hands: a file that fits, the same each time, and no sign anywhere near it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from src.errors import UserError
from src.learning.freeze_callback import FreezeBroken
from src.learning.pretraining.augmentation import NUM_DRAWS, augmented
from src.learning.pretraining.questions import KEYPOINT_SPREAD
from src.learning.pretraining.recipe import Pretraining
from src.learning.pretraining.running import pretrain
from src.nets.mobilenetv2 import build_mobilenetv2
from src.nets.weights import load_weights
from src.pretrain import main as door
from src.settings.options import validated
from src.signs.labels import NUM_SIGNS
from src.sources.rendered import RenderedHands
from src.synthetic import dataset, posing
from src.synthetic.dataset import random_pose_sample
from src.synthetic.pose_set import RandomPoses, random_poses
from src.synthetic.spec import POSES_VERSIONS

TINY = Pretraining(images=50, epochs=3, image_size_px=48, seed=3, batch_size=16)
RESTING = ("stem", "block1", "block2")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the tiny set's images and nothing else."""
    folder = tmp_path_factory.mktemp("rendered")
    random_poses(TINY.hands, folder)
    return folder


@pytest.fixture
def cache(rendered: Path, tmp_path: Path) -> Path:
    """A cache of the test's own, its images rendered, without any checkpoint."""
    return shutil.copytree(rendered, tmp_path / "cache")


@pytest.fixture(scope="module")
def weights(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of one tiny pretraining that nothing interrupted."""
    folder = tmp_path_factory.mktemp("weights")
    pretrain(TINY, folder / "tiny.safetensors", shutil.copytree(rendered, folder / "cache"))
    return folder / "tiny.safetensors"


@pytest.fixture(scope="module")
def poses(rendered: Path) -> RandomPoses:
    return random_poses(TINY.hands, rendered)


class During(pl.Callback):
    """Does something in one step of one epoch, both counted from 0."""

    def __init__(self, epoch: int, does: Callable[[Any], None], batch: int = 1) -> None:
        self.moment, self.does = (epoch, batch), does

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == self.moment:
            self.does(module)


def test_the_file_fills_every_stage_below_the_head_and_leaves_the_head_alone(weights: Path) -> None:
    network = build_mobilenetv2(NUM_SIGNS)
    before = {stage: network.fingerprint(stage) for stage in network.stage_names}
    load_weights(network, str(weights), "mobilenetv2_100")
    changed = [stage for stage in network.stage_names if network.fingerprint(stage) != before[stage]]
    assert changed == [stage for stage in network.stage_names if stage != "head"]
    network.eval()
    assert torch.isfinite(network(torch.rand(2, 3, 64, 64))).all()


def test_filters_are_in_half_precision_and_batch_norm_in_single(weights: Path) -> None:
    for name, tensor in load_file(weights).items():
        if tensor.ndim > 1:
            assert tensor.dtype == torch.float16, name
        elif not name.endswith("num_batches_tracked"):
            assert tensor.dtype == torch.float32, name


def test_the_file_says_how_it_was_made(weights: Path) -> None:
    with safe_open(weights, "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["recipe"])["images"] == TINY.images
    assert metadata["seed"] == str(TINY.seed)
    assert json.loads(metadata["renderer_version"]) == POSES_VERSIONS
    assert metadata["commit"]
    figures = json.loads(metadata["figures"])
    assert np.isfinite(
        [figures["val/loss"], figures["val/keypoint_error_of_side"], figures["val/angle_error_deg"]]
    ).all()
    assert figures["epoch"] in (1, 2, 3)


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_an_interrupted_run_started_again_ends_with_the_same_file_as_one_that_was_not(
    epoch: int, weights: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(module: Any) -> None:
        raise KeyboardInterrupt

    file = tmp_path / "again.safetensors"
    with pytest.raises(KeyboardInterrupt):
        pretrain(TINY, file, cache, callbacks=[During(epoch, stop)])
    assert file.is_file() == (epoch > 0), "stopping early should leave the weights so far"
    pretrain(TINY, file, cache)
    assert file.read_bytes() == weights.read_bytes()
    assert (f"{epoch} of 3 epochs were done before" in capsys.readouterr().out) == (epoch > 0)


def test_learning_on_begins_with_the_earlier_file_and_says_so(weights: Path, cache: Path, tmp_path: Path) -> None:
    one_epoch, file = replace(TINY, epochs=1, lr=1e-9), tmp_path / "on.safetensors"
    pretrain(one_epoch, file, cache, start=weights)
    before, after = load_file(weights), load_file(file)
    stem = "stages.stem.0.weight"
    assert torch.allclose(after[stem].float(), before[stem].float(), atol=1e-3)
    with safe_open(file, "pt") as opened:
        assert hashlib.sha256(weights.read_bytes()).hexdigest() in opened.metadata()["started_from"]
    with safe_open(weights, "pt") as opened:
        assert opened.metadata()["started_from"] == "random weights"


def test_early_stages_learn_for_a_third_of_the_epochs_and_are_the_same_to_the_bit_from_then_on(
    cache: Path, tmp_path: Path
) -> None:
    seen: list[dict[str, str]] = []

    def look(module: Any) -> None:
        seen.append({stage: module.network.fingerprint(stage) for stage in module.network.stage_names})

    looks = [During(epoch, look, batch) for epoch in range(3) for batch in range(3)]
    pretrain(TINY, tmp_path / "rested.safetensors", cache, callbacks=looks)
    assert len(seen) == 9
    for stage in seen[0]:
        assert len({of[stage] for of in seen[:3]}) == 3, f"{stage} should learn in the first epoch"
        assert len({of[stage] for of in seen[2:]}) == (1 if stage in RESTING else 7), stage


def test_a_stage_that_moves_while_it_rests_is_never_passed_over(cache: Path, tmp_path: Path) -> None:
    def drift(module: Any) -> None:
        module.network.stages["block2"][0].bn1.running_mean += 1e-6

    with pytest.raises(FreezeBroken, match="block2"):
        pretrain(TINY, tmp_path / "drifted.safetensors", cache, callbacks=[During(1, drift)])


def test_the_rate_rises_for_a_tenth_of_the_steps_and_falls_to_nothing() -> None:
    recipe = Pretraining(epochs=4)
    factor = recipe.scheduler.factors(steps_per_epoch=50, epochs=4)
    factors = [factor(step) for step in range(200)]
    assert np.argmax(factors) == 20
    assert factors[:21] == sorted(factors[:21])
    assert factors[20:] == sorted(factors[20:], reverse=True)
    assert factors[110] == pytest.approx(0.5)
    assert (factors[0], factors[-1]) == pytest.approx((0, 0), abs=0.05)


def test_three_quarters_of_the_epochs_see_small_images() -> None:
    recipe = Pretraining(epochs=8, image_size_px=96)
    assert [recipe.size_px(epoch) for epoch in range(8)] == [72] * 6 + [96] * 2


def test_no_sign_is_posed_or_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any) -> None:
        raise AssertionError("a sign was drawn")

    for module, name in ((dataset, "sample"), (dataset, "sign_pose"), (posing, "sign_pose")):
        monkeypatch.setattr(module, name, refused)
    assert random_pose_sample(TINY.hands, 0).label == -1
    assert not any("label" in field.name or "sign" in field.name.split("_") for field in fields(RandomPoses))
    pretrain(replace(TINY, epochs=1), tmp_path / "unsigned.safetensors", tmp_path / "cache")


def test_people_of_pretraining_are_in_no_rendered_set_of_the_config() -> None:
    with pytest.raises(UserError, match="seed"):
        validated(RenderedHands, {"seed": Pretraining(seed=0).hands.seed}, "datamodule.rendered")


def test_a_cached_pose_is_the_one_that_is_drawn_alone(poses: RandomPoses) -> None:
    one = random_pose_sample(TINY.hands, 7)
    assert np.array_equal(poses.images[7], one.image)
    assert np.array_equal(poses.keypoints_px[7], one.keypoints_px)
    assert np.array_equal(poses.joint_angles[7], one.joint_angles)
    assert np.array_equal(poses.visible[7], one.visible)


def test_joints_in_space_lie_where_the_image_shows_them(poses: RandomPoses) -> None:
    seen = poses.keypoints_px - poses.keypoints_px.mean(1, keepdims=True)
    joints = (poses.joints_mm - poses.joints_mm.mean(1, keepdims=True))[..., :2]
    for index in range(len(seen)):  # a near camera foreshortens, so not exactly
        assert np.corrcoef(seen[index].ravel(), joints[index].ravel())[0, 1] > 0.9


def test_without_draws_images_and_answers_stay_as_they_were(poses: RandomPoses) -> None:
    asked = augmented(poses, np.arange(8), None, TINY.image_size_px)
    plain = torch.from_numpy(poses.images[:8]).permute(0, 3, 1, 2) / 255
    assert torch.allclose(asked.images, plain, atol=2e-3)
    assert torch.equal(asked.targets["left_handed"][:, 0].bool(), torch.from_numpy(poses.left_handed[:8]))


def test_keypoints_move_with_the_image(poses: RandomPoses) -> None:
    draws = np.random.default_rng(0).random((20, NUM_DRAWS))
    draws[:, 6:] = 0.5  # the light as it was, and no patch
    size = TINY.image_size_px
    dots = np.zeros_like(poses.images)
    for index, points in enumerate(np.rint(poses.keypoints_px).astype(int)):
        column, row = np.clip(points[8], 1, size - 2)  # the tip of the index finger
        dots[index, row - 1 : row + 2, column - 1 : column + 2] = 255
    asked = augmented(replace(poses, images=dots), np.arange(20), draws, 2 * size)
    tips = asked.targets["keypoints"].view(20, -1, 2)[:, 8] * KEYPOINT_SPREAD
    for image, tip in zip(asked.images, tips, strict=True):
        if (tip.abs() < 0.9).all():
            brightest = torch.nonzero(image.sum(0) == image.sum(0).max()).float().mean(0).flip(0)
            assert (2 * (brightest + 0.5) / (2 * size) - 1 - tip).abs().max() < 0.08


def test_the_door_writes_the_file_and_a_second_call_finds_the_work_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    for file in files:
        door([f"output={file}", f"cache={tmp_path / 'cache'}", "images=128", "epochs=1", "size=32", "seed=3"])
    printed = capsys.readouterr().out
    assert "1 of 1 epochs were done before" in printed
    assert "val/keypoint_error_of_side" in printed
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "output"),
        (["output=weights.pt"], "ends in .safetensors"),
        (["output=w.safetensors", "epoch=3"], "'epoch=3' is not understood"),
        (["output=w.safetensors", "epochs=many"], "epochs=many is not understood"),
        (["output=w.safetensors", "epochs=0"], "epochs=0 is out of range: it must be at least 1"),
        (["output=w.safetensors", "images=5"], "images=5 is out of range"),
        (["output=w.safetensors", "size=8"], "size=8 is out of range: it must be at least 32"),
        (["output=w.safetensors", "start=w.safetensors"], "learn on from a copy"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(arguments: list[str], reason: str) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        door(arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"image_size_px": 16}, {"images": 60}])
def test_a_recipe_that_nothing_can_be_learned_from_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match="Pretraining needs"):
        Pretraining(**wrong)
