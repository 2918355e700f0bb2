"""The one cache: computed once whoever asks first, never half-written, never larger than its budget."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from src.errors import UserError
from src.storage.cache import Cache

ROOT = Path(__file__).resolve().parents[2]
# Says that it is computing, takes its time, and leaves the process's number.
SLOW = """
import os, sys, time
from pathlib import Path
from src.storage.cache import Cache

def build(folder):
    print("computing", flush=True)
    time.sleep(float(sys.argv[2]))
    (folder / "answer").write_text(str(os.getpid()))

entry = Cache(Path(sys.argv[1])).make("slow", "the same", build, lambda entry: (entry / "answer").exists())
print((entry / "answer").read_text())
"""


def writes(text: str, calls: list[str] | None = None) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        (calls if calls is not None else []).append(text)
        (folder / "answer").write_text(text)

    return build


def is_whole(entry: Path) -> bool:
    return (entry / "answer").is_file()


def fails(folder: Path) -> None:
    (folder / "answer").write_text("half")
    raise KeyboardInterrupt


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def start(folder: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLOW, str(folder), str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_what_was_made_once_is_found(cache: Cache) -> None:
    calls: list[str] = []
    for _ in range(2):
        entry = cache.make("texts", {"seed": 1}, writes("one", calls), is_whole)
    assert entry == cache.entry("texts", {"seed": 1})
    assert (entry / "answer").read_text() == "one"
    assert calls == ["one"]


@pytest.mark.parametrize("other", [("texts", {"seed": 2}), ("texts", {"seed": "1"}), ("numbers", {"seed": 1})], ids=str)
def test_another_key_or_kind_is_another_entry(cache: Cache, other: tuple[str, dict]) -> None:
    assert cache.entry(*other) != cache.entry("texts", {"seed": 1})


def test_the_order_of_a_key_does_not_matter(cache: Cache) -> None:
    assert cache.entry("texts", {"a": 1, "b": 2}) == cache.entry("texts", {"b": 2, "a": 1})


def test_two_processes_that_want_the_same_compute_it_once(tmp_path: Path) -> None:
    printed = [process.communicate(timeout=60)[0].split() for process in [start(tmp_path, 0.5), start(tmp_path, 0.5)]]
    assert sum("computing" in words for words in printed) == 1
    assert printed[0][-1] == printed[1][-1]


def test_a_process_that_is_killed_leaves_no_lock_and_nothing_half_written(tmp_path: Path) -> None:
    dying = start(tmp_path, 60)
    assert dying.stdout is not None
    assert dying.stdout.readline() == "computing\n"
    dying.kill()
    dying.communicate()
    entry = Cache(tmp_path).make("slow", "the same", writes("after"), is_whole)
    assert (entry / "answer").read_text() == "after"
    assert [path for path in entry.parent.iterdir() if path.is_dir()] == [entry]


def test_an_interrupted_build_leaves_nothing(cache: Cache) -> None:
    with pytest.raises(KeyboardInterrupt):
        cache.make("texts", 1, fails, is_whole)
    assert not [path for path in (cache.root / "texts").iterdir() if path.is_dir()]


def test_a_damaged_entry_is_made_again(cache: Cache) -> None:
    entry = cache.make("texts", 1, writes("one"), is_whole)
    (entry / "answer").unlink()
    assert cache.make("texts", 1, writes("two"), is_whole) == entry
    assert (entry / "answer").read_text() == "two"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot be written .*: make room there, or choose another cache_dir"):
        Cache(tmp_path / "file").make("texts", 1, writes("one"), is_whole)


def test_a_full_disk_is_noticed_before_the_work(cache: Cache) -> None:
    calls: list[str] = []
    with pytest.raises(UserError, match=r"1000000000\.0 GB of texts are needed .* are free: make room there"):
        cache.make("texts", 1, writes("one", calls), is_whole, needed_bytes=10**18)
    assert not calls


@pytest.fixture
def three(cache: Cache) -> list[Path]:
    """Three entries of 40 kB, the first used last."""
    entries = [cache.make("texts", number, writes("x" * 40_000), is_whole) for number in range(3)]
    for age, entry in enumerate(entries):
        os.utime(entry, (1000 - age, 1000 - age))
    return entries


def left(entries: list[Path]) -> list[bool]:
    return [entry.exists() for entry in entries]


def test_the_longest_unused_makes_room_and_what_is_kept_stays(cache: Cache, three: list[Path]) -> None:
    with cache.lock("texts"):
        cache.make_room("texts", needed_bytes=40_000, budget_bytes=140_000, keep=[three[2]])
    assert left(three) == [True, False, True]


def test_asking_for_an_entry_is_using_it(cache: Cache, three: list[Path]) -> None:
    cache.make("texts", 2, writes("never"), is_whole)
    with cache.lock("texts"):
        cache.make_room("texts", needed_bytes=40_000, budget_bytes=140_000)
    assert left(three) == [True, False, True]


def test_more_than_the_budget_is_refused_and_nothing_is_deleted(cache: Cache, three: list[Path]) -> None:
    with pytest.raises(UserError, match=r"more than the budget of 0\.00012 GB: buy less"), cache.lock("texts"):
        cache.make_room("texts", 100_000, 120_000, keep=three[:1], advice="buy less")
    assert left(three) == [True, True, True]


def test_keys_may_be_anything_that_json_holds(cache: Cache) -> None:
    key = json.loads('{"files": [["ä.jpg", 1, 2.5, null]], "fit": "pad"}')
    assert cache.entry("texts", key).parent == cache.root / "texts"
