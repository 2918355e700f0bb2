"""Strangers' rooms: whose frames they are, which may train what, and what only measures."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from src.data.collect import collect
from src.data.duplicates import bursts
from src.errors import UserError
from src.learning.run_data import loaded_data
from src.learning.run_settings import RunSettings, compose, image_settings
from src.signs.labels import SIGNS
from src.sources.catalog import present_sources, source_named
from src.sources.decoding import Decoding
from src.sources.sets.rooms import PEOPLE
from src.sources.source import Places

CLEARED = {
    "asl_hg", "lolzorus", "gunsai75", "sakshamsood3", "hawkcodesz", "meyyappan", "derickbessa", "t32rahman",
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, write_image: Callable[..., Path]) -> Path:
    """A data root with frames of ten people's pairs, of a few others, and of two that only measure."""
    for person in (1, 5, 6, 7, 8, 10):
        for frame in (3, 100):
            write_image(tmp_path / "rooms_free" / "asl_hg" / "A" / f"P{person}_A_{100 * person + frame}.jpg")
    for file in ("naveen/0/26_0", "naveen/0/26_15", "naveen/Z/25_5", "lolzorus/A/2", "lolzorus/A/17", "lolzorus/B/7"):
        write_image(tmp_path / "rooms_free" / f"{file}.jpg")
    write_image(tmp_path / "rooms_free" / "t32rahman" / "J" / "J_78.jpg")
    for person in ("simona", "soham"):
        for frame in (5, 60):
            write_image(tmp_path / "rooms_dev" / person / "E" / f"4_{frame}.jpg")
    return tmp_path


def frames_of(root: Path, source: str, tmp_path: Path):
    return collect([source], Places(root=root), Decoding(image_size_px=8), tmp_path / "cache")


def test_a_signer_is_a_folder_and_in_asl_hg_the_person_of_the_file_with_mixed_pairs_as_one(root, tmp_path):
    manifest = frames_of(root, "rooms_free", tmp_path).manifest
    assert Counter(manifest.signers) == {
        "rooms_free:asl_hg_P1": 2,
        "rooms_free:asl_hg_P5P6": 4,
        "rooms_free:asl_hg_P7P8": 4,
        "rooms_free:asl_hg_P10": 2,
        "rooms_free:naveen": 3,
        "rooms_free:lolzorus": 3,
        "rooms_free:t32rahman": 1,
    }
    assert {(r.signer, SIGNS[r.label]) for r in manifest if r.signer == "naveen"} == {("naveen", "0"), ("naveen", "Z")}


def test_all_frames_of_a_sign_by_a_person_are_one_burst_in_the_order_of_their_numbers(root, tmp_path):
    manifest = frames_of(root, "rooms_free", tmp_path).manifest
    groups = bursts(manifest)
    owners = [(record.signer, record.label) for record in manifest]
    for group in set(groups):
        assert len({owners[index] for index in np.flatnonzero(groups == group)}) == 1
    assert len(set(groups)) == len(set(owners))
    in_order = sorted(
        (record for record in manifest if record.signer == "asl_hg_P5P6"), key=lambda record: record.frame
    )
    assert [record.key.split("_")[-1] for record in in_order] == ["503.jpg", "600.jpg", "603.jpg", "700.jpg"]


def test_the_cleared_part_is_read_from_the_same_folder_and_says_what_it_leaves_out(root, tmp_path):
    collection = frames_of(root, "rooms_cleared", tmp_path)
    assert {record.signer.partition("_P")[0] for record in collection.manifest} == {"asl_hg", "lolzorus", "t32rahman"}
    assert {(finding.reason, finding.kept) for finding in collection.findings} == {
        ("its licence is only implied: weights that learned from it are not given away", False)
    }
    assert collection.found == {"rooms_cleared": 19}


def test_licences_and_whom_to_name_stand_in_the_entries():
    assert {person.folder for person in PEOPLE if person.cleared} == CLEARED
    cleared, free = source_named("rooms_cleared"), source_named("rooms_free")
    assert set(cleared.attributions) < set(free.attributions)
    assert "asl_hg: ASL-HG, Pranto et al. 2025, https://doi.org/10.17632/j4y5w2c8w9.1" in cleared.attributions[0]
    assert all(line.endswith(("(CC BY 4.0)", "(MIT)")) for line in cleared.attributions)
    assert sum("implied" in line for line in free.attributions) == 4  # four sessions of one project are one line
    assert not source_named("rooms_dev").attributions


def test_a_missing_set_of_rooms_says_where_it_comes_from(tmp_path):
    with pytest.raises(UserError, match=r"'rooms_dev' is not in .*no page of its own: it was collected.*public"):
        collect(["rooms_dev"], Places(root=tmp_path), Decoding(image_size_px=8), tmp_path / "cache")


def test_the_whole_and_its_part_are_not_used_together(root):
    with pytest.raises(UserError, match="rooms_cleared and rooms_free hold the same images: name rooms_free for all"):
        compose(["datamodule.sources=[rooms_free,rooms_cleared]"])
    assert present_sources(root) == ["rooms_free", "rooms_dev"]  # what src.prepare shows unasked


# --- for measuring only ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["split=strictest", "split=signer", "split=source split.holdout=[asl_dataset]"])
def test_training_on_what_only_measures_is_refused_in_one_sentence(train_door, split):
    run = train_door("datamodule.sources=[asl_dataset,rooms_dev]", *split.split())
    assert run.status == 2
    assert run.err.startswith("error: rooms_dev is for measuring only, so nothing is trained on it")
    assert "python -m src.evaluate run=<run folder> datamodule.sources=[rooms_dev] split=everything" in run.err
    assert "src.predict" in run.err
    assert run.err.count("\n") == 1
    assert not run.folder.exists()


def test_what_only_measures_may_be_held_out_whole(root, tmp_path):
    settings = settings_of(root, tmp_path, "split=source", "split.holdout=[rooms_dev]")
    settings.check_training()
    data = loaded_data(settings)
    assert set(data.manifest.sources[data.split.test]) == {"rooms_dev"}
    assert len(data.train_dataloader()) > 0


def test_a_split_that_would_train_on_it_all_the_same_is_refused_before_the_first_batch(root, tmp_path):
    data = loaded_data(settings_of(root, tmp_path, "split=random"))
    with pytest.raises(UserError, match="rooms_dev is for measuring only"):
        data.train_dataloader()


def test_measuring_and_looking_need_no_leave(root, tmp_path):
    data = loaded_data(settings_of(root, tmp_path, "split=everything", "datamodule.sources=[rooms_dev]"))
    assert len(data.split.test) == 4
    assert len(data.test_dataloader()) == 1
    assert image_settings([f"datamodule.root='{root}'"]).sources == ("rooms_free", "rooms_dev")


def settings_of(root: Path, tmp_path: Path, *overrides: str) -> RunSettings:
    sources = () if any("sources" in one for one in overrides) else ("datamodule.sources=[rooms_free,rooms_dev]",)
    places = (f"datamodule.root='{root}'", f"datamodule.cache_dir='{tmp_path / 'cache'}'")
    return compose([*sources, *places, "datamodule.image_size_px=32", "datamodule.workers=0", *overrides])
