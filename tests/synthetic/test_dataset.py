"""The rendered set: the same everywhere, complete, balanced, and equal to its copies on disk."""

import csv
import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from src.errors import UserError
from src.signs.labels import NUM_SIGNS, SIGNS
from src.synthetic.background import draw_background
from src.synthetic.dataset import random_pose_sample, sample, signer
from src.synthetic.folders import write_folders
from src.synthetic.photograph import draw_camera, draw_lighting
from src.synthetic.posing import sign_pose
from src.synthetic.render import render
from src.synthetic.sheets import chart, sheet
from src.synthetic.spec import RenderedSpec, assignment

SMALL = RenderedSpec(images=40, signers=3, image_size_px=48, seed=5)
ROOT = Path(__file__).resolve().parents[2]


def same(first, second) -> bool:
    return (
        np.array_equal(first.image, second.image)
        and np.array_equal(first.keypoints_px, second.keypoints_px)
        and np.array_equal(first.joint_angles, second.joint_angles)
        and np.array_equal(first.mask, second.mask)
        and (first.label, first.signer, first.box) == (second.label, second.signer, second.box)
    )


def test_the_same_seed_and_index_give_the_same_image_in_another_process():
    code = (
        "import hashlib; from src.synthetic.dataset import random_pose_sample, sample;"
        "from src.synthetic.spec import RenderedSpec;"
        "spec = RenderedSpec(images=40, signers=3, image_size_px=48, seed=5);"
        "print(*(hashlib.sha256(draw(spec, i).image.tobytes()).hexdigest()"
        " for draw in (sample, random_pose_sample) for i in (7, 3)))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    here = [
        hashlib.sha256(draw(SMALL, index).image.tobytes()).hexdigest()
        for draw in (sample, random_pose_sample)
        for index in (7, 3)
    ]
    assert there == here


def test_the_order_of_asking_changes_nothing():
    forwards = [sample(SMALL, index) for index in range(12)]
    backwards = [sample(SMALL, index) for index in reversed(range(12))][::-1]
    assert all(same(*pair) for pair in zip(forwards, backwards, strict=True))


def test_a_longer_set_begins_with_the_shorter_one():
    longer = RenderedSpec(images=400, signers=3, image_size_px=48, seed=5)
    assert same(sample(SMALL, 11), sample(longer, 11))


def test_another_seed_is_another_picture_of_another_person():
    other = RenderedSpec(images=40, signers=3, image_size_px=48, seed=6)
    assert not np.array_equal(sample(SMALL, 4).image, sample(other, 4).image)
    assert signer(5, 0).skin.ita_deg != signer(6, 0).skin.ita_deg


def test_every_signer_shows_every_sign_equally_often():
    spec = RenderedSpec(images=36 * 8, signers=4)
    counts = np.zeros((4, NUM_SIGNS), int)
    for index in range(spec.images):
        sign, number = assignment(spec, index)
        counts[number, sign] += 1
    assert (counts == 2).all()


def test_every_sign_renders_for_many_seeds_without_nan():
    for seed in range(3):
        spec = RenderedSpec(images=36, signers=36, image_size_px=32, seed=seed)
        for index in range(36):
            one = sample(spec, index)
            assert one.image.shape == (32, 32, 3)
            assert one.image.dtype == np.uint8
            assert one.image.std() > 2, (seed, SIGNS[index])
            assert np.isfinite(one.keypoints_px).all()
            assert 0.02 < one.mask.mean() < 0.95, (seed, SIGNS[index])
            assert one.keypoints_px.dtype == np.float32
            x0, y0, x1, y1 = one.box
            assert 0 <= x0 < x1 <= 31
            assert 0 <= y0 < y1 <= 31


def test_visible_keypoints_lie_on_the_hand_and_in_its_box():
    spec = RenderedSpec(images=72, signers=5, image_size_px=64, seed=1)
    seen = 0
    for index in range(0, 72, 2):
        for draw in (sample, random_pose_sample):
            one = draw(spec, index)
            x, y = np.rint(one.keypoints_px[one.visible]).astype(int).T
            assert one.mask[y, x].all(), index
            x0, y0, x1, y1 = one.box
            assert ((x >= x0 - 1) & (x <= x1 + 1) & (y >= y0 - 1) & (y <= y1 + 1)).all(), index
            seen += one.visible.sum()
    assert seen > 72 * 8


@pytest.mark.parametrize("sign", ["5", "L", "B"])
def test_keypoints_of_an_open_hand_lie_in_their_own_fingers(sign):
    person = signer(0, 1)
    rng = np.random.default_rng(0)
    _, segmented = draw_background(rng, 16)
    camera, arm = draw_camera(rng, segmented)
    pose = sign_pose(sign, person)
    rendering = render(pose, person.proportions, person.skin, camera, draw_lighting(rng), 96, arm=arm)
    for finger in (1, 2, 3, 4) if sign != "L" else (1,):
        for joint in (2, 3):
            x, y = np.rint(rendering.keypoints_px[1 + 4 * finger + joint]).astype(int)
            assert rendering.group[y, x] == finger, (sign, finger, joint)
            assert rendering.visible[1 + 4 * finger + joint]


def test_a_left_hand_is_the_mirror_image_of_a_right_hand():
    person = signer(0, 2)
    pose = sign_pose("Y", person)
    camera, _ = draw_camera(np.random.default_rng(1), False)
    scene = (camera, draw_lighting(np.random.default_rng(2)), 48)
    right = render(replace(pose, mirrored=False), person.proportions, person.skin, *scene)
    left = render(replace(pose, mirrored=True), person.proportions, person.skin, *scene)
    assert np.array_equal(left.alpha, right.alpha[:, ::-1])
    np.testing.assert_allclose(left.keypoints_px[:, 0], 47 - right.keypoints_px[:, 0], atol=1e-4)


def test_a_segmented_picture_is_black_around_the_hand():
    spec = RenderedSpec(images=36, signers=2, image_size_px=48, seed=2)
    black = 0
    for index in range(36):
        one = sample(spec, index)
        around = cv2.dilate(one.mask.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
        black += around.any() and np.median(one.image[around]) < 6
    assert 4 < black < 30


def test_random_poses_have_no_label_and_are_not_the_signs():
    one = random_pose_sample(SMALL, 3)
    assert one.label == -1
    assert not np.allclose(one.joint_angles, sample(SMALL, 3).joint_angles)


def test_image_folders_read_back_equal_what_was_rendered(tmp_path):
    spec = RenderedSpec(images=38, signers=2, image_size_px=32)
    table = write_folders(spec, tmp_path)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 38
    for index in (0, 36, 37):
        one = sample(spec, index)
        image = cv2.imread(str(tmp_path / rows[index]["path"]))[..., ::-1]
        assert np.array_equal(image, one.image)
        assert rows[index]["label"] == SIGNS[one.label]
        assert rows[index]["signer"] == one.signer
        points = [[float(rows[index][f"{axis}{point}"]) for axis in "xy"] for point in range(21)]
        np.testing.assert_allclose(points, one.keypoints_px, atol=0.006)


def test_chart_and_sheet_are_pictures():
    page = chart(cell_px=32)
    assert page.ndim == 3
    assert page.dtype == np.uint8
    assert page.std() > 10
    assert sheet(SMALL, rows=2, columns=3).shape == (2 + 2 * 50, 2 + 3 * 50, 3)


def test_impossible_sets_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(UserError, match="images of at least 1"):
        RenderedSpec(images=0)
    with pytest.raises(UserError, match="at least 16 px"):
        RenderedSpec(image_size_px=8)
    with pytest.raises(IndexError):
        sample(SMALL, 40)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        write_folders(SMALL, tmp_path / "file")
