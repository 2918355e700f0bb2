"""Put a run into the box, or take the figures of the network there again: `python experiments/boxed_network/retake.py`.

With `run=<run folder>` the run is first exported with int8 weights, which prints its float32 and int8 accuracy, and the
int8 file becomes src/inference/rendered.onnx. Then that file is scored on the photographs of `asl_dataset` in
FINGERSPELL_DATA, where there are any, and spells words of rendered hands. The commands are printed.
"""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

PROJECT = Path(__file__).parents[2]
BOX = PROJECT / "src" / "inference" / "rendered.onnx"


def command(*arguments: str) -> None:
    """One of the project's own commands, as a user would type it."""
    print("\npython -m", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", *arguments], cwd=PROJECT, check=True)


def print_shares(table: Path) -> None:
    """How many pictures of a table of `src.predict` lie in the folder of their sign, by signer (hand1_a_bot….jpeg)."""
    right: dict[str, list[bool]] = defaultdict(list)
    with table.open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            picture = Path(row["file"])
            right[picture.name.partition("_")[0]].append(row["sign"] == picture.parent.name.upper())
    right = dict(sorted(right.items())) | {"all": [answer for answers in right.values() for answer in answers]}
    for signer, answers in right.items():
        print(f"{signer}: {sum(answers) / len(answers):.1%} of {len(answers)}")


def main() -> None:
    """Export where asked, then score."""
    arguments = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    if arguments.keys() - {"run"}:
        raise SystemExit(__doc__)
    photographs = Path(os.environ.get("FINGERSPELL_DATA", PROJECT / "data")) / "asl_dataset"
    with tempfile.TemporaryDirectory() as name:
        if "run" in arguments:
            command("src.export", f"run={arguments['run']}", f"output={name}/rendered.onnx", "quantize=int8")
            shutil.copyfile(f"{name}/rendered.int8.onnx", BOX.with_suffix(".new"))
            BOX.with_suffix(".new").replace(BOX)
        if photographs.is_dir():
            command("src.predict", f"run={BOX}", f"input={photographs}", f"output={name}/read.csv")
            print_shares(Path(name) / "read.csv")
    command("src.spelling", f"run={BOX}", "hands=rendered")


if __name__ == "__main__":
    main()
