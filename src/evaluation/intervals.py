"""How far a figure could have come out otherwise: 95 % intervals by drawing whole people, or whole bursts, again.

Frames of one burst are one observation, whatever their number, so frames are never drawn singly. What is drawn is what
the protocol promises: where the tested people were not trained on and there are enough of them, signers,
and the interval speaks for other people; where they were, near-duplicate groups, and it speaks for other pictures of
the same people.

The interval is Hesterberg's expanded percentile interval (2015, "What Teachers Should Know About the Bootstrap", The
American Statistician 69(4), section 5.3): for n units the percentiles are taken at Φ(-√(n/(n-1)) · t(97.5 %, n-1))
instead of 2.5 %, because the plain one is too narrow for few units. In a simulation of signers whose true accuracies
differ (logit-normal, sd 0.6, 70 images each) the plain interval holds the truth 83 % of the time with five signers,
this one 91 %; with twenty 93 % and 94 %.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from src.evaluation.metrics import handshapes
from src.evaluation.promises import has_new_people
from src.runs.tables import GroupScore

CONFIDENCE = 0.95
# With four units the percentile that is asked for (0.0001) is rarer than the rarest draw (4⁻⁴ = 0.004: one unit four
# times), so the interval could not be as wide as it must be. Five is the first number for which it can.
FEWEST_UNITS = 5

SIGNERS, GROUPS = "signers", "near-duplicate groups"
WITH_INTERVALS = ("accuracy", "handshape_accuracy")

_DRAWS = 10_000
_DRAWS_OF_MANY = 2_000  # the percentiles of many units lie where this many draws are plenty
_MANY_UNITS = 500
_SEED = 0xB007


@dataclass(frozen=True)
class Units:
    """What is drawn again to get an interval.

    Attributes:
        name: "signers", "near-duplicate groups", or "" where no interval can be given.
        of_image: `(images,) int64`, 0 … count - 1.
        count: how many there are.
        note: what the interval speaks for, or why there is none; one sentence.
    """

    name: str
    of_image: np.ndarray
    count: int
    note: str


def units_of(signers: np.ndarray, groups: np.ndarray, split: str) -> Units:
    """What to draw again for the images of one test set.

    Args:
        signers: `(images,) str`, "" where unknown.
        groups: `(images,) int64` near-duplicate groups.
        split: the protocol.
    """
    names, of_image = np.unique(np.asarray(signers, dtype=str), return_inverse=True)
    known, new_people = len(names) - int("" in names), has_new_people(split)
    if new_people and "" not in names and known >= FEWEST_UNITS:
        note = f"95 % interval over {known} signers, whole people drawn again."
        return Units(SIGNERS, of_image, known, note)
    who = (
        f"split={split} tests the people that were trained on"
        if not new_people
        else "the images of the test set name no signer"
        if not known
        else f"the test set names {known} {'signer' if known == 1 else 'signers'}, fewer than {FEWEST_UNITS}"
        if "" not in names
        else "part of the test set names no signer"
    )
    ids, of_image = np.unique(np.asarray(groups), return_inverse=True)
    if len(ids) < FEWEST_UNITS:
        count = f"{len(ids)} {'group' if len(ids) == 1 else 'groups'} of near-duplicates"
        return Units("", of_image, len(ids), f"No interval: {who}, and its images are {count}, too few to draw from.")
    note = (
        f"95 % interval over {len(ids)} groups of near-duplicates, since {who}: "
        "it speaks for other pictures of the same people, not for other people."
    )
    return Units(GROUPS, of_image, len(ids), note)


def intervals(labels: np.ndarray, predicted: np.ndarray, units: Units) -> dict[str, tuple[float, float]]:
    """95 % intervals of `WITH_INTERVALS`, to six digits, or {} where `units` has no name.

    Macro F1 gets none: a draw loses whole signs of few units, so that nearly all drawn values lie below the figure.
    Nor does a share of 0 or 1: all draws are the same, which does not mean that it is certain.

    Args:
        labels, predicted: `(images,) int64` class indices.
    """
    if not units.name:
        return {}
    hits = np.stack([labels == predicted, handshapes(labels) == handshapes(predicted)], axis=1)
    low, high = _share_interval(hits, units)
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return {
        name: (round(first, 6), round(last, 6))
        for name, (first, last) in zip(WITH_INTERVALS, ends, strict=True)
        if first < last
    }


def group_scores(
    labels: np.ndarray,
    predicted: np.ndarray,
    signers: np.ndarray,
    sources: np.ndarray,
    groups: np.ndarray,
    split: str,
) -> list[GroupScore]:
    """The accuracy of every signer, then of every source, the best first.

    Args:
        labels, predicted: `(images,) int64` class indices.
        signers: `(images,) str` as `source:signer`, "" where unknown.
        sources: `(images,) str`.
        groups: `(images,) int64` near-duplicate groups.
        split: the protocol.
    """
    correct = labels == predicted
    scores: list[GroupScore] = []
    for kind, names in (("signer", np.asarray(signers, dtype=str)), ("source", np.asarray(sources, dtype=str))):
        ranked = []
        for name in sorted(set(names) - {""}):
            chosen = np.flatnonzero(names == name)
            # Within one signer only pictures can be drawn again, within a source its signers where they suffice.
            units = units_of(signers[chosen], groups[chosen], split)
            low = high = None
            if units.name and 0 < correct[chosen].mean() < 1:
                low, high = (float(end[0]) for end in _share_interval(correct[chosen, None], units))
            accuracy = float(correct[chosen].mean())
            ranked.append(GroupScore(kind, name, len(chosen), accuracy, low, high, units.name, units.count))
        scores += sorted(ranked, key=lambda score: (-score.accuracy, -score.images, score.name))
    return scores


def _share_interval(hits: np.ndarray, units: Units) -> tuple[np.ndarray, np.ndarray]:
    """Low and high ends, `(columns,)`, of the share of hits in each column of `(images, columns) bool`."""
    images = np.bincount(units.of_image, minlength=units.count).astype(np.float64)
    of_unit = np.zeros((units.count, hits.shape[1]))
    np.add.at(of_unit, units.of_image, hits)
    rng = np.random.default_rng(_SEED)
    draws = _DRAWS if units.count <= _MANY_UNITS else _DRAWS_OF_MANY
    chunk = max(1, 2_000_000 // units.count)  # a few tens of megabytes at a time, however many units
    drawn = []
    for start in range(0, draws, chunk):
        times = rng.multinomial(units.count, np.full(units.count, 1 / units.count), size=min(chunk, draws - start))
        drawn.append((times @ of_unit) / (times @ images)[:, None])
    tail = expanded_tail(units.count)
    low, high = np.quantile(np.concatenate(drawn), [tail, 1 - tail], axis=0)
    return low, high


def expanded_tail(units: int) -> float:
    """The share of draws left out at either end, so that the interval of few units is as wide as it must be."""
    t = stats.t.ppf((1 + CONFIDENCE) / 2, units - 1)
    return float(stats.norm.cdf(-np.sqrt(units / (units - 1)) * t))
