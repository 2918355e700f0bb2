"""How the study counts: every reader's answers, whoever gave them, are scored by `figures` here.

Needs numpy alone, so that the peer, which lives in an environment of its own, is scored by the same lines as the
project's networks.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from src.signs.labels import DIGITS, INDEX_OF, NUM_SIGNS, SIGNS

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
# What the study counts as one besides each sign itself. J, Z and 1 are not among them: single still poses of J and Z
# differ from I, D and 1 in the sets measured here.
ALIKE = ("0O", "2V", "6W", "9F")
RESAMPLES, SEED = 4000, 1

_IS_DIGIT = np.arange(NUM_SIGNS) < len(DIGITS)


def _handshapes() -> np.ndarray:
    shapes = np.arange(NUM_SIGNS)
    for one, other in ALIKE:
        shapes[INDEX_OF[other]] = INDEX_OF[one]
    return shapes


_HANDSHAPE = _handshapes()


@dataclass(frozen=True)
class Pictures:
    """What is asked.

    Attributes:
        files: `(pictures,)` paths below the data root, with `/`.
        people: `(pictures,)` who signs.
        signs: `(pictures,)` class indices.
    """

    files: tuple[str, ...]
    people: np.ndarray
    signs: np.ndarray

    def __len__(self) -> int:
        return len(self.files)


def pictures_below(data: Path, name: str) -> Pictures:
    """The pictures of `data/name/<person>/<sign>/`, sorted by path; other folders and files are passed by.

    Raises:
        FileNotFoundError: there are none.
    """
    found = []
    for folder, folders, names in os.walk(data / name):
        folders.sort()
        below = Path(folder).relative_to(data).as_posix().split("/")
        if len(below) == 3 and below[2].upper() in INDEX_OF:
            found += [
                ("/".join([*below, file]), below[1], INDEX_OF[below[2].upper()])
                for file in sorted(names)
                if Path(file).suffix.lower() in EXTENSIONS
            ]
    if not found:
        raise FileNotFoundError(f"{data / name} holds no pictures in <person>/<sign>/.")
    files, people, signs = zip(*found, strict=True)
    return Pictures(files, np.array(people), np.array(signs))


def answered(probabilities: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The most probable allowed sign of each picture, -1 where it has no probability at all: no hand was found there.

    Args:
        probabilities: `(pictures, 36)`; zeros, or NaN, where nothing was found.
        allowed: `(pictures, 36)` or `(36,)` bool.
    """
    left = np.where(allowed, np.nan_to_num(probabilities), 0.0)
    return np.where(left.max(axis=1) > 0, left.argmax(axis=1), -1)


@dataclass
class Figures:
    """Shares of pictures, means over people. A picture in which no hand was found counts as wrong everywhere.

    Attributes:
        strict, alike: the sign itself; the sign or its look-alike (`ALIKE`). Letters only where a person signed letters
            only.
        interval: 95 % of the means of people drawn again with replacement, of `strict`.
        worst: the person read worst, by `strict`.
        open_strict, open_alike: all 36 signs may be answered, whatever the person signed.
        known: strict, where every picture's kind (digit or letter) is known.
        pictures, unfound: how many there are, and in how many no hand was found.
        people: person → the same of that person's pictures.
        signs: sign → `found` (strict), `alike`, and `read_as`, what else it was read as, each mean over people.
    """

    strict: float
    alike: float
    interval: tuple[float, float]
    worst: str
    open_strict: float
    open_alike: float
    known: float
    pictures: int
    unfound: int
    people: dict[str, dict[str, float]] = field(default_factory=dict)
    signs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def worst_strict(self) -> float:
        """Strict share of the person read worst."""
        return self.people[self.worst]["strict"]

    def plain(self) -> dict[str, Any]:
        """As values that JSON can hold."""
        return {**vars(self), "worst_strict": self.worst_strict, "interval": list(self.interval)}


def figures(pictures: Pictures, probabilities: np.ndarray) -> Figures:
    """Score a reader.

    Args:
        pictures: what was asked.
        probabilities: `(pictures, 36)` in the same order; zeros, or NaN, where no hand was found.
    """
    truth, people = pictures.signs, pictures.people
    of_letters = [person for person in np.unique(people) if not _IS_DIGIT[truth[people == person]].any()]
    asked = np.where(np.isin(people, of_letters)[:, None], ~_IS_DIGIT, True)
    everything = np.ones(NUM_SIGNS, dtype=bool)
    answer = answered(probabilities, asked)
    free = answered(probabilities, everything)
    known = answered(probabilities, _IS_DIGIT[truth][:, None] == _IS_DIGIT)
    right = {
        "strict": answer == truth,
        "alike": _alike(answer, truth),
        "open_strict": free == truth,
        "open_alike": _alike(free, truth),
        "known": known == truth,
        "found": free >= 0,
    }
    by_person: dict[str, dict[str, float]] = {}
    for person in np.unique(people):
        own = people == person
        by_person[str(person)] = {name: float(hit[own].mean()) for name, hit in right.items()} | {
            "pictures": int(own.sum())
        }
    mean = {name: float(np.mean([one[name] for one in by_person.values()])) for name in right if name != "found"}
    return Figures(
        **mean,
        interval=_interval(np.array([one["strict"] for one in by_person.values()])),
        worst=min(by_person, key=lambda person: by_person[person]["strict"]),
        pictures=len(pictures),
        unfound=int((free < 0).sum()),
        people=by_person,
        signs=_by_sign(pictures, answer),
    )


def _alike(answer: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return (answer >= 0) & (_HANDSHAPE[answer] == _HANDSHAPE[truth])


def _interval(of_people: np.ndarray) -> tuple[float, float]:
    drawn = np.random.default_rng(SEED).integers(len(of_people), size=(RESAMPLES, len(of_people)))
    low, high = np.quantile(of_people[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def _by_sign(pictures: Pictures, answer: np.ndarray) -> dict[str, dict[str, Any]]:
    signs = {}
    for sign in np.unique(pictures.signs):
        shares = []  # a row a person: how often each sign was answered, "no hand" last
        for person in np.unique(pictures.people):
            own = answer[(pictures.people == person) & (pictures.signs == sign)]
            if len(own):
                shares.append(np.bincount(np.where(own < 0, NUM_SIGNS, own), minlength=NUM_SIGNS + 1) / len(own))
        mean = np.mean(shares, axis=0)
        others = [index for index in np.argsort(-mean, kind="stable") if index != sign and mean[index] >= 0.01]
        signs[SIGNS[sign]] = {
            "found": float(mean[sign]),
            "alike": float(mean[:NUM_SIGNS][_HANDSHAPE[sign] == _HANDSHAPE].sum()),
            "people": len(shares),
            "read_as": {[*SIGNS, "no hand"][index]: round(float(mean[index]), 3) for index in others[:4]},
        }
    return signs
