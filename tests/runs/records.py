"""Records to test with: of a run and of another test, whole and plausible."""

from dataclasses import replace
from typing import Any

from src.runs.record import EvaluationRecord, RunRecord

RUN = RunRecord(
    test={
        "accuracy": 0.8125, "accuracy_top3": 0.95, "f1_macro": 0.79, "handshape_accuracy": 0.8333, "loss": 0.71,
        "ece": 0.12, "loss_calibrated": 0.66, "ece_calibrated": 0.034, "answered_share": 0.7, "answered_accuracy": 0.93,
    },
    intervals={"accuracy": (0.71, 0.88), "handshape_accuracy": (0.72, 0.9)},
    interval_unit="signers", interval_units=6,
    interval_note="95 % interval over 6 signers, whole people drawn again.",
    temperature=1.25, abstain_below=0.4,
    split="signer", holdout=("set:p1",), split_notes="", leaked_test_percent=0.0, sources=("set",), test_images=96,
    precision="32-true", commit="abc", machine="test",
    val={"accuracy": 0.84, "f1_macro": 0.8, "accuracy_top3": 0.96, "handshape_accuracy": 0.9, "loss": 0.6, "ece": 0.1},
    validation=("set:p2",), validation_rule="signer", train_images=500, val_images=50, left_out_images=0,
    model="cnn", weights="random start", freeze="none", stages_trained=3,
    stages_trained_names=("conv1", "neck", "head"),
    parameters=1000, parameters_trained=900, frozen_unchanged=True, augmentation="light", image_size_px=64,
    batch_size=32, seed=1, split_seed=1, seconds=12.5, train_seconds=10.0, images_per_second=100.0,
    best_epoch=2, epochs=3, cache="off", cache_views=0, cache_fill_seconds=0.0, cache_saved_seconds=0.0,
)  # fmt: skip


def run_record(test: dict[str, float | None] | None = None, **changed: Any) -> RunRecord:
    """`RUN` with other values; figures of `test` replace those of the same name."""
    return replace(RUN, test={**RUN.test, **(test or {})}, **changed)


def evaluation_record(**changed: Any) -> EvaluationRecord:
    """Another test of `RUN`, on all images of another dataset."""
    known = {name: getattr(RUN, name) for name in EvaluationRecord.__dataclass_fields__ if hasattr(RUN, name)}
    other = {"run": "run", "seen_in_training": 0, "seen_in_validation": 0, "sources": ("far",), "holdout": ()}
    return EvaluationRecord(**{**known, **other, "split": "everything", **changed})
