"""What an audit finds in images with planted faults."""

import cv2
import numpy as np
import pytest

from src.data.audit import Audit, audit
from src.data.collect import Collection
from src.data.manifest import Manifest
from src.data.pixels import Pixels
from src.signs.labels import SIGNS
from src.sources.records import ImageRecord

SHOWN = "ABCLVY"
SIGNERS = 6
SHOTS = 3
SIZE_PX = 64


def picture(sign: str, signer: int, shot: int) -> np.ndarray:
    """(64, 64, 3) uint8: the sign's character, placed, sized and coloured by signer and shot, on a signer's ground."""
    draw = np.random.default_rng((ord(sign), signer, shot))
    ground = np.random.default_rng(signer).integers(0, 70, (8, 8, 3), dtype=np.uint8)
    canvas = cv2.resize(ground, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_LINEAR)
    x, y = (int(v) for v in draw.integers(-5, 6, 2))
    colour = tuple(int(v) for v in draw.integers(150, 256, 3))
    cv2.putText(canvas, sign, (12 + x, 50 + y), cv2.FONT_HERSHEY_SIMPLEX, draw.uniform(1.6, 1.9), colour, 4)
    return np.clip(canvas + draw.normal(0, 3, canvas.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """A set in which one A lies with the Ls, one picture lies under V and Y, and one has a copy under its own sign."""
    folder = tmp_path_factory.mktemp("audit")
    records, pictures = [], []
    for sign in SHOWN:
        for signer in range(SIGNERS):
            for shot in range(SHOTS):
                key = f"{sign}/{signer}_{shot}.jpg"
                records.append(ImageRecord(key, key, SIGNS.index(sign), "folder", f"s{signer}"))
                pictures.append(picture(sign, signer, shot))
    place = {record.key: index for index, record in enumerate(records)}
    pictures[place["L/2_1.jpg"]] = picture("A", 2, 9)
    pictures[place["V/4_0.jpg"]] = pictures[place["Y/4_2.jpg"]]
    pictures[place["B/0_1.jpg"]] = pictures[place["B/0_0.jpg"]]
    # A sign that one person alone shows.
    records += [ImageRecord(f"5/{shot}", f"5/{shot}", 5, "folder", "s1") for shot in range(SHOTS)]
    pictures += [picture("5", 1, shot) for shot in range(SHOTS)]
    file = folder / "cache-1" / "pixels.npy"
    file.parent.mkdir()
    np.save(file, np.stack(pictures))
    pixels = Pixels([file], np.zeros(len(records)), np.arange(len(records)), SIZE_PX)
    return audit(Collection(Manifest(records), pixels, [], SIZE_PX), folder)


def keys(audited: Audit, *images: int) -> set[str]:
    return {audited.collection.manifest[image].key for image in images}


def test_planted_wrong_labels_are_listed_first_with_the_signs_they_show(audited: Audit) -> None:
    doubts = [(audited.collection.manifest[d.image].key, SIGNS[d.suggested]) for d in audited.doubts]
    assert sorted(doubts[:2]) == [("L/2_1.jpg", "A"), ("V/4_0.jpg", "Y")]
    assert len(doubts) <= 6


def test_one_picture_under_two_labels_is_listed(audited: Audit) -> None:
    assert [keys(audited, pair.first, pair.second) for pair in audited.disagreements] == [{"V/4_0.jpg", "Y/4_2.jpg"}]
    assert audited.disagreements[0].cosine == pytest.approx(1)


def test_a_planted_copy_is_found(audited: Audit) -> None:
    exact = audited.duplicates.exact
    copies = np.flatnonzero(exact != np.arange(len(exact)))
    assert [keys(audited, int(copy), int(exact[copy])) for copy in copies] == [
        {"B/0_0.jpg", "B/0_1.jpg"},
        {"V/4_0.jpg", "Y/4_2.jpg"},
    ]


def test_a_sign_by_one_signer_is_named(audited: Audit) -> None:
    assert audited.single_signer == [("folder", 5)]
