"""The page at work: served to this machine on a free port."""

import importlib.util
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.conftest import BROWSER_REQUIRED

if TYPE_CHECKING:
    from src.inference.recognizer import Recognizer
    from src.inference.sight import Sight

# make test-web installs what these tests need; make test, which must be quick, goes without.
MISSING = [name for name in ("gradio", "playwright") if importlib.util.find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if MISSING and not BROWSER_REQUIRED else []


@pytest.fixture(scope="session")
def in_the_box() -> "Recognizer":
    """The network that the page starts with."""
    from src.inference.box import IN_THE_BOX
    from src.inference.recognizer import open_recognizer

    return open_recognizer(IN_THE_BOX, threads=1)


@pytest.fixture(scope="session")
def sight(in_the_box: "Recognizer") -> "Sight":
    """What the page looks with."""
    from src.inference.sight import Sight

    return Sight(in_the_box)


@pytest.fixture(scope="session")
def served(in_the_box: "Recognizer", tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of 127.0.0.1 where the page is."""
    from src.web.serving import bound_socket, page_server

    pillow_limit = Image.MAX_IMAGE_PIXELS  # the page lowers it for its whole process
    bound = bound_socket("127.0.0.1", 0)
    server = page_server(in_the_box, "127.0.0.1", tmp_path_factory.mktemp("page"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.05)
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join(timeout=10)
    Image.MAX_IMAGE_PIXELS = pillow_limit
