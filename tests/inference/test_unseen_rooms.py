"""How the study of unseen rooms counts."""

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
    assert (tmp_path / "figures.json").is_file()


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
