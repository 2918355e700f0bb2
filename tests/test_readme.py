"""What README says of the tree is true."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def layout() -> tuple[set[str], set[str], set[str]]:
    """Rooms and files below src/, and top-level folders, as the layout in README names them."""
    block = re.search(r"## Layout\n\n```\n(.*?)```", (PROJECT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    inside = [line[2:] for line in block[1].splitlines() if line.startswith("  ")]
    rooms = {line.partition("/")[0] for line in inside if re.match(r"\w+/", line)}
    files = {word for line in inside for word in re.findall(r"\b\w+\.py\b", line)}
    top = {line.partition("/")[0] for line in block[1].splitlines() if re.match(r"\w+/", line)}
    return rooms, files, top


def test_the_layout_names_every_room_and_file_that_there_is_and_no_other() -> None:
    rooms, files, top = layout()
    src = PROJECT / "src"
    assert rooms == {folder.name for folder in src.iterdir() if (folder / "__init__.py").is_file()}
    assert files == {file.name for file in src.glob("*.py")} - {"__init__.py"}
    assert top == {"src", "conf", "experiments", "notebooks", "tests"}
    assert all((PROJECT / folder).is_dir() for folder in top)


def test_every_file_that_readme_links_to_is_there() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if ":" not in link]
    assert len(links) > 10
    assert [link for link in links if not (PROJECT / link).exists()] == []
