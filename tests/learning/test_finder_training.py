"""Training the finder: views whose joints lie on the hand, draws that belong to (seed, epoch, view), equal resumes."""

import csv
import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from src.errors import UserError
from src.finder import main as door
from src.learning.finding import data as finding_data
from src.learning.finding.data import batch_of
from src.learning.finding.losses import judged, losses
from src.learning.finding.pictures import Pictures, load_pictures, person_of, taught
from src.learning.finding.placing import Looks, Placing
from src.learning.finding.recipe import PICTURE_SETS, FinderTraining, PictureSet
from src.learning.finding.rendered import RenderedHands
from src.learning.finding.rooms import free_sides
from src.learning.finding.running import train_finder
from src.learning.finding.scenes import Scenes, rendered_scenes
from src.learning.finding.views import HAND, NO_HAND, UNCLEAR, Views
from src.learning.finding.webcam import webcam
from src.nets.finder import Maps
from tests.hands.colour_finder import write_colour_finder

TINY = FinderTraining(epochs=2, views=16, batch_size=8, validation_views=8, rendered=4, size_px=64, averaging=0.5)
SHAPE, FRAMES = (120, 160), 4
# 21 points on an oval: joints of the red hands below.
OVAL = np.stack([np.cos(np.linspace(0, 6, 21)), np.sin(np.linspace(0, 6, 21))], axis=1)
RED = (230, 30, 30)


def red_hand(center: tuple[int, int], radius: int, shape: tuple[int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """A picture (height, width, 3) of a green room with a red hand, and its joints (21, 2)."""
    pixels = np.full((*shape, 3), (40, 120, 60), dtype=np.uint8)
    cv2.circle(pixels, center, radius, RED, -1)
    return pixels, (np.array(center) + 0.5 + 0.9 * radius * OVAL).astype(np.float32)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a few pictures of three sets, and joints.csv.gz beside them."""
    folder = tmp_path_factory.mktemp("root")
    rows = []
    for one in (PICTURE_SETS[0], PICTURE_SETS[1], PictureSet("sign_digits", "digits")):
        for number in range(FRAMES):
            path = f"{one.folder}/A/P{1 + number % 2}_{number}.png"
            pixels, joints = red_hand((45 + 3 * number, 60), 22)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / path), pixels[..., ::-1])
            points = np.column_stack([joints, np.zeros(21)]).round(2).ravel().tolist()
            rows.append([path, 160, 120, "Left" if number % 2 else "Right", *points])
        rows.append([f"{one.folder}/A/P1_none.png", "", "", "", *[""] * 63])
    with gzip.open(folder / "joints.csv.gz", "wt", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "width", "height", "side", *(f"{a}{k}" for k in range(21) for a in "xyz")])
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def pictures(root: Path, cache: Path) -> Pictures:
    return load_pictures(root, root / "joints.csv.gz", TINY.sets, cache)


@pytest.fixture(scope="module")
def hands() -> RenderedHands:
    drawn = [red_hand((32, 30), 14 + k, (64, 64)) for k in range(4)]
    images = np.stack([pixels for pixels, _ in drawn])
    return RenderedHands(
        images, images[..., 0] > 200, np.stack([joints for _, joints in drawn]), np.array([1, 0, 1, 0], np.float32)
    )


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    drawn = [red_hand((60 + 20 * k, 60), 20 + k) for k in range(3)]
    empty = np.full((2, *SHAPE, 3), (40, 120, 60), dtype=np.uint8)
    return Scenes(
        np.stack([pixels for pixels, _ in drawn]),
        np.stack([joints for _, joints in drawn]),
        np.ones(3, np.float32),
        empty,
    )


@pytest.fixture(scope="module")
def views(pictures: Pictures, hands: RenderedHands, scenes: Scenes) -> Views:
    return Views(TINY, pictures, hands, scenes, np.ones(len(pictures), dtype=bool))


@pytest.fixture
def no_renderer(monkeypatch: pytest.MonkeyPatch, hands: RenderedHands, scenes: Scenes) -> None:
    """Rendering takes longer than all else here."""
    monkeypatch.setattr(finding_data, "rendered_scenes", lambda *arguments: scenes)
    monkeypatch.setattr(finding_data, "rendered_hands", lambda *arguments: hands)


def test_pictures_keep_what_the_teacher_saw_and_nothing_else(pictures: Pictures) -> None:
    assert len(pictures) == 3 * FRAMES
    assert sorted(set(pictures.persons)) == ["asl_hg/P1", "asl_hg/P2", "lolzorus", "sign_digits"]
    assert set(pictures.right) == {0.0, 1.0}
    for index in range(len(pictures)):
        x, y = pictures.joints[index].mean(0).astype(int)
        assert abs(pictures[index][y, x].astype(int) - RED).max() < 5


def test_masks_cut_out_the_hand(pictures: Pictures) -> None:
    assert pictures.has_mask.all()
    for index in range(len(pictures)):
        cut = pictures.mask_square(index).cut(pictures[index], pictures.mask(index).shape[0])
        is_red, mask = cut[..., 0] > 150, pictures.mask(index) > 0
        assert (is_red & mask).sum() / (is_red | mask).sum() > 0.85


def test_people_whose_pictures_are_mixed_up_count_as_one() -> None:
    assert person_of("rooms_free/asl_hg/A/P6_A_1.jpg", PICTURE_SETS[0]) == "asl_hg/P5"
    assert person_of("rooms_free/asl_hg/A/P10_A_1.jpg", PICTURE_SETS[0]) == "asl_hg/P10"


def test_only_cleared_sets_are_used_unless_all_are_asked_for() -> None:
    assert {one.cleared for one in FinderTraining().sets} == {True}
    names = {one.name for one in FinderTraining(cleared=False).sets} - {one.name for one in FinderTraining().sets}
    assert names == {"evriel_s1", "evriel_s2", "evriel_s3", "evriel_s4", "thanakritmos12", "naveen", "predaalin"}
    assert not any("dev" in one.folder for one in PICTURE_SETS)


def test_a_view_shows_the_hand_where_its_joints_are(views: Views) -> None:
    plain = Views(replace(TINY, empty_share=0.0), views.pictures, views.hands, views.scenes, views.among)
    checked = 0
    for index in range(60):
        view = plain.draw((1, 0, index))
        assert view.image.shape == (64, 64, 3)
        assert view.image.dtype == np.uint8
        size = view.joints.max(0) - view.joints.min(0)
        middle = (view.joints.max(0) + view.joints.min(0)) / 2
        if view.kind == HAND and size.min() > 0.3 and middle.min() > 0.3 and middle.max() < 0.7:
            # Whatever the light: the middle of the hand is redder than the room around it.
            x, y = (middle * 64).astype(int)
            room = [view.image[r, c].astype(int) for r, c in ((2, 2), (2, 61))]
            red = view.image[y - 2 : y + 3, x - 2 : x + 3].astype(int).mean((0, 1))
            checked += red[0] - red[1] > np.mean([one[0] - one[1] for one in room])
    assert checked > 5


def test_a_share_of_the_views_shows_no_hand(views: Views) -> None:
    kinds = [views.draw((1, 0, index)).kind for index in range(200)]
    assert 0.15 < kinds.count(NO_HAND) / 200 < 0.36
    assert kinds.count(UNCLEAR) < 20


def test_a_view_belongs_to_its_seed_alone(views: Views) -> None:
    first, again, other = (views.draw(seed) for seed in ((1, 3, 5), (1, 3, 5), (1, 4, 5)))
    assert np.array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


def test_people_held_out_are_never_seen(pictures: Pictures, hands: RenderedHands, scenes: Scenes) -> None:
    some = Views(TINY, pictures, hands, scenes, pictures.persons != "lolzorus")
    seen = {some.draw((1, 0, index)).person for index in range(150)}
    assert "lolzorus" not in seen
    assert {"asl_hg/P1", "asl_hg/P2", "sign_digits"} <= seen


def test_rendered_rooms_hold_hands_where_their_joints_are_and_some_hold_none(tmp_path: Path) -> None:
    rooms = rendered_scenes(replace(TINY, scenes=3).rooms, tmp_path)
    assert len(rooms.empty) == len(rooms) // 2
    assert rooms.images.shape[1:] == rooms.empty.shape[1:] == (240, 320, 3)
    inside = (rooms.joints >= 0) & (rooms.joints <= (320, 240))
    assert inside.all(axis=2).mean() > 0.9
    assert (rooms.sides > 25).all()


@pytest.mark.parametrize("share", [0.15, 0.6])
@pytest.mark.parametrize("mirror", [False, True])
def test_pixels_and_points_are_moved_alike(share: float, mirror: bool) -> None:
    pixels = np.zeros((200, 200, 3), dtype=np.uint8)
    pixels[88:92, 118:122] = 255
    looks = Looks(share, np.array([0.4, 0.6]), 20.0, mirror, 1.1, 0.05)
    placing = Placing.of(np.array([100.0, 100.0]), 80.0, looks, 160)
    image = placing.warped(pixels)[..., 0].astype(float)
    rows, columns = np.mgrid[0:160, 0:160] + 0.5
    seen = np.array([(columns * image).sum(), (rows * image).sum()]) / image.sum()
    assert np.abs(seen - placing.points(np.array([[120.0, 90.0]]))[0] * 160).max() < 0.4
    assert placing.points(np.array([[100.0, 100.0]]))[0].tolist() == pytest.approx([0.4, 0.6])


def test_a_webcam_keeps_the_shape_of_what_it_sees() -> None:
    flat = np.full((64, 64, 3), 128, dtype=np.uint8)
    seen = [webcam(flat, np.random.default_rng(seed)) for seed in range(30)]
    assert all(one.shape == flat.shape and one.dtype == np.uint8 for one in seen)
    assert len({one.tobytes() for one in seen}) == 30
    assert (flat == 128).all()


def test_free_sides_keep_clear_of_the_hand(pictures: Pictures) -> None:
    for index in range(len(pictures)):
        sides = free_sides(pictures.shapes[index], pictures.joints[index])
        assert sides
        for x0, y0, x1, y1 in sides:
            assert pictures[index][y0:y1, x0:x1, 0].max() < 100


def test_maps_that_are_right_have_little_loss_and_find_the_hand(views: Views) -> None:
    drawn = [view for view in (views.draw((2, 0, k)) for k in range(80)) if view.kind == HAND]
    large = [view for view in drawn if np.ptp(view.joints, axis=0).max() > 0.3 and view.joints.min() > 0.2][:4]
    asked = batch_of(large)
    grid = 8
    low, high = asked.joints.amin(1), asked.joints.amax(1)
    middle, size = (low + high) / 2, high - low
    cells = (torch.arange(grid) + 0.5)[None]
    off_x = (middle[:, :1] * grid - cells)[:, None].expand(-1, grid, -1)
    off_y = (middle[:, 1:] * grid - cells)[:, :, None].expand(-1, -1, grid)
    places = asked.joints * grid

    def peaks(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return -2 * ((cells - x[..., None]) ** 2)[..., None, :] - 2 * ((cells - y[..., None]) ** 2)[..., :, None]

    right = Maps(
        peaks(middle[:, 0] * grid, middle[:, 1] * grid).view(-1, grid, grid),
        torch.stack([off_x, off_y, *(size.log()[:, k, None, None].expand(-1, grid, grid) for k in (0, 1))], dim=1),
        peaks(places[..., 0].flatten(), places[..., 1].flatten()).view(len(large), 21, grid, grid),
        torch.full((len(large),), -20.0),
        20 * (2 * asked.right - 1),
    )
    good, wrong = losses(right, asked), losses(Maps(*(-part for part in right)), asked)
    assert all(good[name] <= wrong[name] for name in good)
    assert good["box"] < 0.01
    assert good["right"] < 0.01
    seen = judged(right, asked)
    assert (seen.certainty > 0.9).all()
    assert (seen.overlap > 0.95).all()
    assert np.nanmax(seen.joint_error.numpy()) < 0.1


def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(
    root: Path, cache: Path, tmp_path: Path, no_renderer: None
) -> None:
    class Stop(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *arguments: Any) -> None:
            if trainer.current_epoch == 1:
                raise KeyboardInterrupt

    joints = root / "joints.csv.gz"
    undisturbed = train_finder(TINY, root, joints, tmp_path / "one")
    with pytest.raises(KeyboardInterrupt):
        train_finder(TINY, root, joints, tmp_path / "two", callbacks=[Stop()])
    so_far = train_finder(TINY, root, joints, tmp_path / "two", as_it_is=True)
    assert (so_far.epochs, undisturbed.epochs) == (1, 2)
    resumed = train_finder(TINY, root, joints, tmp_path / "two")
    ours, wanted = resumed.network.state_dict(), undisturbed.network.state_dict()
    assert all(torch.equal(ours[name], wanted[name]) for name in wanted)
    assert not all(torch.equal(so_far.network.state_dict()[name], wanted[name]) for name in wanted)
    assert repr(resumed.figures) == repr(undisturbed.figures)
    assert {"all", "rendered"} & set(resumed.figures)


def test_the_door_measures_a_finder_on_pictures_by_person(
    root: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_colour_finder(tmp_path / "red.onnx")
    places = [f"data={root}", f"joints={root / 'joints.csv.gz'}", f"cache={cache}"]
    door([*places, f"measure={file}", "sets=rooms_free"])
    printed = capsys.readouterr().out
    assert "lolzorus" in printed
    assert "asl_hg" in printed
    assert "100.0%" in printed
    assert "0.0% of" in printed
    assert "ms to find" in printed


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "output=<finder.onnx> to train"),
        (["output=finder.pt"], "ends in .onnx"),
        (["output=f.onnx", "measure=g.onnx"], "output=<finder.onnx> to train"),
        (["output=f.onnx", "epochs=0"], "epochs=0 is out of range"),
        (["output=f.onnx", "joints=none.csv.gz"], "cannot be read"),
        (["measure=none.onnx"], "cannot be read"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(
    arguments: list[str], reason: str, root: Path, tmp_path: Path
) -> None:
    places = [f"data={root}", f"joints={root / 'joints.csv.gz'}", f"cache={tmp_path}", "start=hands"]
    with pytest.raises(UserError, match=reason) as caught:
        door([*places, *arguments])
    assert "\n" not in str(caught.value)


def test_tables_and_people_that_are_none_are_refused(root: Path, tmp_path: Path, no_renderer: None) -> None:
    (tmp_path / "no_table.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(UserError, match="no table of joints"):
        list(taught(tmp_path / "no_table.csv.gz"))
    with pytest.raises(UserError, match="is nobody"):
        train_finder(replace(TINY, holdout=("ann",)), root, root / "joints.csv.gz", tmp_path)
    with pytest.raises(UserError, match="needs epochs"):
        FinderTraining(epochs=0)
