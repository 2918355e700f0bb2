"""Pretraining on rendered hands: a file that fits, the same each time, and no sign anywhere near it."""

import hashlib
import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from src.errors import UserError
from src.learning import pretraining
from src.learning.pretraining import NUM_DRAWS, Pretraining, augmented, pretrain
from src.nets.mobilenetv2 import build_mobilenetv2
from src.nets.weights import load_weights
from src.pretrain import main as door
from src.signs.labels import NUM_SIGNS
from src.synthetic import dataset, handshapes
from src.synthetic.dataset import random_pose_sample
from src.synthetic.pose_set import RandomPoses, random_poses
from src.synthetic.spec import POSES_VERSIONS, RenderedSpec

TINY = Pretraining(images=50, epochs=2, image_size_px=48, seed=3, batch_size=16)
SPEC = RenderedSpec(TINY.images, pretraining.SIGNERS, TINY.image_size_px, pretraining.FIRST_RENDERING_SEED + TINY.seed)


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that already holds the tiny set's pictures, and no checkpoint."""
    folder = tmp_path_factory.mktemp("cache")
    random_poses(SPEC, folder)
    return folder


@pytest.fixture
def fresh(cache_dir: Path):
    """The cache without any checkpoint."""

    def forget() -> Path:
        for checkpoint in cache_dir.glob("pretraining-*.pt"):
            checkpoint.unlink()
        return cache_dir

    yield forget
    forget()


@pytest.fixture(scope="module")
def weights(cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of one tiny pretraining that nothing interrupted."""
    file = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    pretrain(TINY, file, cache_dir)
    return file


@pytest.fixture(scope="module")
def poses(cache_dir: Path) -> RandomPoses:
    return random_poses(SPEC, cache_dir)


def test_the_file_fills_every_stage_below_the_head_and_leaves_the_head_alone(weights: Path):
    network = build_mobilenetv2(NUM_SIGNS)
    before = {stage: network.fingerprint(stage) for stage in network.stage_names}
    load_weights(network, str(weights), "mobilenetv2_100")
    changed = [stage for stage in network.stage_names if network.fingerprint(stage) != before[stage]]
    assert changed == [stage for stage in network.stage_names if stage != "head"]
    network.eval()
    assert torch.isfinite(network(torch.rand(2, 3, 64, 64))).all()


def test_filters_are_in_half_precision_and_batch_norm_in_single(weights: Path):
    for name, tensor in load_file(weights).items():
        if tensor.ndim > 1:
            assert tensor.dtype == torch.float16, name
        elif not name.endswith("num_batches_tracked"):
            assert tensor.dtype == torch.float32, name


def test_the_file_says_how_it_was_made(weights: Path):
    with safe_open(weights, "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["recipe"])["images"] == TINY.images
    assert metadata["seed"] == str(TINY.seed)
    assert json.loads(metadata["renderer_version"]) == POSES_VERSIONS
    assert metadata["commit"]
    assert np.isfinite(json.loads(metadata["figures"])["val/loss"])


def test_an_interrupted_run_started_again_ends_with_the_same_file_as_one_that_was_not(
    weights: Path, fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cache, file = fresh(), tmp_path / "again.safetensors"
    train_epoch = pretraining._train_epoch

    def stopped_in_the_second(*arguments):
        if arguments[-1] == 1:
            raise KeyboardInterrupt
        return train_epoch(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "_train_epoch", stopped_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            pretrain(TINY, file, cache)
    assert file.is_file(), "stopping early should leave the weights so far"
    pretrain(TINY, file, cache)
    assert file.read_bytes() == weights.read_bytes()


def test_learning_on_begins_with_the_earlier_file_and_says_so(weights: Path, fresh, tmp_path: Path):
    one_epoch, file = replace(TINY, epochs=1, lr=1e-9), tmp_path / "on.safetensors"
    pretrain(one_epoch, file, fresh(), start=weights)
    before, after = load_file(weights), load_file(file)
    stem = "stages.stem.0.weight"
    assert torch.allclose(after[stem].float(), before[stem].float(), atol=1e-3)
    with safe_open(file, "pt") as opened:
        assert hashlib.sha256(weights.read_bytes()).hexdigest() in opened.metadata()["started_from"]
    with safe_open(weights, "pt") as opened:
        assert opened.metadata()["started_from"] == "random weights"


def test_early_stages_rest_after_a_third_of_the_epochs():
    stages = build_mobilenetv2(NUM_SIGNS).stage_names
    recipe = Pretraining(epochs=9)
    assert recipe.trained(stages, 2) == stages
    assert recipe.trained(stages, 3) == stages[stages.index("block3") :]


def test_no_sign_is_posed_or_asked_for(fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refused(*arguments):
        raise AssertionError("a sign was drawn")

    for module, name in ((dataset, "sample"), (dataset, "sign_pose"), (handshapes, "sign_pose")):
        monkeypatch.setattr(module, name, refused)
    assert random_pose_sample(SPEC, 0).label == -1
    assert not any("label" in field.name or "sign" in field.name.split("_") for field in fields(RandomPoses))
    one_epoch = Pretraining(images=50, epochs=1, image_size_px=48, seed=3, batch_size=16)
    pretrain(one_epoch, tmp_path / "unsigned.safetensors", fresh())


def test_people_of_pretraining_are_in_no_rendered_set_of_the_config():
    from src.settings.config import RANGES

    ((_, _, highest),) = [bounds for bounds in RANGES if bounds[0] == "datamodule.rendered.seed"]
    assert highest < pretraining.FIRST_RENDERING_SEED


def test_a_cached_pose_is_the_one_that_is_drawn_alone(poses: RandomPoses):
    one = random_pose_sample(SPEC, 7)
    assert np.array_equal(poses.images[7], one.image)
    assert np.array_equal(poses.keypoints_px[7], one.keypoints_px)
    assert np.array_equal(poses.joint_angles[7], one.joint_angles)
    assert np.array_equal(poses.visible[7], one.visible)


def test_joints_in_space_lie_where_the_picture_shows_them(poses: RandomPoses):
    seen = poses.keypoints_px - poses.keypoints_px.mean(1, keepdims=True)
    joints = (poses.joints_mm - poses.joints_mm.mean(1, keepdims=True))[..., :2]
    for index in range(len(seen)):  # a near camera foreshortens, so not exactly
        assert np.corrcoef(seen[index].ravel(), joints[index].ravel())[0, 1] > 0.9


def test_without_draws_pictures_and_answers_stay_as_they_were(poses: RandomPoses):
    asked = augmented(poses, np.arange(8), None, TINY.image_size_px)
    plain = torch.from_numpy(poses.images[:8]).permute(0, 3, 1, 2) / 255
    assert torch.allclose(asked.images, plain, atol=2e-3)
    assert torch.equal(asked.targets["left_handed"][:, 0].bool(), torch.from_numpy(poses.left_handed[:8]))


def test_keypoints_move_with_the_picture(poses: RandomPoses):
    draws = np.random.default_rng(0).random((20, NUM_DRAWS))
    draws[:, 6:] = 0.5  # the light as it was, and no patch
    size = TINY.image_size_px
    dots = np.zeros_like(poses.images[:20])
    for index, points in enumerate(np.rint(poses.keypoints_px[:20]).astype(int)):
        column, row = np.clip(points[8], 1, size - 2)  # the tip of the index finger
        dots[index, row - 1 : row + 2, column - 1 : column + 2] = 255
    asked = augmented(RandomPoses(dots, *list(vars(poses).values())[1:]), np.arange(20), draws, 2 * size)
    tips = asked.targets["keypoints"].view(20, -1, 2)[:, 8] * 0.4
    for picture, tip in zip(asked.images, tips, strict=True):
        if (tip.abs() < 0.9).all():
            brightest = torch.nonzero(picture.sum(0) == picture.sum(0).max()).float().mean(0).flip(0)
            assert (2 * (brightest + 0.5) / (2 * size) - 1 - tip).abs().max() < 0.08


def test_the_door_writes_the_file_and_a_second_call_finds_the_work_done(
    fresh, tmp_path: Path, capsys: pytest.CaptureFixture
):
    files = [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    cache = fresh()
    for file in files:
        door([f"output={file}", f"cache={cache}", "images=70", "epochs=1", "size=48", "seed=3"])
    assert "1 of 1 epochs were done before" in capsys.readouterr().out
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "output=<file.safetensors>"),
        (["output=weights.pt"], "ends in .safetensors"),
        (["output=w.safetensors", "epoch=3"], "'epoch=3' is not understood"),
        (["output=w.safetensors", "epochs=many"], "must be a whole number"),
        (["output=w.safetensors", "epochs=0"], "epochs of at least 1"),
        (["output=w.safetensors", "images=5"], "at least"),
        (["output=w.safetensors", "size=8"], "at least 32 px"),
        (["output=w.safetensors", "start=w.safetensors"], "learn on from a copy"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(arguments: list[str], reason: str):
    with pytest.raises(UserError, match=reason) as caught:
        door(arguments)
    assert "\n" not in str(caught.value)
