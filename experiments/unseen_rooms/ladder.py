"""The ladder of the study: `python experiments/unseen_rooms/ladder.py data=<root>` trains and scores every rung.

    python experiments/unseen_rooms/ladder.py data=<root> rungs=crop,people seeds=1 trainer.max_epochs=2

Each rung is `ladder.yaml` and one ingredient; from `crop` on, each is added to `crop` alone, `all` has all of them. A
ladder that was stopped goes on where it was. Other settings of `src.train` are handed on to every rung.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402

from src.errors import UserError  # noqa: E402
from src.runs.folder import METRICS  # noqa: E402
from src.settings.arguments import OfRuns, parse, passed_on, run_door  # noqa: E402
from src.settings.options import Field, closest, settings  # noqa: E402
from src.terminal import table  # noqa: E402

_OLDER = "sign_digits,asl_dataset,asl_alphabet,gesture_images,finger_letters"
_CROP = ("datamodule.crop=hand",)
RUNGS: dict[str, tuple[str, ...]] = {
    "frames": (),
    "crop": _CROP,
    "scenes": (*_CROP, f"datamodule.sources=[{_OLDER},rendered]"),
    "background": (*_CROP, "augmentation=rooms"),
    "joints": (*_CROP, "joints_weight=0.5"),
    "people": (*_CROP, f"datamodule.sources=[{_OLDER},rooms_free]"),
    "by_person": (*_CROP, "datamodule.balance=people"),
    "averaging": (*_CROP, "callbacks=averaged"),
    "all": (
        *_CROP,
        f"datamodule.sources=[{_OLDER},rendered,rooms_free]",
        "augmentation=rooms",
        "joints_weight=0.5",
        "datamodule.balance=people",
        "callbacks=averaged",
    ),
}


@settings
class Arguments(OfRuns):
    """Which rungs, and where runs and figures go."""

    data: Path = Field(title="folder", description="the data root")
    rungs: tuple[str, ...] = Field(tuple(RUNGS), description="which, in this order")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((1, 2, 3), description="of every rung")
    folder: Path = Field(Path("experiments/runs/ladder"), description="of runs and their figures on rooms_dev")
    overrides: tuple[str, ...] = passed_on(description="settings of src.train for every rung")

    def check(self) -> None:
        """The rungs must be known."""
        for rung in self.rungs:
            if rung not in RUNGS:
                raise UserError(f"There is no rung '{rung}'{closest(rung, RUNGS)}: choose from {', '.join(RUNGS)}.")


def command(data: Path, *arguments: str) -> None:
    """One of the project's own commands, as a user would type it.

    Raises:
        UserError: it failed.
    """
    print("\npython", *arguments, flush=True)
    environment = os.environ | {"FINGERSPELL_DATA": str(data)}
    if subprocess.run([sys.executable, *arguments], cwd=PROJECT, env=environment, check=False).returncode:
        raise UserError(f"python {' '.join(arguments)} failed: see above; what is finished is kept.")


def scored(data: Path, run: Path, settings: tuple[str, ...], seed: int) -> dict[str, Any]:
    """The figures of one run on rooms_dev; trains and scores what is not there yet."""
    figures = run / "rooms_dev.json"
    if not (run / METRICS).is_file():
        command(data, "-m", "src.train", "+unseen_rooms=ladder", *settings, f"seed={seed}", f"hydra.run.dir={run}")
    if not figures.is_file():
        command(data, "experiments/unseen_rooms/measure.py", f"data={data}", f"run={run}", f"output={figures}")
    return json.loads(figures.read_text(encoding="utf-8"))


def main(arguments: list[str]) -> None:
    """Train, score, print.

    Raises:
        UserError: an argument is not understood, or a rung failed.
    """
    given = parse(Arguments, arguments)
    data, folder, shown = given.data.resolve(), given.folder.resolve(), table()
    for title in ("rung", "strict", "look-alikes as one", "worst person", "36 signs open", "digit or letter known"):
        shown.add_column(title, justify="left" if title == "rung" else "right")
    for rung in given.rungs:
        runs = [
            scored(data, folder / f"{rung}_seed{seed}", (*RUNGS[rung], *given.overrides), seed) for seed in given.seeds
        ]
        cells = []
        for key in ("strict", "alike", "worst_strict", "open_strict", "known"):
            values = 100 * np.array([one[key] for one in runs])
            spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
            cells.append(f"{values.mean():.1f}{spread}")
        shown.add_row(rung, *cells)
    Console().print(shown)


if __name__ == "__main__":
    run_door(main)
