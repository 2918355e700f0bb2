"""Tiny runs, made once, and the doors of this room run as a user would run them."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from src.data.split.protocol import PARTS
from src.errors import UserError
from src.learning.run_data import loaded_data
from src.learning.run_settings import RunSettings
from src.nets.build import build_network
from src.runs import folder as run_folder
from src.runs.recorded import CONFIG, OVERRIDES
from src.runs.tables import write_split
from src.settings.composing import compose_config
from src.signs.labels import SIGNS
from src.storage.files import write_text
from tests.conftest import TINY_CNN, TINY_MOBILENET, Finished, tiny_picture
from tests.runs.records import run_record

_STEPS = 80


@pytest.fixture(scope="session")
def make_run(tiny_root: Path, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that makes the folder of a finished run over the tiny set, its network fitted to all images.

    Without Lightning, whose loggers and callbacks are tested elsewhere and take most of a tiny run's time.
    """

    def make(*overrides: str, steps: int = _STEPS) -> Path:
        places = (f"datamodule.root='{tiny_root}'", f"datamodule.cache_dir='{tiny_cache}'", "trainer.progress=false")
        config = compose_config([*overrides, *places])
        settings = RunSettings.of(config)
        run = tmp_path_factory.mktemp("trained") / "run"
        write_text(run / CONFIG, OmegaConf.to_yaml(OmegaConf.create(config)))
        write_text(run / OVERRIDES, OmegaConf.to_yaml(OmegaConf.create([*overrides, *places])))
        data = loaded_data(settings)
        network = build_network(settings.model, settings.datamodule.image_size_px, seed=1).network
        images = torch.from_numpy(data.pixels.take(range(len(data.manifest)))).permute(0, 3, 1, 2)
        labels = torch.from_numpy(data.manifest.labels)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(steps):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
        (run / run_folder.CHECKPOINTS).mkdir()
        tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
        torch.save({"state_dict": tensors}, run / run_folder.BEST)
        write_split(run, ((data.manifest[int(i)].name, part) for part in PARTS for i in data.split.part(part)))
        record = run_record({"accuracy": 0.5}, split="random", holdout=(), sources=("asl_dataset",))
        record.write(run / run_folder.METRICS)
        return run

    return make


@pytest.fixture(scope="session")
def cnn_run(make_run: Callable[..., Path]) -> Path:
    """A CNN of 32 px that knows the tiny set by heart."""
    return make_run(*TINY_CNN)


@pytest.fixture(scope="session")
def mobilenet_run(make_run: Callable[..., Path]) -> Path:
    """An untrained MobileNetV2 of 32 px."""
    return make_run(*TINY_MOBILENET, steps=0)


@pytest.fixture
def door(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Finished]:
    """A function that runs a door's `main(arguments)`; a user's mistake has status 2 and its sentence in `err`."""

    def run(main: Callable[[list[str]], None], *arguments: str) -> Finished:
        capsys.readouterr()
        status, said = 0, ""
        try:
            main(list(arguments))
        except UserError as error:
            status, said = 2, str(error)
        printed = capsys.readouterr()
        return Finished(status, printed.out, said or printed.err, tmp_path)

    return run


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of one image for each of the first six signs, some in a folder of their own."""
    import cv2

    folder = tmp_path / "images"
    (folder / "more").mkdir(parents=True)
    for number, sign in enumerate(SIGNS[:6]):
        place = folder / "more" if number > 3 else folder
        cv2.imwrite(str(place / f"{sign}.png"), tiny_picture(sign, signer=0, shot=0))
    return folder


def write_video(file: Path, frames: list[np.ndarray], rate_hz: int = 25) -> Path:
    """A lossless film of `(height, width, 3) uint8` RGB frames."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264rgb", rate=rate_hz, options={"qp": "0"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "rgb24"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return file
