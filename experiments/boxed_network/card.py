"""Write the figures of MODEL_CARD.md from what the study measured.

python experiments/unseen_rooms/measure.py data=<root> output=boxed.json
python experiments/boxed_network/card.py figures=boxed.json
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from src.errors import UserError  # noqa: E402
from src.settings.arguments import OfRuns, parse, run_door  # noqa: E402
from src.settings.options import Field, settings  # noqa: E402
from src.signs.labels import SIGNS  # noqa: E402
from src.storage.files import write_text  # noqa: E402


@settings
class Arguments(OfRuns):
    """Which figures, and the card."""

    figures: Path = Field(title="file.json", description="what experiments/unseen_rooms/measure.py wrote")
    card: Path = Field(Path(__file__).with_name("MODEL_CARD.md"), title="file.md", description="the card")


def _table(titles: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *rows))


def _percent(*shares: float) -> list[str]:
    return [f"{100 * share:.1f}" for share in shares]


def headline(scored: dict[str, Any]) -> str:
    """All people together."""
    low, high = scored["interval"]
    titles = ["%", "strict", "other people, 95 %", "alike", "worst person", "36 signs open", "digit or letter known"]
    keys = ("strict", "alike", "worst_strict", "open_strict", "known")
    strict, *others = _percent(*(scored[key] for key in keys))
    row = [scored["reader"], strict, f"{100 * low:.0f} – {100 * high:.0f}", *others]
    return (
        f"{_table(titles, [row])}\n\n{scored['pictures']} pictures of `{scored['set']}`, no hand found in "
        f"{scored['unfound']}; commit `{scored['commit']}`."
    )


def people(scored: dict[str, Any]) -> str:
    """A row a person."""
    keys = ("strict", "alike", "open_strict", "known", "found")
    rows = [
        [name, *_percent(*(one[key] for key in keys)), f"{one['pictures']:.0f}"]
        for name, one in scored["people"].items()
    ]
    return _table(["person", "strict", "alike", "36 open", "known", "hand found", "pictures"], rows)


def signs(scored: dict[str, Any]) -> str:
    """A row a sign, in the order of the 36."""
    rows = []
    for sign in SIGNS:
        if sign in scored["signs"]:
            one = scored["signs"][sign]
            read_as = ", ".join(f"{other} {100 * share:.0f}" for other, share in one["read_as"].items())
            rows.append([sign, *_percent(one["found"], one["alike"]), str(one["people"]), read_as])
    return _table(["sign", "found", "alike", "people", "else read as, %"], rows)


def skin(scored: dict[str, Any]) -> str:
    """A row a class that holds anybody."""
    if scored["skin"] is None:
        return "Not told: these pictures have no joints of a teacher."
    rows = [
        [one["name"], str(one["people"]), *_percent(one["strict"], one["worst"])] for one in scored["skin"]["groups"]
    ]
    spread = scored["skin"]["spread_degrees"]
    return (
        f"{_table(['skin of the hand, as seen', 'people', 'strict', 'worst'], rows)}\n\n"
        f"Half of a person's own pictures span {spread:.0f} degrees; a class is 13 to 40 wide."
    )


_PARTS = {"headline": headline, "people": people, "signs": signs, "skin": skin}


def filled(card: str, scored: dict[str, Any]) -> str:
    """The card with its four parts written anew.

    Raises:
        UserError: it lacks the place of one, or these are no figures of the study.
    """
    for name, part in _PARTS.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        if not place.search(card):
            raise UserError(f"The card has no place for {name}: lines <!-- {name} --> and <!-- end -->.")
        try:
            text = part(scored)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"figures= are none that measure.py wrote: {name} cannot be read ({error!r}).") from None
        card = place.sub(lambda found, text=text: found[1] + text + found[2], card)
    return card


def main(arguments: list[str]) -> None:
    """Read, fill, write.

    Raises:
        UserError: an argument is not understood, or a file cannot be used.
    """
    given = parse(Arguments, arguments)
    try:
        scored, card = json.loads(given.figures.read_text("utf-8")), given.card.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"figures={given.figures} or card={given.card} cannot be read ({error}).") from None
    write_text(given.card, filled(card, scored))
    left = given.card.read_text("utf-8").count("TO FILL")
    print(f"{given.card.name} has the figures of {scored['reader']}; {left} places in it still say TO FILL.")


if __name__ == "__main__":
    run_door(main)
