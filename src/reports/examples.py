"""The answers of a finished run, read back from its predictions.csv, and which of them are worth looking at."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.errors import UserError
from src.evaluation.metrics import confusion_counts
from src.runs.folder import PREDICTIONS, read_rows
from src.signs.labels import INDEX_OF, NUM_SIGNS, SIGNS

_SEED = 0x11


@dataclass(frozen=True)
class Answers:
    """One entry an image of the test set.

    Attributes:
        names: `source/path`.
        sources: `(images,) str`.
        signers: `(images,) str` as `source:signer`, "" where unknown.
        labels, predicted: `(images,) int64` class indices.
        probability: `(images,) float64` of the answer, calibrated where `uncalibrated` is there.
        uncalibrated: `(images,) float64` before temperature scaling, or None for a run that has no calibration.
        groups: `(images,) int64` near-duplicate groups, or None for a run that did not record them.
    """

    names: list[str]
    sources: np.ndarray
    signers: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    uncalibrated: np.ndarray | None
    groups: np.ndarray | None

    @property
    def right(self) -> np.ndarray:
        """`(images,) bool`."""
        return self.labels == self.predicted


@dataclass(frozen=True)
class ConfusedPair:
    """Two signs that were taken for each other.

    Attributes:
        first, second: class indices; `first` is the one that was misread more often.
        forward: images of `first` read as `second`.
        backward: images of `second` read as `first`.
        first_images, second_images: images of each in the test set.
    """

    first: int
    second: int
    forward: int
    backward: int
    first_images: int
    second_images: int


def read_answers(run: Path) -> Answers:
    """The answers that a finished run left.

    Raises:
        UserError: the run left none, or the table is damaged.
    """
    file = run / PREDICTIONS
    rows = read_rows(file)
    if not rows:
        raise UserError(f"{run} holds no {PREDICTIONS} with answers: python -m src.evaluate run={run} writes one.")
    try:
        return Answers(
            names=[f"{row['source']}/{row['path']}" for row in rows],
            sources=np.array([row["source"] for row in rows], dtype=object),
            signers=np.array([f"{r['source']}:{r['signer']}" if r["signer"] else "" for r in rows], dtype=object),
            labels=np.array([INDEX_OF[row["label"]] for row in rows], dtype=np.int64),
            predicted=np.array([INDEX_OF[row["prediction"]] for row in rows], dtype=np.int64),
            probability=np.array([float(row["probability"]) for row in rows]),
            uncalibrated=_column(rows, "uncalibrated", float),
            groups=_column(rows, "group", int),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{file} is damaged ({error}): a run writes it anew, nothing else should.") from None


def _column(rows: list[dict[str, str]], name: str, kind: type) -> np.ndarray | None:
    return np.array([kind(row[name]) for row in rows]) if name in rows[0] else None


def most_confused(labels: np.ndarray, predicted: np.ndarray, most: int = 6) -> list[ConfusedPair]:
    """The pairs of signs that were taken for each other most often, either way."""
    counts = confusion_counts(labels, predicted)
    shown = counts.sum(axis=1)
    pairs = []
    for a in range(NUM_SIGNS):
        for b in range(a + 1, NUM_SIGNS):
            if counts[a, b] + counts[b, a]:
                first, second = (a, b) if counts[a, b] >= counts[b, a] else (b, a)
                pairs.append(
                    ConfusedPair(
                        first,
                        second,
                        int(counts[first, second]),
                        int(counts[second, first]),
                        int(shown[first]),
                        int(shown[second]),
                    )
                )
    return sorted(pairs, key=lambda p: (-(p.forward + p.backward), SIGNS[p.first]))[:most]


def varied(answers: Answers, candidates: np.ndarray, most: int) -> list[int]:
    """Up to `most` of the candidate places, one of each near-duplicate group before any second."""
    first: dict[int, int] = {}
    for place in candidates:
        first.setdefault(int(place if answers.groups is None else answers.groups[place]), int(place))
    rest = [int(place) for place in candidates if int(place) not in set(first.values())]
    return [*first.values(), *rest][:most]


def surest_mistakes(answers: Answers, most: int) -> list[int]:
    """The wrong answers of the highest probability, one for each (sign, answer)."""
    wrong = np.flatnonzero(~answers.right)
    ordered = wrong[np.argsort(-answers.probability[wrong], kind="stable")]
    first: dict[tuple[int, int], int] = {}
    for place in ordered:
        first.setdefault((int(answers.labels[place]), int(answers.predicted[place])), int(place))
    return list(first.values())[:most]


def right_at_random(answers: Answers, most: int) -> list[int]:
    """Right answers drawn at random, the same for the same run, no two of one sign where there are enough signs."""
    right = np.flatnonzero(answers.right)
    drawn = np.random.default_rng(_SEED).permutation(right)
    first: dict[int, int] = {}
    for place in drawn:
        first.setdefault(int(answers.labels[place]), int(place))
    rest = [int(place) for place in drawn if int(place) not in set(first.values())]
    return [*first.values(), *rest][:most]
