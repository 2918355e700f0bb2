"""The hand's joints as a second task, which moves along with pictures and leaves nothing behind."""

import csv
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from src.data.augment import Augmentation
from src.data.settings import AugmentationSettings
from src.errors import UserError
from src.learning.joints import NUM_JOINTS, JointsTask, seen_by_head
from src.learning.run_settings import compose
from src.nets.build import build_network
from src.nets.weights import read_tensors
from src.runs import folder as run_folder
from tests.conftest import TINY_CNN, TINY_JOINTS

SIZE = 64


@pytest.mark.parametrize(
    "transforms",
    [
        ({"HorizontalFlip": {"p": 1.0}},),
        ({"Affine": {"scale": [0.8, 1.1], "rotate": [-20, 20], "shear": [-6, 6], "p": 1.0}},),
        ({"HorizontalFlip": {"p": 0.5}}, {"Affine": {"translate_percent": [-0.1, 0.1], "p": 1.0}}, {"BeforeRoom": {}}),
    ],
    ids=["flip", "affine", "several"],
)
def test_joints_lie_where_the_picture_shows_them(transforms: tuple[Any, ...]) -> None:
    pipeline = Augmentation(AugmentationSettings(transforms=transforms))
    joints = np.full((NUM_JOINTS, 2), 0.5, np.float32)
    joints[0] = (20.5 / SIZE, 28.5 / SIZE)
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    cv2.circle(picture, (20, 28), 4, (255, 255, 255), -1)
    for seed in range(5):
        shown, moved = pipeline.with_joints(picture.copy(), seed, None, joints)
        y, x = np.nonzero(shown[..., 0] > 128)
        assert moved is not None
        assert np.abs(moved[0] * SIZE - (x.mean() + 0.5, y.mean() + 0.5)).max() < 0.7
        assert np.array_equal(shown, pipeline(picture.copy(), seed))


def test_unknown_joints_stay_unknown_and_ask_nothing() -> None:
    pipeline = Augmentation(compose(["augmentation=rooms"]).augmentation)
    unknown = np.full((NUM_JOINTS, 2), np.nan, np.float32)
    _, joints = pipeline.with_joints(np.zeros((SIZE, SIZE, 3), np.uint8), 1, None, unknown)
    assert joints is not None
    assert np.isnan(joints).all()
    network = build_network(compose(["model=cnn", "freeze=none"]).model, 128, 1).network
    task = JointsTask(network)
    features = torch.randn(2, task.layer.in_features, requires_grad=True)
    batch = torch.stack([torch.from_numpy(joints), torch.full((NUM_JOINTS, 2), 0.6)])
    loss = task(features, batch)
    loss.backward()
    assert loss > 0
    assert torch.isfinite(task.layer.weight.grad).all()  # type: ignore[union-attr]
    assert task(features[:1], batch[:1]) == 0


def test_the_task_is_given_what_the_head_sees() -> None:
    network = build_network(compose(["model=cnn", "freeze=none"]).model, 128, 1).network.eval()
    with seen_by_head(network) as features:
        network(torch.zeros(3, 3, 128, 128, dtype=torch.uint8))
    network(torch.zeros(1, 3, 128, 128, dtype=torch.uint8))  # nobody looks any more
    assert [tuple(one.shape) for one in features] == [(3, JointsTask(network).layer.in_features)]


def test_joints_need_hands_that_are_found() -> None:
    with pytest.raises(UserError, match=r"add datamodule\.crop=hand"):
        compose(["joints_weight=0.5"])


def test_joints_are_learned_beside_signs_and_leave_nothing_in_the_network(train_door: Any) -> None:
    run = train_door(*TINY_CNN, *TINY_JOINTS, "callbacks=averaged", "augmentation=rooms")
    assert run.status == 0, run.err
    with (run.folder / run_folder.CURVES).open() as file:
        losses = [float(row["train/joints_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]
    assert not [name for name in read_tensors(run.folder / run_folder.BEST) if "joint" in name]
