"""Put a run into the box, or take the figures of the network there again: `python experiments/boxed_network/retake.py`.

With `run=<run folder>` the run is first exported with its weights in 16 bits, which prints what that costs, and the
file becomes src/inference/reader.onnx. Then the network in the box is scored: on people before their own webcams and on
films of unseen hands where FINGERSPELL_DATA holds their pictures, and on words of rendered hands. It prints its
commands.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parents[2]
BOX = PROJECT / "src" / "inference" / "reader.onnx"
UNSEEN = ("asl_dataset:hand5", "rooms_dev:ahmedabdelrazek", "rooms_dev:goshattrv")


def command(*arguments: str) -> None:
    """One of the project's own commands, as a user would type it."""
    print("\npython", *arguments, flush=True)
    subprocess.run([sys.executable, *arguments], cwd=PROJECT, check=True)


def main() -> None:
    """Export where asked, then score."""
    arguments = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    if arguments.keys() - {"run"}:
        raise SystemExit(__doc__)
    root = Path(os.environ.get("FINGERSPELL_DATA", PROJECT / "data"))
    if "run" in arguments:
        with tempfile.TemporaryDirectory() as name:
            command("-m", "src.export", f"run={arguments['run']}", f"output={name}/reader.onnx", "quantize=fp16")
            shutil.copyfile(f"{name}/reader.fp16.onnx", BOX.with_suffix(".new"))
            BOX.with_suffix(".new").replace(BOX)
    if (root / "rooms_dev").is_dir():
        command("experiments/unseen_rooms/measure.py", f"data={root}")
    for hands in ("rendered", *UNSEEN):
        if hands == "rendered" or (root / hands.partition(":")[0]).is_dir():
            command("-m", "src.spelling", f"hands={hands}")


if __name__ == "__main__":
    main()
