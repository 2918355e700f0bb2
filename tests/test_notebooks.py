"""The notebooks run from top to bottom on tiny data, and are committed small and without anybody's paths."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import BROWSER_REQUIRED

if not BROWSER_REQUIRED:  # where it is, a missing library is an error
    for library in ("nbclient", "ipykernel"):
        pytest.importorskip(library, reason="notebooks need the extra web-tests: make test-web")

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that runs a notebook with some environment and returns all that it printed."""

    def execute(name: str, **environment: str) -> str:
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]))
        for key in ("FINGERSPELL_DATA", "FINGERSPELL_SETTINGS", "FINGERSPELL_SWEEP"):
            monkeypatch.delenv(key, raising=False)
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        import nbclient
        import nbformat

        notebook = nbformat.read(FOLDER / name, 4)
        folder = {"metadata": {"path": str(FOLDER)}}
        nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=folder).execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
        assert not [output for output in outputs if output.get("name") == "stderr"]
        texts = [str(output.get("text", output.get("data", {}).get("text/markdown", ""))) for output in outputs]
        return "\n".join(texts)

    return execute


def test_the_data_notebook_shows_whatever_images_there_are(
    run: Callable[..., str], tiny_root: Path, tiny_cache: Path
) -> None:
    settings = f"datamodule.cache_dir={tiny_cache} datamodule.image_size_px=32"
    printed = run("01_look_at_the_data.ipynb", FINGERSPELL_DATA=str(tiny_root), FINGERSPELL_SETTINGS=settings)
    assert "288 pictures from ['asl_dataset'], 4 signers" in printed
    shared = [int(percent) for percent in re.findall(r"same person in (\d+)%", printed)]
    assert len(shared) == 2
    assert shared[1] == 0  # split=signer: nobody is on both sides


def test_the_sweep_notebook_tells_a_clear_difference_from_luck(run: Callable[..., str], tmp_path: Path) -> None:
    header = "freeze.k,stages_trained,parameters_trained,split,holdout,runs,failed,seeds,"
    (tmp_path / "sweep.csv").write_text(
        header + "test/accuracy_mean,test/accuracy_sd,train_seconds_mean\n"
        "0,1,100,group,,3,0,1 2 3,0.99,0.001,10\n"  # of another protocol: not compared
        "0,1,100,signer,s:a,3,0,1 2 3,0.40,0.02,10\n"
        "1,2,200,signer,s:a,3,0,1 2 3,0.80,0.02,20\n"
        "2,3,300,signer,s:a,3,0,1 2 3,0.81,0.03,40\n"
        "3,4,400,signer,s:a,1,2,1,0.82,0,50\n"
    )
    printed = run("02_read_a_sweep.ipynb", FINGERSPELL_SWEEP=str(tmp_path))
    assert "split=signer, s:a held out" in printed
    steps = [line for line in printed.splitlines() if "→" in line]
    assert [line.rsplit("|", 2)[1].strip() for line in steps] == [
        "**clear**",
        "not shown",
        "one seed: no way to tell",
    ]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_committed_as_it_ran_small_and_without_a_path(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    numbers = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(text) < 300_000
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    assert "Traceback" not in text
