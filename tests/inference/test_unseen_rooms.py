"""How the study of unseen rooms counts."""

import csv
import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.unseen_rooms import measure
from experiments.unseen_rooms.finder import overlap
from experiments.unseen_rooms.handless import Joints, free_parts, window_of
from experiments.unseen_rooms.idle import MOST_OF_ONE, between_signs
from experiments.unseen_rooms.protocol import Pictures, figures
from experiments.unseen_rooms.skin import HIDDEN, PALM, by_skin, class_of, typology_angle
from src.errors import UserError
from src.signs.labels import INDEX_OF, NUM_SIGNS


def pictures(*asked: tuple[str, str]) -> Pictures:
    """Of (person, sign) each."""
    people, signs = zip(*asked, strict=True)
    files = tuple(f"set/{person}/{sign}/{number}.jpg" for number, (person, sign) in enumerate(asked))
    return Pictures(files, np.array(people), np.array([INDEX_OF[sign] for sign in signs]))


def answers(*each: str) -> np.ndarray:
    """`(pictures, 36)`: the first sign of each most probable, the next one second; "" where no hand was found."""
    rows = np.zeros((len(each), NUM_SIGNS))
    for row, signs in zip(rows, each, strict=True):
        for place, sign in enumerate(signs):
            row[INDEX_OF[sign]] = 0.6 / 2**place
    return rows


def test_look_alikes_are_wrong_strictly_and_right_as_one() -> None:
    asked = pictures(("ann", "0"), ("ann", "V"), ("ann", "F"), ("ann", "D"))
    scored = figures(asked, answers("O", "2", "9", "1"))
    assert scored.strict == 0
    assert scored.alike == 0.75


def test_who_signed_letters_only_is_answered_in_letters() -> None:
    asked = pictures(("ann", "O"), ("tom", "O"), ("tom", "5"))
    scored = figures(asked, answers("0O", "0O", "5"))
    assert scored.people["ann"]["strict"] == 1
    assert scored.people["tom"]["strict"] == 0.5
    assert scored.people["ann"]["open_strict"] == 0
    assert scored.people["tom"]["known"] == 1


def test_a_picture_without_a_found_hand_is_wrong_whatever_is_allowed() -> None:
    scored = figures(pictures(("ann", "A"), ("ann", "B")), answers("", "B"))
    assert (scored.strict, scored.alike, scored.open_strict, scored.known) == (0.5,) * 4
    assert scored.unfound == 1
    assert scored.signs["A"]["read_as"] == {"no hand": 1.0}


def test_a_person_counts_as_much_as_another_with_more_pictures() -> None:
    scored = figures(pictures(("ann", "A"), *[("tom", "A")] * 9), answers("A", *["B"] * 9))
    assert scored.strict == 0.5
    assert (scored.worst, scored.worst_strict) == ("tom", 0)
    assert scored.interval == (0, 1)


def test_a_table_of_predict_is_scored_like_the_network_that_wrote_it(tmp_path: Path) -> None:
    for person, sign in (("ann", "A"), ("tom", "B"), ("tom", "C")):
        folder = tmp_path / "set" / person / sign
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "0.jpg")
    asked = measure.pictures_of(tmp_path, "set")
    header = "file,answer,sign,probability,second,second_probability,third,third_probability,problem\n"
    table = tmp_path / "read.csv"
    table.write_text(
        f"{header}{tmp_path}/set/ann/A/0.jpg,not sure,A,0.4,B,0.3,C,0.1,\n"
        f"{tmp_path}/set/tom/B/0.jpg,,,,,,,,no hand\nelsewhere.jpg,A,A,0.9,B,0.05,C,0.01,\n"
    )
    scored = figures(asked, measure.read_by_table(table, tmp_path, asked))
    assert scored.people["ann"]["strict"] == 1
    assert scored.people["tom"]["strict"] == 0
    assert scored.unfound == 2
    table.write_text(header)
    with pytest.raises(UserError, match="holds none of the pictures"):
        measure.read_by_table(table, tmp_path, asked)
    with pytest.raises(UserError, match="holds no pictures"):
        measure.pictures_of(tmp_path, "other")


def test_a_network_is_scored_from_the_command_line(cnn_run: Path, door: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "set" / "ann" / "A"
    folder.mkdir(parents=True)
    Image.new("RGB", (40, 30), (90, 60, 50)).save(folder / "0.jpg")
    scored = door(measure.main, f"data={tmp_path}", "set=set", f"run={cnn_run}", f"output={tmp_path}/figures.json")
    assert scored.status == 0, scored.err
    assert "worst person ann" in scored.out
    assert "not told by skin" in scored.out
    assert json.loads((tmp_path / "figures.json").read_text())["skin"] is None


def palm(left: float, top: float, side: float) -> np.ndarray:
    """`(21, 2)` joints whose palm fills a square."""
    joints = np.full((21, 2), (left, top), np.float32)
    joints[list(PALM)] += np.array([(0.5, 1), (0, 0), (1, 0), (1, 1), (0, 1)]) * side
    return joints


def test_the_lighter_a_palm_the_larger_its_angle_whatever_is_beside_it() -> None:
    angles = []
    for skin in ((228, 195, 175), (200, 150, 120), (90, 60, 45)):
        pixels = np.zeros((60, 60, 3), np.uint8)
        pixels[15:46, 15:46] = skin
        angles.append(typology_angle(pixels, palm(20, 20, 20)))
    assert [class_of(angle) for angle in angles] == ["very light", "intermediate", "dark"]


@pytest.mark.parametrize("skin", [(255, 250, 240), (25, 18, 15), (150, 130, 160)], ids=["burnt out", "black", "blue"])
def test_a_palm_in_no_colour_of_skin_tells_none(skin: tuple[int, int, int]) -> None:
    assert np.isnan(typology_angle(np.full((60, 60, 3), skin, np.uint8), palm(20, 20, 20)))


def test_a_palm_outside_the_picture_or_seen_from_its_edge_tells_no_skin() -> None:
    pixels = np.full((60, 60, 3), (200, 150, 120), np.uint8)
    assert np.isfinite(typology_angle(pixels, palm(20, 20, 20)))
    for joints in (palm(80, 20, 20), palm(-40, 20, 20), palm(20, -40, 20), palm(20, 20, 3)):
        assert np.isnan(typology_angle(pixels, joints))


def test_people_are_grouped_by_most_of_their_pictures() -> None:
    scored = figures(pictures(("ann", "A"), ("tom", "A"), ("tom", "B"), ("eve", "C")), answers("A", "A", "C", "C"))
    angles = {"ann": np.array([60, 60, 0, np.nan]), "tom": np.array([56, np.nan]), "eve": np.array([9, *[np.nan] * 2])}
    groups = [(group.name, group.people, group.strict, group.worst) for group in by_skin(scored, angles).groups]
    assert groups == [("very light", 2, 0.75, 0.5), (HIDDEN, 1, 1, 1)]


def test_a_table_is_scored_by_skin_where_joints_are_known(door: Callable, tmp_path: Path) -> None:
    file = tmp_path / "set" / "ann" / "A" / "0.png"
    file.parent.mkdir(parents=True)
    Image.new("RGB", (60, 60), (90, 60, 45)).save(file)
    with gzip.open(tmp_path / "joints.csv.gz", "wt", newline="") as stream:
        points = np.pad(palm(20, 20, 20), ((0, 0), (0, 1))).ravel()
        csv.writer(stream).writerow(["set/ann/A/0.png", 60, 60, "Left", *points])
    table, output = tmp_path / "read.csv", tmp_path / "figures.json"
    header = "file,answer,sign,probability,second,second_probability,third,third_probability,problem\n"
    table.write_text(f"{header}{file},A,A,0.9,B,0.05,C,0.01,\n")
    scored = door(measure.main, f"data={tmp_path}", "set=set", f"table={table}", f"output={output}")
    assert scored.status == 0, scored.err
    assert "coarse order" in " ".join(scored.out.split())
    skin = json.loads(output.read_text())["skin"]
    assert skin["groups"] == [{"name": "dark", "people": 1, "strict": 1.0, "worst": 1.0}]


def test_what_is_free_beside_a_hand_holds_none_of_it() -> None:
    points = np.array([[100.0, 120.0]] * 20 + [[160.0, 200.0]], np.float32)
    joints = Joints(320, 240, points)
    parts = free_parts(joints)
    assert len(parts) == 3
    for x0, y0, x1, y1 in parts:
        window = window_of((x0, y0, x1, y1), np.random.default_rng(1))
        for left, top, right, bottom in ((x0, y0, x1, y1), window):
            assert 0 <= left < right <= 320
            assert 0 <= top < bottom <= 240
            assert right < 100 or left > 160 or bottom < 120
    assert free_parts(Joints(320, 240, None)) == []


def test_boxes_overlap_by_intersection_over_union() -> None:
    assert overlap(np.array([0, 0, 2, 2]), np.array([1, 0, 3, 2])) == pytest.approx(1 / 3)
    assert overlap(np.array([0, 0, 1, 1]), np.array([2, 2, 3, 3])) == 0


def test_a_hand_between_signs_never_shows_one_of_them() -> None:
    black, white = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
    frames = list(between_signs([[black], [white]], 2.0, np.random.default_rng(1)))
    greys = np.array([frame.mean() / 255 for frame in frames])
    assert len(frames) == 50
    assert greys.max() <= MOST_OF_ONE + 0.01
    assert greys.min() >= 1 - MOST_OF_ONE - 0.01
