"""The model card of the network in the box."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.boxed_network import card
from experiments.unseen_rooms.protocol import Pictures, figures
from experiments.unseen_rooms.skin import by_skin
from src.sources.sets.rooms import ROOMS_CLEARED

PROJECT = Path(__file__).resolve().parents[2]
CARD = PROJECT / "experiments" / "boxed_network" / "MODEL_CARD.md"


def test_card_and_readme_name_everybody_whose_pictures_trained_the_box() -> None:
    for text in (CARD.read_text("utf-8"), (PROJECT / "README.md").read_text("utf-8")):
        for line in ROOMS_CLEARED.attributions:
            _, _, whom = line.partition(": ")
            address = next(word for word in whom.replace(",", " ").split() if word.startswith("https://"))
            assert address in text
        assert "CC BY 4.0" in text
        assert "Tamim Rahman" in text


def test_the_card_is_filled_from_what_the_study_measured_and_again(door: Callable, tmp_path: Path) -> None:
    asked = Pictures(("a", "b"), np.array(["ann", "tom"]), np.array([10, 11]))
    scored = figures(asked, np.eye(36)[[10, 10]])
    skin = by_skin(scored, {"ann": np.array([60.0]), "tom": np.array([np.nan])})
    values = {"reader": "box", "set": "rooms_dev", "commit": "1234567", **scored.plain(), "skin": skin.plain()}
    file, copy = tmp_path / "boxed.json", tmp_path / "card.md"
    file.write_text(json.dumps(values))
    copy.write_text(CARD.read_text("utf-8"), "utf-8")
    for _ in range(2):
        filled = door(card.main, f"figures={file}", f"card={copy}")
        assert filled.status == 0, filled.err
    text = copy.read_text("utf-8")
    assert "| tom | 0.0 | 0.0 | 0.0 | 0.0 | 100.0 | 1 |" in text
    assert "| B | 0.0 | 0.0 | 1 | A 100 |" in text
    assert "| very light | 1 | 100.0 | 100.0 |" in text
    assert text.count("<!-- end -->") == 4
    assert "`card.py` writes it" not in text


def test_other_figures_are_refused_and_leave_the_card_as_it_is(door: Callable, tmp_path: Path) -> None:
    file, copy = tmp_path / "boxed.json", tmp_path / "card.md"
    file.write_text('{"strict": 1}')
    copy.write_text(CARD.read_text("utf-8"), "utf-8")
    refused = door(card.main, f"figures={file}", f"card={copy}")
    assert refused.status != 0
    assert "none that measure.py wrote" in refused.err
    assert copy.read_text("utf-8") == CARD.read_text("utf-8")
