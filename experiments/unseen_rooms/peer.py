"""The peer: MediaPipe's 21 joints and a small MLP, what a competent user has in thirty lines.

    python experiments/unseen_rooms/peer.py data=<root>     # train on three collections, score on rooms_dev
    python experiments/unseen_rooms/peer.py time=<folder of frames>     # milliseconds of MediaPipe itself

It runs in an environment of its own (README.md beside it) and needs numpy and scikit-learn; `time=` needs mediapipe.
The joints are those of `joints.csv.gz` in the data root, which MediaPipe Hands 0.10.14 said of every picture there.
"""

import csv
import gzip
import json
import platform
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.unseen_rooms.protocol import INDEX_OF, NUM_SIGNS, Figures, Pictures, figures

HIDDEN, EPOCHS, SEEDS = (256, 128), 40, (1, 2, 3)
OLDER = ("sign_digits", "asl_dataset", "asl_alphabet", "gesture_images", "finger_letters")
# Sets of rooms_free whose weights may be given away (the data's README); the others are marked "implied" there.
CLEARED = (
    "asl_hg", "lolzorus", "gunsai75", "sakshamsood3", "hawkcodesz", "meyyappan", "derickbessa", "t32rahman",
)  # fmt: skip


def sign_and_person(path: str) -> tuple[int, str]:
    """Class index (-1 where the picture shows none of the 36) and who signs, of a path below the data root."""
    parts = path.split("/")
    if parts[0] in ("rooms_free", "rooms_dev"):
        return INDEX_OF[parts[2].upper()], parts[1]
    if parts[0] == "asl_alphabet" and "test" in parts[1]:
        return INDEX_OF.get(parts[-1].partition("_")[0], -1), parts[0]
    if parts[0] == "finger_letters" and parts[2] == "T":  # not the ASL T
        return -1, parts[1]
    return INDEX_OF.get(parts[-2].upper(), -1), parts[1]


def read_joints(file: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Paths, joints `(pictures, 21, 3)` in px of the picture (NaN where no hand was found), and MediaPipe's side."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    joints = np.array([row[4:] if row[4] else [np.nan] * 63 for row in rows], dtype=np.float32).reshape(-1, 21, 3)
    return [row[0] for row in rows], joints, np.array([row[3] for row in rows])


def normalised(joints: np.ndarray, side: np.ndarray) -> np.ndarray:
    """`(pictures, 42)`: x and y around the middle of their box, over half its longer side, left hands mirrored."""
    flat = joints[:, :, :2].copy()
    low, high = flat.min(axis=1, keepdims=True), flat.max(axis=1, keepdims=True)
    flat -= (low + high) / 2
    flat /= np.maximum((high - low).max(axis=2, keepdims=True) / 2, 1)
    flat[side == "Right", :, 0] *= -1  # MediaPipe names sides as in a mirror
    return flat.reshape(len(flat), -1)


def scored(data: Path) -> dict[str, list[Figures]]:
    """Collection → figures on rooms_dev of each seed."""
    from sklearn.neural_network import MLPClassifier

    paths, joints, side = read_joints(data / "joints.csv.gz")
    told = [sign_and_person(path) for path in paths]
    signs, people = np.array([sign for sign, _ in told]), np.array([person for _, person in told])
    sets = np.array([path.partition("/")[0] for path in paths])
    found = ~np.isnan(joints[:, 0, 0])
    features = normalised(joints, side)
    usable, dev = found & (signs >= 0), sets == "rooms_dev"
    older, free = usable & np.isin(sets, OLDER), usable & (sets == "rooms_free")
    cleared = usable & (sets == "sign_digits") | free & np.isin(people, CLEARED)
    asked = Pictures(tuple(np.array(paths)[dev]), people[dev], signs[dev])
    results: dict[str, list[Figures]] = {}
    for name, train in (("older sets", older), ("and rooms_free", older | free), ("to be given away", cleared)):
        for seed in SEEDS:
            mlp = MLPClassifier(HIDDEN, max_iter=EPOCHS, random_state=seed)
            mlp.fit(features[train], signs[train])
            probabilities = np.zeros((len(paths), NUM_SIGNS))
            probabilities[np.ix_(dev & found, mlp.classes_)] = mlp.predict_proba(features[dev & found])
            results.setdefault(name, []).append(one := figures(asked, probabilities[dev]))
            print(
                f"{name} ({train.sum()} pictures), seed {seed}: {100 * one.strict:.1f} / {100 * one.alike:.1f}, worst "
                f"{one.worst} {100 * one.worst_strict:.1f}; digit or letter known {100 * one.known:.1f}",
                flush=True,
            )
    return results


def frame_milliseconds(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of MediaPipe a frame: `find` looks anew at every one, `follow` has just seen the same frame."""
    import mediapipe
    from PIL import Image

    frames = [np.asarray(Image.open(file).convert("RGB")) for file in sorted(folder.glob("*.png"))]
    took: dict[str, list[float]] = {"find": [], "follow": []}
    hands = mediapipe.solutions.hands.Hands
    options = {"max_num_hands": 1, "model_complexity": 1, "min_detection_confidence": 0.3}
    with hands(static_image_mode=True, **options) as still, hands(static_image_mode=False, **options) as moving:
        still.process(frames[0])  # the first call builds the graph
        for frame in frames:
            for _ in range(rounds):
                begun = time.perf_counter()
                still.process(frame)
                took["find"].append(1000 * (time.perf_counter() - begun))
            if moving.process(frame).multi_hand_landmarks is None:
                continue
            for _ in range(rounds):
                begun = time.perf_counter()
                moving.process(frame)
                took["follow"].append(1000 * (time.perf_counter() - begun))
    return took


def main(arguments: list[str]) -> None:
    """Train and score, or time."""
    given = dict(argument.partition("=")[::2] for argument in arguments)
    if given.keys() - {"data", "output", "time", "rounds"} or not given.keys() & {"data", "time"}:
        raise SystemExit(__doc__)
    if "time" in given:
        print(json.dumps(frame_milliseconds(Path(given["time"]), int(given.get("rounds", 1)))))
        return
    results = scored(Path(given["data"]))
    for name, runs in results.items():
        strict, alike, worst, known = (
            np.array([100 * getattr(one, key) for one in runs]) for key in ("strict", "alike", "worst_strict", "known")
        )
        print(
            f"{name}: {strict.mean():.1f} ± {strict.std(ddof=1):.1f} / {alike.mean():.1f}, worst {worst.mean():.1f}, "
            f"known {known.mean():.1f}"
        )
    if "output" in given:
        values = {name: [one.plain() for one in runs] for name, runs in results.items()}
        Path(given["output"]).write_text(
            json.dumps({"python": platform.python_version(), "seeds": SEEDS, "collections": values}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
