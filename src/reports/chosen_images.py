"""Which images of a test set are worth looking at, and the sections of a run's page that show them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from src.evaluation.metrics import confusion_counts
from src.reports.finished_run import FinishedRun
from src.runs.tables import PredictionTable
from src.signs.labels import LOOK_ALIKES, SIGNS

_SEED = 0x11
_PAIRS, _PAIR_IMAGES, _EXPLAINED = 6, 3, 6


def pairs(run: FinishedRun) -> dict[str, Any] | None:
    """The pairs of signs that were taken for each other most often, either way."""
    counts = confusion_counts(run.predictions.labels, run.predictions.predicted)
    either_way = np.triu(counts + counts.T, k=1)
    order = sorted(np.argwhere(either_way), key=lambda pair: (-either_way[*pair], SIGNS[pair[0]]))[:_PAIRS]
    shown = []
    for a, b in order:
        first, second = (a, b) if counts[a, b] >= counts[b, a] else (b, a)
        sides = [_side(run, counts, sign, other) for sign, other in ((first, second), (second, first))]
        shown.append({"sides": sides, "alike": any({SIGNS[a], SIGNS[b]} <= group for group in LOOK_ALIKES)})
    return {"pairs": shown} if shown else None


def _side(run: FinishedRun, counts: np.ndarray, sign: int, other: int) -> dict[str, Any]:
    predictions = run.predictions
    shows = predictions.labels == sign
    # Where one side was never misread, what it looks like is still needed to compare.
    kinds = (shows & (predictions.predicted == other), shows & predictions.correct, shows)
    candidates = next((np.flatnonzero(kind) for kind in kinds if kind.any()), np.empty(0, np.int64))
    return {
        "sign": SIGNS[sign],
        "other": SIGNS[other],
        "wrong": int(counts[sign, other]),
        "images": int(counts[sign].sum()),
        "shown": _shown(run, _one_of_each(candidates, predictions.groups[candidates], _PAIR_IMAGES)),
    }


def looks(run: FinishedRun) -> dict[str, Any] | None:
    """Where the network looked: some correct predictions, and the mistakes that it was surest of."""
    if run.album is None:
        return {"without": run.without_images, "rows": []} if run.without_images else None
    kinds = (
        ("Correct, drawn at random", correct_at_random(run.predictions, _EXPLAINED)),
        ("Wrong, and surest of it", surest_mistakes(run.predictions, _EXPLAINED)),
    )
    indices = [index for _, chosen in kinds for index in chosen]
    names = [run.predictions.names[index] for index in indices]
    stage, heat = run.album.explained(names, [int(run.predictions.predicted[index]) for index in indices])
    rows = []
    for title, chosen in kinds:
        if shown := [one | {"heat": heat[one["name"]]} for one in _shown(run, chosen) if one["name"] in heat]:
            rows.append({"title": title, "shown": shown})
    return {"without": "", "stage": stage, "rows": rows} if rows else None


def surest_mistakes(predictions: PredictionTable, most: int) -> list[int]:
    """Indices of the wrong predictions of the highest probability, one for each (sign, prediction)."""
    wrong = np.flatnonzero(~predictions.correct)
    ordered = wrong[np.argsort(-predictions.probability[wrong], kind="stable")]
    first: dict[tuple[int, int], int] = {}
    for index in ordered:
        first.setdefault((int(predictions.labels[index]), int(predictions.predicted[index])), int(index))
    return list(first.values())[:most]


def correct_at_random(predictions: PredictionTable, most: int) -> list[int]:
    """Indices of correct predictions, the same for the same run, no two of one sign where there are enough signs."""
    drawn = np.random.default_rng(_SEED).permutation(np.flatnonzero(predictions.correct))
    return _one_of_each(drawn, predictions.labels[drawn], most)


def _one_of_each(candidates: np.ndarray, kinds: np.ndarray, most: int) -> list[int]:
    """Up to `most` of the candidates, one of each kind before any second."""
    first = set(np.unique(kinds, return_index=True)[1].tolist())
    order = sorted(range(len(candidates)), key=lambda index: index not in first)
    return [int(candidates[index]) for index in order[:most]]


def _shown(run: FinishedRun, indices: Sequence[int]) -> list[dict[str, Any]]:
    predictions = run.predictions
    return [
        {
            "uri": uri,
            "name": predictions.names[index],
            "sign": SIGNS[predictions.labels[index]],
            "prediction": SIGNS[predictions.predicted[index]],
            "probability": float(predictions.probability[index]),
        }
        for index in indices
        if run.album and (uri := run.album.image(predictions.names[index]))
    ]
