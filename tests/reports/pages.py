"""Reading a page as a browser would: its figures, its references and whether its tags close."""

from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "link", "img", "br", "input", "hr"}
_DRAWN = {"circle", "line", "rect", "polyline"}  # SVG elements that close themselves


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

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _DRAWN
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts.append(data)
        elif not self._open or self._open[-1] != "style":
            self.text += data.replace("\u00a0", " ")  # between a number and its unit no line is broken

    def asks_for_nothing(self) -> bool:
        """Whether a browser finds in this page no reason to open a connection or another file."""
        words = ("http:", "https:", "//cdn", "url(", "@import", "fetch(", "XMLHttpRequest", "import(", "WebSocket")
        return all(reference.startswith("data:") for reference in self.references) and not any(
            word in self.source for word in words
        )
