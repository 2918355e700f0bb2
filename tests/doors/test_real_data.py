"""The doors over the real image sets, where FINGERSPELL_DATA says that they are."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY_CNN

ROOT = os.environ.get("FINGERSPELL_DATA", "")
needs_real_sets = pytest.mark.skipif(
    not (Path(ROOT) / "asl_dataset").is_dir() or not (Path(ROOT) / "sign_digits").is_dir(),
    reason="FINGERSPELL_DATA names no folder with asl_dataset and sign_digits",
)


@needs_real_sets
def test_a_network_learns_real_signs_and_is_tested_on_a_person_it_never_saw(train_door: Any, tmp_path: Path) -> None:
    run = train_door(
        *(o for o in TINY_CNN if not o.startswith(("datamodule.sources", "split"))),
        "datamodule.sources=[sign_digits,asl_dataset]", "split=signer", "split.holdout=[hand5]",
        "split.validation=[hand4]", "trainer.max_epochs=4", "augmentation=none", "datamodule.batch_size=64",
        # After the fixture's own places, so that these win.
        last=(f"datamodule.root='{ROOT}'", f"datamodule.cache_dir='{tmp_path}/cache'"),
    )  # fmt: skip
    assert run.status == 0, run.err
    assert (run.metrics["train_images"], run.metrics["val_images"], run.metrics["test_images"]) == (4037, 180, 360)
    assert run.metrics["test/accuracy"] > 0.15  # chance is 0.028
