"""Hands in rooms: the same everywhere, of any size, true in what they say about themselves, and rooms without one."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from src.errors import UserError
from src.render import main
from src.signs.labels import SIGNS
from src.synthetic import compiled
from src.synthetic.dataset import RenderedSample, sample
from src.synthetic.scenes import FILL_RANGE, empty_scene, scene_sample
from src.synthetic.spec import RenderedSpec

SPEC = RenderedSpec(images=720, signers=20, seed=5)
ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 160, 120


@pytest.fixture(scope="module")
def scenes() -> list[RenderedSample]:
    """Thirty hands in rooms, of many signs and people."""
    return [scene_sample(SPEC, 23 * index, WIDTH, HEIGHT) for index in range(30)]


@pytest.fixture(scope="module")
def rooms() -> list[RenderedSample]:
    return [empty_scene(SPEC, index, WIDTH, HEIGHT) for index in range(10)]


def test_a_scene_belongs_to_its_seed_and_index(scenes: list[RenderedSample]) -> None:
    again, other = scene_sample(SPEC, 23, WIDTH, HEIGHT), scene_sample(RenderedSpec(720, 20, seed=6), 23, WIDTH, HEIGHT)
    assert np.array_equal(again.image, scenes[1].image)
    assert np.array_equal(again.mask, scenes[1].mask)
    assert not np.array_equal(other.image, again.image)


def test_a_scene_shows_the_sign_and_the_person_of_its_index(scenes: list[RenderedSample]) -> None:
    for index, scene in enumerate(scenes[:4]):
        alone = sample(SPEC, 23 * index)
        assert (scene.label, scene.signer, scene.left_handed) == (alone.label, alone.signer, alone.left_handed)


@pytest.mark.parametrize("size", [(320, 180), (64, 48), (96, 128)])
def test_frames_have_any_webcam_s_size(size: tuple[int, int]) -> None:
    width, height = size
    for one in (scene_sample(SPEC, 1, width, height), empty_scene(SPEC, 1, width, height)):
        assert one.image.shape == (height, width, 3)
        assert one.image.dtype == np.uint8
        assert one.mask.shape == (height, width)
        assert one.image.std() > 2


def test_hands_are_small_and_large_and_anywhere_in_the_frame(scenes: list[RenderedSample]) -> None:
    boxes = np.array([scene.box for scene in scenes])
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= (WIDTH - 1, HEIGHT - 1)).all()
    longer = (boxes[:, 2:] - boxes[:, :2]).max(1) / HEIGHT
    assert longer.min() < 0.3
    assert longer.max() > 0.5
    assert longer.max() < FILL_RANGE[1] + 0.02
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 / (WIDTH, HEIGHT)
    assert (np.ptp(middle, axis=0) > 0.4).all()


def test_keypoints_that_are_seen_lie_in_the_box_and_on_the_hand(scenes: list[RenderedSample]) -> None:
    seen = 0
    for scene in scenes:
        points = scene.keypoints_px[scene.visible]
        x, y = np.rint(points).astype(int).T
        assert scene.mask[y, x].all()
        assert (points >= np.array(scene.box[:2]) - 1).all()
        assert (points <= np.array(scene.box[2:]) + 1).all()
        seen += len(points)
    assert seen > 8 * len(scenes)


def test_a_room_without_a_signing_hand_says_that_nothing_is_there(rooms: list[RenderedSample]) -> None:
    for room in rooms:
        assert room.label == -1
        assert not room.visible.any()
        assert not room.mask.any()
        assert room.box == (0.0, 0.0, 0.0, 0.0)
    assert not np.array_equal(rooms[0].image, rooms[1].image)


def test_a_frame_too_small_to_show_a_room_is_refused_in_one_sentence() -> None:
    with pytest.raises(UserError, match="at least 48 px, not 64 x 40"):
        scene_sample(SPEC, 0, 64, 40)
    with pytest.raises(IndexError):
        empty_scene(SPEC, 720, WIDTH, HEIGHT)


def test_the_door_writes_scenes_rooms_and_a_page_of_them(tmp_path: Path) -> None:
    main(
        [
            f"output={tmp_path / 'set'}",
            f"sheet={tmp_path / 'page.png'}",
            "images=2",
            "size=48",
            "scenes=true",
            "empty=1",
        ]
    )
    with (tmp_path / "set" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [*SIGNS[:2], "nothing"]
    for row in rows:
        assert cv2.imread(str(tmp_path / "set" / row["path"])).shape == (48, 64, 3)
    assert cv2.imread(str(tmp_path / "page.png")).shape[1] == 2 + 6 * 66


def test_the_door_says_what_scenes_need(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="scenes=true"):
        main([f"output={tmp_path}", "empty=3"])
    with pytest.raises(UserError, match="at least 48"):
        main([f"output={tmp_path}", "scenes=true", "size=32"])


def test_help_does_not_wait_for_the_compiler() -> None:
    code = (
        "import sys; from src.settings.arguments import run_door; from src import render\n"
        "try: render.main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert 'numba' not in sys.modules and 'scenes' in render.__doc__"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_compiled_code_is_kept_in_a_folder_that_can_be_written_to(tmp_path: Path) -> None:
    code = "import numpy as np; from src.synthetic.compiled.floats import exp; print(exp(np.float32(1)))"
    place = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, env=place)
    assert float(done.stdout) == pytest.approx(np.e, rel=1e-6)
    assert list(tmp_path.rglob("*.nbc"))


def test_where_nothing_can_be_written_it_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_kept", lambda: None)
    assert compiled.compiled(_doubled)(2.0) == 4.0


def _doubled(x: float) -> float:
    return x + x
