"""Reading a page as a browser would: its figures, its references and whether its tags close."""

import subprocess
from html.parser import HTMLParser
from pathlib import Path

_PHONE_PX = 500  # the narrowest window that a headless Chromium opens

_VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """One parsed page.

    Attributes:
        figures: `data-key` of each `<data>` → its value.
        references: every `src` and `href`.
        scripts: text of each script.
        text: everything that is shown, in one string.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.figures: dict[str, float] = {}
        self.references: list[str] = []
        self.scripts: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.source = file.read_text(encoding="utf-8")
        self.feed(self.source)
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.references += [str(values[name]) for name in ("src", "href") if name in values]
        if tag == "img":
            assert values.get("alt"), "a picture without words"
        if tag == "data":
            self.figures[str(values["data-key"])] = float(str(values["value"]))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts.append(data)
        elif not self._open or self._open[-1] != "style":
            self.text += data.replace("\u00a0", " ")  # between a number and its unit no line is broken

    @property
    def charts(self) -> list[str]:
        """The text of each `<svg>`."""
        return [part.partition("</svg>")[0] for part in self.source.split("<svg")[1:]]

    def asks_for_nothing(self) -> bool:
        """Whether a browser finds in this page no reason to open a connection or another file."""
        words = ("http:", "https:", "//cdn", "url(", "@import", "fetch(", "XMLHttpRequest", "import(", "WebSocket")
        return all(reference.startswith("data:") for reference in self.references) and not any(
            word in self.source for word in words
        )


def shown_on_a_phone(chromium: str, file: Path, scratch: Path, script: str = "") -> str:
    """What a real browser makes of a page in a narrow window, without any network, after running `script` in it.

    It asserts that nothing went wrong, nothing was asked for, and nothing is wider than the window.
    """
    wide = "document.body.dataset.tooWide = document.documentElement.scrollWidth > innerWidth;"
    asked = "document.body.dataset.asked = performance.getEntriesByType('resource').map(r => r.name).join(' ');"
    tried = scratch / "tried.html"
    source = file.read_text(encoding="utf-8")
    tried.write_text(source.replace("</body>", f"<script>{wide}{asked}{script}</script></body>"), encoding="utf-8")
    shown = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            "--disable-background-networking", f"--user-data-dir={scratch}/profile", f"--window-size={_PHONE_PX},800",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", f"file://{tried}",
        ],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "CONSOLE" not in shown.stderr, shown.stderr
    assert 'data-too-wide="false"' in shown.stdout
    asked_for = shown.stdout.partition('data-asked="')[2].partition('"')[0]
    assert all(address.startswith("data:") for address in asked_for.split())
    return shown.stdout
