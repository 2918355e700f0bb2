"""Random poses kept in the cache: drawn once, gone on with, shared by smaller and larger sets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.synthetic.dataset import random_pose_sample
from src.synthetic.pose_set import random_poses
from src.synthetic.spec import RenderedSpec

SPEC = RenderedSpec(images=60, signers=3, image_size_px=16, seed=5)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the set in it."""
    folder = tmp_path_factory.mktemp("cache")
    random_poses(SPEC, folder)
    return folder


def stamps(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*.npz")}


def test_every_image_is_the_one_that_is_drawn_alone(rendered: Path) -> None:
    poses = random_poses(SPEC, rendered)
    assert poses.images.shape == (60, 16, 16, 3)
    for index in (0, 49, 59):
        alone = random_pose_sample(SPEC, index)
        assert np.array_equal(poses.images[index], alone.image)
        assert np.array_equal(poses.keypoints_px[index], alone.keypoints_px)
        assert np.array_equal(poses.joints_mm[index], alone.joints_mm)
        assert poses.left_handed[index] == alone.left_handed


def test_processes_change_no_image(rendered: Path, tmp_path: Path) -> None:
    assert np.array_equal(random_poses(SPEC, tmp_path, processes=2).images, random_poses(SPEC, rendered).images)


def test_a_rendering_that_was_stopped_goes_on_from_where_it_was(rendered: Path) -> None:
    expected, before = random_poses(SPEC, rendered).images, stamps(rendered)
    first, last = sorted(before)
    last.unlink()
    half = first.with_name(f".1234.part.{last.name}")
    half.write_bytes(b"half")
    assert np.array_equal(random_poses(SPEC, rendered).images, expected)
    after = stamps(rendered)
    assert after[first] == before[first]
    assert sorted(after) == [first, last], "what the stopped one left unfinished should be gone"


def test_smaller_and_larger_sets_share_their_images(rendered: Path) -> None:
    before = stamps(rendered)
    smaller = random_poses(replace(SPEC, images=7), rendered)
    assert len(smaller.images) == len(smaller.left_handed) == 7
    larger = random_poses(replace(SPEC, images=101), rendered)
    assert np.array_equal(larger.images[:7], smaller.images)
    assert before.items() < stamps(rendered).items()


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        random_poses(SPEC, tmp_path / "file")
