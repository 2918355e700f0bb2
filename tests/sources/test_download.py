import sys

import pytest

from src.errors import UserError
from src.sources.catalog import source_named
from src.sources.download import fetch


def test_a_download_appears_in_its_place_when_it_is_complete(tmp_path, class_folders):
    unpacked = class_folders(tmp_path / "kaggle" / "asl_dataset", "a").parent
    asked = []

    def kaggle_download(handle):
        asked.append(handle)
        return str(unpacked)

    place = fetch(source_named("asl_dataset"), tmp_path / "data", kaggle_download=kaggle_download)
    assert asked == ["ayuraj/asl-dataset"]
    assert place == tmp_path / "data" / "asl_dataset"
    assert (place / "asl_dataset" / "a" / "a1.jpg").is_file()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["asl_dataset"]


def test_a_failed_download_says_why_and_leaves_nothing_behind(tmp_path):
    def kaggle_download(handle):
        raise ConnectionError("no route to host\nwith a long traceback")

    with pytest.raises(UserError) as caught:
        fetch(source_named("asl_dataset"), tmp_path, kaggle_download=kaggle_download)
    assert "fetching it failed: no route to host" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_download_that_stops_half_way_is_not_taken_for_the_set(tmp_path, class_folders, monkeypatch):
    unpacked = class_folders(tmp_path / "kaggle", "ab")

    def full_disk(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copy2", full_disk)
    monkeypatch.setattr("os.link", full_disk)
    with pytest.raises(UserError, match="No space left on device"):
        fetch(source_named("asl_dataset"), tmp_path / "data", kaggle_download=lambda handle: str(unpacked))
    assert not list((tmp_path / "data").iterdir())


def test_links_in_a_download_are_not_followed(tmp_path, class_folders):
    unpacked = class_folders(tmp_path / "kaggle", "a")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (unpacked / "a" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    place = fetch(source_named("asl_dataset"), tmp_path / "data", kaggle_download=lambda handle: str(unpacked))
    assert [path.name for path in (place / "a").iterdir()] == ["a1.jpg"]


def test_without_kagglehub_the_sentence_says_how_to_have_it_fetched(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(UserError, match=r"pip install -e \.\[kaggle\]"):
        fetch(source_named("asl_alphabet"), tmp_path)


def test_a_set_without_a_page_is_never_asked_for(tmp_path):
    with pytest.raises(UserError, match="no public page"):
        fetch(source_named("finger_letters"), tmp_path, kaggle_download=lambda handle: pytest.fail("was asked"))
