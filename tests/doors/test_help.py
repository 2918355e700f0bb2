"""Every door explains itself, quickly: without torch, without OpenCV."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
DOORS = sorted(file.stem for file in (PROJECT / "src").glob("*.py") if "__main__" in file.read_text(encoding="utf-8"))
NAMED = {
    "audit": ["output=", "experiments/audits"],
    "demo": ["run=", "port=<number>", "default 7860, from 0 to 65535", "host="],
    "evaluate": ["run=", "settings of datamodule, split, trainer"],
    "export": ["run=", "output=", "quantize=int8", "datamodule.root"],
    "finder": ["data=", "joints=", "output=", "measure=", "default 40", "cleared=<true or false>", "holdout="],
    "predict": ["run=", "input=", "camera:0", "default 15, from 1 to 60", "hold=", "pause=", "sure=", "seconds="],
    "prepare": ["output=", "as for python -m src.train"],
    "pretrain": ["output=", "images=", "default 20000", "epochs=", "size=", "seed=", "cache=", "start="],
    "render": ["output=", "chart=", "sheet=", "default 3600", "signers=", "size=", "seed="],
    "report": ["run=", "sweep=", "output=", "sweep=<seen> sweep=<unseen>"],
    "spelling": ["run=", "hands=<test|rendered|source:signer>", "words=", "HELLO WORLD", "speeds=", "signs=", "films="],
    "sweep": ["<multirun folder> …"],
}


@pytest.mark.parametrize("door", DOORS)
def test_help_names_every_option_without_loading_what_the_work_needs(door: str) -> None:
    code = (
        f"import atexit, runpy, sys; sys.argv = ['src.{door}', '--help']\n"
        "atexit.register(lambda: print({'torch', 'cv2', 'matplotlib'} & set(sys.modules), file=sys.stderr))\n"
        f"runpy.run_module('src.{door}', run_name='__main__', alter_sys=True)\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=False)
    assert (finished.returncode, finished.stderr) == (0, "set()\n")
    assert f"python -m src.{door}" in finished.stdout
    for text in NAMED.get(door, []):
        assert text in finished.stdout
