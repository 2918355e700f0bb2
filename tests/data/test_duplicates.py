"""Which images are the same picture, or nearly."""

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from src.data.duplicates import Duplicates, find_duplicates, leaked_share, near_groups
from src.data.fingerprints import fingerprints
from src.data.manifest import Manifest
from src.data.pixels import Pixels
from src.sources.catalog import RENDERED
from src.sources.records import ImageRecord

SIZE_PX = 64


def scene(number: int) -> np.ndarray:
    """(64, 64, 3) uint8: a bright blob with wrinkles on black, as a segmented hand is."""
    draw = np.random.default_rng(number)
    picture = np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8)
    cv2.ellipse(picture, (32, 34), (20, 26), 0, 0, 360, (200, 160, 140), -1)
    for _ in range(9):
        ends = draw.integers(10, 54, 4).tolist()
        cv2.line(picture, tuple(ends[:2]), tuple(ends[2:]), tuple(draw.integers(40, 130, 3).tolist()), 2)
    return picture


def nearly(picture: np.ndarray, seed: int = 0) -> np.ndarray:
    """The same scene a moment later: a little brighter, and noise as a camera or JPEG leaves it."""
    noise = np.random.default_rng(seed).normal(0, 3, picture.shape)
    return np.clip(picture * 1.08 + 3 + noise, 0, 255).astype(np.uint8)


def images(
    folder: Path, pictures: Sequence[np.ndarray], source: str = "folder", frames: Sequence[int] = ()
) -> tuple[Manifest, Pixels]:
    """A manifest over an array of pictures."""
    file = folder / "cache-0" / "pixels.npy"
    file.parent.mkdir(parents=True, exist_ok=True)
    np.save(file, np.stack(pictures))
    count = len(pictures)
    frames = frames or [-1] * count
    records = [ImageRecord(f"{i}.jpg", f"{i}.jpg", 3, source, "s", frame) for i, frame in enumerate(frames)]
    return Manifest(records), Pixels([file], np.zeros(count), np.arange(count), SIZE_PX)


def test_equal_and_nearly_equal_pictures_are_one_group_and_other_shapes_on_black_are_not(tmp_path: Path) -> None:
    pictures = [scene(0), scene(1), scene(0), nearly(scene(1)), scene(2), nearly(scene(0), 5)]
    found = find_duplicates(*images(tmp_path, pictures), tmp_path)
    assert found.exact.tolist() == [0, 1, 0, 3, 4, 5]
    assert found.near.tolist() == [0, 1, 0, 1, 4, 0]
    assert found.groups.tolist() == found.near.tolist()


def test_successive_frames_are_a_burst_whatever_they_show(tmp_path: Path) -> None:
    pictures = [scene(number) for number in range(6)]
    found = find_duplicates(*images(tmp_path, pictures, frames=[7, 5, 6, 9, 20, -1]), tmp_path)
    assert found.burst.tolist() == [0, 0, 0, 3, 4, 5]
    assert found.near.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.groups.tolist() == found.burst.tolist()


def test_groups_join_what_pictures_and_frames_say(tmp_path: Path) -> None:
    pictures = [scene(0), scene(1), nearly(scene(1)), scene(3)]
    found = find_duplicates(*images(tmp_path, pictures, frames=[1, 2, 8, 9]), tmp_path)
    assert found.groups.tolist() == [0, 0, 0, 0]


def test_pictures_of_one_colour_are_near_only_to_their_equals(tmp_path: Path) -> None:
    blank = np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8)
    found = find_duplicates(*images(tmp_path, [blank, blank + 9, blank, scene(0)]), tmp_path)
    assert found.groups.tolist() == [0, 1, 0, 3]


def test_rendered_pictures_are_not_searched(tmp_path: Path) -> None:
    found = find_duplicates(*images(tmp_path, [scene(0), scene(0)], source=RENDERED), tmp_path)
    assert found.groups.tolist() == [0, 1]


def groups_of(found: Duplicates) -> list[list[int]]:
    return [kind.tolist() for kind in (found.exact, found.near, found.burst, found.groups)]


def test_a_second_search_is_read_from_the_cache_and_a_damaged_cache_is_searched_again(tmp_path: Path) -> None:
    manifest, pixels = images(tmp_path, [scene(0), nearly(scene(0)), scene(2)])
    first = find_duplicates(manifest, pixels, tmp_path)
    # Other images behind the same stamp: whoever finds them in other groups has looked again.
    stamp = pixels.files[0].stat().st_mtime_ns
    _, changed = images(tmp_path, [scene(0), scene(1), scene(0)])
    os.utime(pixels.files[0], ns=(stamp, stamp))
    assert groups_of(find_duplicates(manifest, changed, tmp_path)) == groups_of(first)
    (cached,) = tmp_path.glob("duplicates/*/*.npz")
    cached.write_bytes(cached.read_bytes()[:100])
    assert find_duplicates(manifest, changed, tmp_path).groups.tolist() == [0, 1, 0]


def test_other_images_of_the_same_files_are_searched_anew(tmp_path: Path) -> None:
    manifest, pixels = images(tmp_path, [scene(0), nearly(scene(0)), scene(2)])
    assert find_duplicates(manifest, pixels, tmp_path).groups.tolist() == [0, 0, 2]
    some = manifest.subset([0, 2]), pixels.subset([0, 2])
    assert find_duplicates(*some, tmp_path).groups.tolist() == [0, 1]


def test_changed_pixels_are_searched_again(tmp_path: Path) -> None:
    apart = find_duplicates(*images(tmp_path, [scene(0), scene(1)]), tmp_path)
    equal = find_duplicates(*images(tmp_path, [scene(0), scene(0)]), tmp_path)
    assert (apart.groups.tolist(), equal.groups.tolist()) == ([0, 1], [0, 0])


def test_tiles_change_no_group() -> None:
    draw = np.random.default_rng(0)
    prints = np.repeat(draw.standard_normal((20, 30)), 3, axis=0) + 0.1 * draw.standard_normal((60, 30))
    prints = (prints / np.linalg.norm(prints, axis=1, keepdims=True)).astype(np.float32)
    order = draw.permutation(60)
    whole = near_groups(prints[order])
    assert np.array_equal(near_groups(prints[order], tile=(7, 11)), whole)
    assert near_groups(prints, tile=(7, 11)).tolist() == [3 * (i // 3) for i in range(60)]


def test_fingerprints_are_unit_vectors_that_light_hardly_turns(tmp_path: Path) -> None:
    _, pixels = images(tmp_path, [scene(0), (scene(0) * 0.6).astype(np.uint8), scene(1)])
    prints = fingerprints(pixels, np.arange(3))
    np.testing.assert_allclose(np.linalg.norm(prints, axis=1), 1, atol=1e-5)
    assert prints[0] @ prints[1] > 0.97
    assert prints[0] @ prints[2] < 0.8


def test_the_leaked_share_counts_test_images_with_one_of_their_group_in_training() -> None:
    groups = np.array([0, 0, 2, 3, 3, 5])
    assert leaked_share(groups, train=np.array([0, 3]), test=np.array([1, 2, 4, 5])) == 0.5
    assert leaked_share(groups, train=np.array([0]), test=np.array([], dtype=int)) == 0
