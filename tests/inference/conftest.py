"""A trained tiny run, made once, and the doors of this room run as a user would run them."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from omegaconf import OmegaConf

from src.composition import compose
from src.errors import UserError
from src.signs.labels import SIGNS
from tests.conftest import TINY_CNN, TINY_MOBILENET, Finished, tiny_picture


@pytest.fixture(scope="session")
def make_run(tiny_root: Path, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that trains a tiny network for an epoch or more and gives its run's folder."""
    from src.learning.training import train

    def make(*overrides: str) -> Path:
        places = (f"datamodule.root='{tiny_root}'", f"datamodule.cache_dir='{tiny_cache}'", "trainer.progress=false")
        settings = [*overrides, *places]
        run = tmp_path_factory.mktemp("trained") / "run"
        cfg = compose(settings)
        (run / ".hydra").mkdir(parents=True)
        OmegaConf.save(cfg, run / ".hydra" / "config.yaml")
        OmegaConf.save(OmegaConf.create(settings), run / ".hydra" / "overrides.yaml")
        train(cfg, run)
        return run

    return make


@pytest.fixture(scope="session")
def cnn_run(make_run: Callable[..., Path]) -> Path:
    """A CNN of 32 px that knows the tiny set."""
    return make_run(*TINY_CNN, "trainer.max_epochs=12")


@pytest.fixture(scope="session")
def mobilenet_run(make_run: Callable[..., Path]) -> Path:
    """An untrained MobileNetV2 of 32 px."""
    return make_run(*TINY_MOBILENET, "trainer.max_epochs=1", "trainer.limit_batches=1")


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
def pictures(tmp_path: Path) -> Path:
    """A folder of one picture for each of the first six signs, some in a folder of their own."""
    import cv2

    folder = tmp_path / "pictures"
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
