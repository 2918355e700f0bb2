"""Serving the page: to this machine alone unless told otherwise, with limits, and with nothing fetched from outside."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

# Read when gradio is imported: it would report its use, ask for newer versions and try the address outside.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import cv2
import fastapi
import gradio as gr
import uvicorn
from PIL import Image
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.errors import UserError
from src.inference.recognizer import Recognizer
from src.web.dropped import MOST_MEGAPIXELS
from src.web.page import CHART_ADDRESS, MOST_FILE_BYTES, STYLE, build_page, theme

_CHART = Path(__file__).parents[2] / "experiments" / "rendered_hands" / "chart.jpg"
_MOST_BODY_BYTES = 4 * MOST_FILE_BYTES  # several files come in one request
_MOST_FRAME_BYTES = 16 * 1024**2
# The browser itself refuses every other address, whatever a library's script may ask for.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)

WARNING = (
    "warning: whoever reaches this machine over the network can use the page and send it files; browsers give a camera "
    "to localhost and https pages only."
)


class _TooLarge(Exception):
    """More of a body came than is taken."""


class Guard:
    """Refuses bodies over the limit before they are read, and forbids the browser every outside address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = _MOST_BODY_BYTES if scope["path"].endswith("/upload") else _MOST_FRAME_BYTES
        taken, begun = 0, False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise _TooLarge
            return message

        async def with_policy(message: Message) -> None:
            nonlocal begun
            if taken > most and not begun:
                return  # what the application makes of a body that was cut off; the sender is told below
            if message["type"] == "http.response.start":
                begun = True
                own = [(b"content-security-policy", _POLICY.encode()), (b"referrer-policy", b"no-referrer")]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > most:
            taken = most + 1
        else:
            try:
                await self.app(scope, counted, with_policy)
            except _TooLarge:
                if begun:
                    raise
        if taken > most and not begun:
            text = f"More than {most // 1024**2} MB at once is not taken.".encode()
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": text})


def is_loopback(host: str) -> bool:
    """Whether an address reaches this machine only."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that nobody else has; port 0 takes a free one.

    Raises:
        UserError: the address is not this machine's, or the port is taken.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except socket.gaierror:
        raise UserError(f"host={host} is no address of this machine: leave it out, or say host=0.0.0.0.") from None
    except OSError as error:
        raise UserError(
            f"Port {port} of {host} cannot be used ({error.strerror}): name another with port=<number>."
        ) from None
    return bound


def application(recognizer: Recognizer, folder: Path, host: str) -> fastapi.FastAPI:
    """The page as a web application.

    Args:
        folder: for the chart, examples and what visitors drop; the caller removes it.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "dropped")
    # A camera's frames are decoded by Gradio; Pillow refuses twice this many pixels.
    Image.MAX_IMAGE_PIXELS = int(MOST_MEGAPIXELS * 1e6 / 2)
    examples = folder / "examples"
    examples.mkdir()
    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    chart = _chart(folder)

    def send_chart() -> FileResponse:
        return FileResponse(chart, headers={"cache-control": "max-age=3600"})

    app.add_api_route(f"/{CHART_ADDRESS}", send_chart)
    app.add_middleware(Guard)
    if is_loopback(host):
        # A page elsewhere whose name was made to point here must not reach the camera's answers.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]"])
    page = build_page(recognizer, examples)
    page.queue(max_size=64)
    return gr.mount_gradio_app(
        app,
        page,
        path="",
        server_name=host,
        allowed_paths=[str(examples)],
        show_error=True,
        max_file_size=MOST_FILE_BYTES,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css_paths=STYLE,
    )


def _chart(folder: Path) -> Path:
    if _CHART.is_file():
        return _CHART
    from src.synthetic.sheets import chart

    drawn = folder / "chart.jpg"
    cv2.imwrite(str(drawn), cv2.cvtColor(chart(), cv2.COLOR_RGB2BGR))
    return drawn


@contextmanager
def room() -> Iterator[Path]:
    """A folder that is gone when the page stops."""
    folder = Path(tempfile.mkdtemp(prefix="fingerspell-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def page_server(recognizer: Recognizer, host: str, folder: Path) -> uvicorn.Server:
    """A server of the page, not yet running: `run(sockets=[…])` blocks until `should_exit` is set.

    Args:
        folder: see `application`.
    """
    app = application(recognizer, folder, host)
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))


def serve(recognizer: Recognizer, host: str, port: int, say: Callable[[str], None] = print) -> None:
    """Serve until Ctrl-C.

    Raises:
        UserError: the address cannot be used.
    """
    with bound_socket(host, port) as bound, room() as folder:
        server = page_server(recognizer, host, folder)
        address = f"[{host}]" if ":" in host else host
        say(f"http://{address}:{bound.getsockname()[1]}   (Ctrl-C ends it)")
        if not is_loopback(host):
            say(WARNING)
        server.run(sockets=[bound])
