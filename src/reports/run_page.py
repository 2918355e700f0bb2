"""The page of a run: what was trained, on what, tested how, and what that promises; then everything there is to see."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from src.evaluation.intervals import GroupScore, group_scores
from src.evaluation.metrics import calibration_bins, calibration_error, class_scores, confusion_counts
from src.evaluation.promises import promise, tested
from src.reports import examples as answered
from src.reports import pages
from src.reports.charts import Series, confusion_chart, line_chart, percent, reliability_chart, whisker
from src.reports.examples import Answers, read_answers
from src.runs import folder as run_folder
from src.runs.record import Record
from src.signs.labels import LOOK_ALIKES, SIGNS

_PAIRS, _PAIR_IMAGES, _EXPLAINED = 6, 3, 6
# A page lists this many signers whole; of more, the best and the worst.
_LISTED, _BEST_LISTED, _WORST_LISTED = 30, 5, 15
_FEWEST_IMAGES = 10  # of so many signers, those of whom fewer were tested say nothing one by one

_HEADLINES = (
    ("test/accuracy", "accuracy", "answers that are right"),
    ("test/f1_macro", "macro F1", "every sign counts the same"),
    ("test/handshape_accuracy", "handshape", "look-alikes such as 0 and O count as one"),
    ("test/accuracy_top3", "top 3", "the sign is among the three likeliest"),
    ("test/ece_calibrated", "calibration error", "gap between how sure and how right, calibrated"),
)
_LACKING = {
    "test/accuracy_ci_low": "intervals",
    "test/handshape_accuracy": "handshape accuracy",
    "temperature": "calibrated probabilities",
}


class Album(Protocol):
    """Where a page's pictures come from; each is a data URI."""

    def picture(self, name: str) -> str | None:
        """The image `source/key`, or None where it is not there."""

    def explained(self, names: Sequence[str], classes: Sequence[int]) -> tuple[str, dict[str, str]]:
        """The stage looked at, and image → what of it spoke for the class; "" and {} where no stage can tell."""


def write(run: Path, album: Album | None, without_pictures: str = "") -> Path:
    """Write `<run>/report.html`.

    Args:
        run: the folder of a finished run.
        album: the run's pictures; None writes the page without any.
        without_pictures: why there are none, a sentence.

    Returns:
        The file.

    Raises:
        UserError: the run has not finished, or its tables are damaged.
    """
    metrics = run_folder.read_metrics(run)
    answers = read_answers(run)
    right = answers.right
    file = run / run_folder.REPORT
    stages = run_folder.read_rows(run / run_folder.STAGES)
    bursts = np.arange(len(answers.labels)) if answers.groups is None else answers.groups
    groups = group_scores(answers.labels, answers.predicted, answers.signers, answers.sources, bursts, metrics["split"])
    values = {
        "title": _title(metrics, len(stages)),
        "run": run.name,
        "metrics": metrics,
        "box": _box(metrics),
        "headlines": _headlines(metrics),
        "lacking": [what for key, what in _LACKING.items() if key not in metrics],
        "elsewhere": _elsewhere(run, metrics),
        "curves": _curves(run, metrics),
        "stages": stages,
        "confusion": _confusion(answers),
        "pairs": _pairs(answers, album),
        "explained": _explained(answers, album),
        "without_pictures": without_pictures,
        "reliability": _reliability(answers),
        "classes": sorted(class_scores(answers.labels, answers.predicted), key=lambda score: (score.f1, score.sign)),
        "ranked": _ranked(groups, float(right.mean())),
        "abstention": _abstention(metrics),
    }
    pages.write_page(file, "run.html", values)
    return file


def _title(metrics: Mapping[str, Any], stages: int) -> str:
    trained = metrics["stages_trained"]
    return f"{metrics['model']}, {trained}{f' of {stages}' if stages else ''} stages trained"


def _box(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    parameters, learning = metrics["parameters"], metrics["parameters_trained"]
    weights = f"from {metrics['weights']}" if metrics["weights"] not in (None, "", "none") else "from random weights"
    stages = metrics["stages_trained_names"].replace("+", ", ")
    validation = metrics["validation"].replace(",", ", ")
    val = f"{metrics['val_images']:,} for validation" + (f" ({validation})" if validation else "")
    return [
        (
            "Trained",
            f"{metrics['model']} {weights}, freeze={metrics['freeze']}: {stages}, {learning:,} of {parameters:,} "
            f"parameters; {metrics['image_size_px']} px, augmentation={metrics['augmentation']}, "
            f"seed={metrics['seed']}.",
        ),
        ("On", f"{metrics['sources'].replace(',', ', ')}: {metrics['train_images']:,} images for training, {val}."),
        ("Tested on", f"{tested(Record.from_flat(metrics))}."),
        ("What the figure promises", promise(Record.from_flat(metrics))),
    ]


def _headlines(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    shown = []
    for key, name, meaning in _HEADLINES:
        if metrics.get(key) is None:
            continue
        low, high = metrics.get(f"{key}_ci_low"), metrics.get(f"{key}_ci_high")
        shown.append({"key": key, "name": name, "meaning": meaning, "value": metrics[key], "low": low, "high": high})
    return shown


def _elsewhere(run: Path, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The run's own test, then every other that it was scored on; nothing where there is none."""
    others = run_folder.read_evaluations(run)
    return [
        {
            "own": one is metrics,
            "sources": one["sources"].replace(",", ", "),
            "tested": f"split={one['split']}" + (f", {one['holdout'].replace(',', ', ')}" if one["holdout"] else ""),
            "images": one["test_images"],
            "accuracy": one["test/accuracy"],
            "low": one.get("test/accuracy_ci_low"),
            "high": one.get("test/accuracy_ci_high"),
            "handshape": one.get("test/handshape_accuracy"),
            "leaked": one.get("leaked_test_percent"),
        }
        for one in ([metrics, *others] if others else [])
    ]


def _curves(run: Path, metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    scalars = read_curves(run)
    best = metrics.get("best_epoch")
    charts = []
    for figure, title, text in (("accuracy", "Accuracy", percent), ("loss", "Loss, nats", lambda v: f"{v:.3g}")):
        series = [
            Series(name, list(enumerate(scalars[f"{part}/{figure}"], start=1)), colour=colour)
            for part, name, colour in (("train", "training", 1), ("val", "validation", 0))
            if scalars.get(f"{part}/{figure}")
        ]
        if series:
            epochs = max(len(one.points) for one in series)
            said = "; ".join(f"{one.name} ends at {text(one.points[-1][1])}" for one in series)
            chart = line_chart(
                series,
                f"{title} by epoch: {said}.",
                "epoch",
                "",
                y_text=text,
                most=1 if figure == "accuracy" else None,
                x_ticks=_epoch_ticks(epochs),
                marked_x=best,
                marked_text=f"best, epoch {best}",
            )
            charts.append((title, chart))
    return charts


def _epoch_ticks(epochs: int) -> list[float]:
    step = max(1, -(-epochs // 8))
    return [float(epoch) for epoch in range(1, epochs + 1) if (epoch - 1) % step == 0]


def read_curves(run: Path) -> dict[str, list[float]]:
    """Tag → one value an epoch, from the run's TensorBoard events; {} where there are none."""
    if not any(run.glob("events.out.tfevents.*")):
        return {}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sizes = {"scalars": 0, "images": 1, "tensors": 1, "histograms": 1, "compressedHistograms": 1, "audio": 1}
    events = EventAccumulator(str(run), size_guidance=sizes).Reload()
    wanted = ("train/loss", "train/accuracy", "val/loss", "val/accuracy")
    known = set(events.Tags()["scalars"])
    points = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in wanted if tag in known}
    # The table of hyperparameters repeats some figures at step 0 in the end, where no epoch and no training loss is.
    epochs = {step for step, _ in points.get("train/loss", ())}
    first = {tag: dict(reversed([point for point in of if point[0] in epochs])) for tag, of in points.items()}
    return {tag: [of[step] for step in sorted(of)] for tag, of in first.items()}


def _confusion(answers: Answers) -> Any:
    counts = confusion_counts(answers.labels, answers.predicted)
    there = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    chosen = counts[np.ix_(there, there)].tolist()
    wrong = int((~answers.right).sum())
    said = f"Confusion matrix of {len(there)} signs: {wrong} of {len(answers.labels)} answers are off the diagonal."
    return confusion_chart(chosen, [SIGNS[index] for index in there], said)


def _pairs(answers: Answers, album: Album | None) -> list[dict[str, Any]]:
    pairs = []
    for pair in answered.most_confused(answers.labels, answers.predicted, _PAIRS):
        sides = []
        for sign, other, wrong in ((pair.first, pair.second, pair.forward), (pair.second, pair.first, pair.backward)):
            shows = answers.labels == sign
            misread = np.flatnonzero(shows & (answers.predicted == other))
            # Where one side was never misread, what it looks like is still needed to compare.
            read_well = np.flatnonzero(shows & answers.right)
            candidates = next((some for some in (misread, read_well) if len(some)), np.flatnonzero(shows))
            places = answered.varied(answers, candidates, _PAIR_IMAGES)
            sides.append(
                {
                    "sign": SIGNS[sign],
                    "other": SIGNS[other],
                    "wrong": wrong,
                    "images": pair.first_images if sign == pair.first else pair.second_images,
                    "pictures": _pictures(answers, album, places),
                }
            )
        alike = any({SIGNS[pair.first], SIGNS[pair.second]} <= group for group in LOOK_ALIKES)
        pairs.append({"sides": sides, "alike": alike})
    return pairs


def _pictures(answers: Answers, album: Album | None, places: Sequence[int]) -> list[dict[str, Any]]:
    pictures = []
    for place in places:
        name = answers.names[place]
        if album and (picture := album.picture(name)):
            pictures.append(
                {
                    "uri": picture,
                    "name": name,
                    "sign": SIGNS[answers.labels[place]],
                    "answer": SIGNS[answers.predicted[place]],
                    "probability": float(answers.probability[place]),
                }
            )
    return pictures


def _explained(answers: Answers, album: Album | None) -> dict[str, Any]:
    kinds = (
        ("Right, drawn at random", answered.right_at_random(answers, _EXPLAINED)),
        ("Wrong, and surest of it", answered.surest_mistakes(answers, _EXPLAINED)),
    )
    if album is None:
        return {"stage": "", "rows": []}
    places = [place for _, chosen in kinds for place in chosen]
    names = [answers.names[place] for place in places]
    stage, heat = album.explained(names, [int(answers.predicted[place]) for place in places])
    rows = []
    for title, chosen in kinds:
        pictures = [p | {"heat": heat[p["name"]]} for p in _pictures(answers, album, chosen) if p["name"] in heat]
        if pictures:
            rows.append({"title": title, "pictures": pictures})
    return {"stage": stage, "rows": rows}


def _reliability(answers: Answers) -> dict[str, Any]:
    named = [("calibrated" if answers.uncalibrated is not None else "as trained", answers.probability)]
    if answers.uncalibrated is not None:
        named.insert(0, ("as trained", answers.uncalibrated))
    bins = [
        (name, [(b.confidence, b.accuracy, b.images) for b in calibration_bins(probability, answers.right)])
        for name, probability in named
    ]
    errors = [(name, calibration_error(probability, answers.right)) for name, probability in named]
    said = "Reliability diagram. " + " ".join(f"Calibration error {name}: {error:.1%}." for name, error in errors)
    return {"chart": reliability_chart(bins, said), "names": [name for name, _ in named]}


def _abstention(metrics: Mapping[str, Any]) -> str:
    threshold, answered_share = metrics.get("abstain_below"), metrics.get("test/answered_share")
    if threshold is None or answered_share is None:
        return ""
    if threshold == 0:
        return (
            "Prediction withholds no answer: on the validation images the answers were right 95 % of the time without."
        )
    accuracy = metrics.get("test/answered_accuracy")
    right = f", {pages.share(accuracy)} of them right" if accuracy is not None else ""
    return (
        f"Prediction says “not sure” below a probability of {pages.share(threshold, 0)}, chosen on validation images; "
        f"on the test images that leaves {pages.share(answered_share)} answered{right}."
    )


def _ranked(groups: Sequence[GroupScore], overall: float) -> list[dict[str, Any]]:
    ranked = []
    for kind, title in (("signer", "By signer"), ("source", "By source")):
        scores = [score for score in groups if score.kind == kind]
        left_out, few = 0, ""
        if len(scores) > _LISTED:
            small = [score for score in scores if score.images < _FEWEST_IMAGES]
            scores = [score for score in scores if score.images >= _FEWEST_IMAGES]
            if small:
                images = sum(score.images for score in small)
                together = sum(score.accuracy * score.images for score in small) / images
                few = (
                    f"{len(small)} {kind}s with fewer than {_FEWEST_IMAGES} images each are not ranked: of their "
                    f"{images} images together, {pages.share(together)} were read right."
                )
        if len(scores) > _LISTED:
            left_out = len(scores) - _BEST_LISTED - _WORST_LISTED
            scores = [*scores[:_BEST_LISTED], *scores[-_WORST_LISTED:]]
        rows = [(score, whisker(score.accuracy, score.low, score.high, overall)) for score in scores]
        if rows or few:
            ranked.append({"title": title, "kind": kind, "rows": rows, "left_out": left_out, "few": few})
    return ranked
