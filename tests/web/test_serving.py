"""Who can reach the page, what it takes, and what the door says to a user's mistake."""

import http.client
import socket

import pytest

from src import demo
from src.errors import UserError
from src.inference.recognizer import Recognizer
from src.web import serving


def request(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    response.read()
    return response


def test_the_page_is_served_to_this_machine_by_its_own_address_alone(served: int) -> None:
    assert request(served, "GET", "/").status == 200
    with pytest.raises(OSError, match="refused"):  # any other address of this machine, another loopback one included
        socket.create_connection(("127.0.0.2", served), timeout=5)


def test_the_door_serves_loopback_unless_told_otherwise_and_then_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(serving, "serve", lambda recognizer, host, port: asked.append((host, port)))
    demo.main([])
    demo.main(["host=0.0.0.0", "port=8123"])
    assert asked == [("127.0.0.1", 7860), ("0.0.0.0", 8123)]
    assert not serving.is_loopback("0.0.0.0")
    assert serving.is_loopback("localhost")
    assert serving.is_loopback("::1")


@pytest.mark.parametrize(("host", "warned"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_one_sentence_warns_of_a_page_that_others_can_reach(
    in_the_box: Recognizer, host: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def run(self, sockets: list[socket.socket]) -> None:
            assert sockets[0].getsockname()[0] == host

    monkeypatch.setattr(serving, "page_server", lambda *arguments: Silent())
    said: list[str] = []
    serving.serve(in_the_box, host, 0, said.append)
    assert said[0].startswith(f"http://{host}:")
    assert (serving.WARNING in said) == warned


def test_a_page_elsewhere_cannot_reach_it_under_a_name_of_its_own(served: int) -> None:
    assert request(served, "GET", "/", Host="attacker.example").status == 400


def test_the_browser_is_forbidden_every_outside_address(served: int) -> None:
    policy = request(served, "GET", "/").getheader("content-security-policy")
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/upload", "/"])
def test_a_body_that_calls_itself_huge_is_refused_unread(served: int, path: str) -> None:
    assert request(served, "POST", path, b"x", Content_Length=str(10**10)).status == 413


def test_a_body_that_hides_its_size_is_cut_off(served: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served, timeout=30)
    chunk = b"x" * 2**20
    connection.putrequest("POST", "/gradio_api/queue/join")
    connection.putheader("content-type", "application/json")
    connection.putheader("transfer-encoding", "chunked")
    connection.endheaders()
    try:
        for _ in range(20):
            connection.send(b"%x\r\n" % len(chunk) + chunk + b"\r\n")
        connection.send(b"0\r\n\r\n")
    except OSError:
        return  # the server had heard enough
    assert connection.getresponse().status == 413


def test_a_file_over_the_limit_is_refused(served: int) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        + b"x" * (101 * 2**20)
        + b"\r\n--b--\r\n"
    )
    response = request(served, "POST", "/gradio_api/upload", body, Content_Type="multipart/form-data; boundary=b")
    assert response.status == 413


def test_files_of_this_machine_are_not_handed_out(served: int) -> None:
    for path in (
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=pyproject.toml",
        "/gradio_api/file=../../etc/passwd",
    ):
        assert request(served, "GET", path).status in (403, 404)


def test_a_taken_port_is_said_in_one_sentence(served: int) -> None:
    with pytest.raises(UserError, match=rf"Port {served} .* port=<number>"):
        serving.bound_socket("127.0.0.1", served)
    with pytest.raises(UserError, match="no address of this machine"):
        serving.bound_socket("no.such.host.invalid", 0)


@pytest.mark.parametrize(
    ("argument", "said"),
    [("prot=1", "not understood"), ("port=99999", "out of range"), ("run=/no/such/run", "no such folder or file")],
)
def test_a_mistaken_argument_is_said_before_anything_is_served(argument: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        demo.main([argument])


def test_without_gradio_the_door_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install -e \.\[demo\]"):
        demo.main([])


def test_what_visitors_leave_is_gone_with_the_page() -> None:
    with serving.room() as folder:
        (folder / "dropped").mkdir()
    assert not folder.exists()
