"""Who trains, who validates, who tests."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from src.data.manifest import Manifest
from src.data.split import PARTS, Split, SplitProtocol
from src.errors import UserError
from src.learning.run_settings import compose
from src.signs.labels import SIGNS
from src.sources.records import ImageRecord


def manifest(
    signers: Sequence[str] = ("a", "b", "c", "d", "e"), source: str = "asl_dataset", shots: int = 4
) -> Manifest:
    return Manifest(
        ImageRecord("f", f"{sign}/{signer}_{shot}", label, source, signer)
        for label, sign in enumerate(SIGNS)
        for signer in signers
        for shot in range(shots)
    )


def both(one: Manifest, other: Manifest) -> Manifest:
    return Manifest([*one, *other])


def split_manifest(images: Manifest, protocol: SplitProtocol, groups: np.ndarray | None = None) -> Split:
    """The split; without `groups` no image is near another."""
    return protocol.divide(images, np.arange(len(images)) if groups is None else groups)


def joined(images: Manifest, *pairs: tuple[str, str]) -> np.ndarray:
    """(images,) int64 groups in which the images of each pair of keys are near-duplicates."""
    place = {record.key: index for index, record in enumerate(images)}
    groups = np.arange(len(images))
    for one, other in pairs:
        groups[place[other]] = groups[place[one]]
    return groups


def bursts_of(shots: int, images: Manifest) -> np.ndarray:
    """(images,) int64 groups: every `shots` images that follow each other are one burst."""
    return np.arange(len(images)) // shots * shots


@lru_cache
def cfg(*overrides: str) -> SplitProtocol:
    return compose(["datamodule.sources=[asl_dataset,sign_digits]", *overrides]).split


def parts(split: Split) -> tuple[set[int], set[int], set[int]]:
    return set(split.train), set(split.val), set(split.test)


@pytest.mark.parametrize("rule", ["random", "signer"])
def test_every_image_is_in_exactly_one_part_and_the_same_seed_gives_the_same_split(rule: str) -> None:
    images = manifest()
    split, again = (split_manifest(images, cfg(f"split={rule}")) for _ in range(2))
    other = split_manifest(images, cfg(f"split={rule}", "split.seed=9"))
    train, val, test = parts(split)
    assert train | val | test == set(range(len(images)))
    assert len(train) + len(val) + len(test) == len(images)
    assert parts(split) == parts(again)
    assert parts(split) != parts(other)
    assert split.name == rule


def test_a_random_split_takes_its_share_of_every_sign_of_every_source() -> None:
    images = both(manifest(), manifest(["x", "y"], "sign_digits"))
    split = split_manifest(images, cfg("split=random"))
    for part, share in (("test", 0.2), ("val", 0.1)):
        chosen = split.part(part)
        for source, per_sign in (("asl_dataset", 20), ("sign_digits", 8)):
            counts = np.bincount(images.labels[chosen][images.sources[chosen] == source], minlength=36)
            assert set(counts) == {max(1, round(share * per_sign))}


def test_a_held_out_signer_is_tested_and_never_seen_before() -> None:
    images = manifest()
    split = split_manifest(images, cfg("split=signer", "split.holdout=[b]"))
    signers = images.signers
    assert set(signers[split.test]) == {"asl_dataset:b"}
    assert split.holdout == ("asl_dataset:b",)
    assert not set(signers[split.train]) & set(signers[split.val])
    assert "asl_dataset:b" not in {*signers[split.train], *signers[split.val]}
    assert split.validation_rule == "signer"


def test_validation_signers_can_be_named_too() -> None:
    images = manifest()
    split = split_manifest(images, cfg("split=signer", "split.holdout=[b]", "split.validation=[asl_dataset:e]"))
    assert set(images.signers[split.val]) == {"asl_dataset:e"}


def test_the_same_name_in_two_sources_is_two_people_and_must_be_written_in_full() -> None:
    images = both(manifest(), manifest(["a", "z"], "sign_digits"))
    with pytest.raises(UserError, match=r"could be asl_dataset:a or sign_digits:a: write it in full"):
        split_manifest(images, cfg("split=signer", "split.holdout=[a]"))
    split = split_manifest(images, cfg("split=signer", "split.holdout=[sign_digits:a]"))
    assert set(images.signers[split.test]) == {"sign_digits:a"}


def test_an_unknown_signer_is_said_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"names 'hand9', which is not there: choose from asl_dataset:a, asl_dataset:b"):
        split_manifest(manifest(), cfg("split=signer", "split.holdout=[hand9]"))


def test_images_without_a_signer_train_and_are_never_tested_and_the_split_says_so() -> None:
    images = both(manifest(), manifest([""], "sign_digits"))
    split = split_manifest(images, cfg("split=signer"))
    assert "sign_digits" not in set(images.sources[split.test]) | set(images.sources[split.val])
    assert any("144 images name no signer" in note for note in split.notes)


def test_a_single_signer_cannot_be_split_by_signer() -> None:
    with pytest.raises(UserError, match="needs at least two signers, but these images name 1"):
        split_manifest(manifest(["a"]), cfg("split=signer"))


def test_with_two_signers_validation_is_by_duplicates_and_the_split_says_so() -> None:
    images = manifest(["a", "b"])
    split = split_manifest(images, cfg("split=signer", "split.holdout=[a]"))
    assert split.validation_rule == "group"
    assert any("validation is a part of it by split=group" in note for note in split.notes)
    assert set(images.signers[split.test]) == {"asl_dataset:a"}


def test_a_held_out_source_is_tested_whole_and_signs_never_trained_are_counted_as_wrong() -> None:
    digits = Manifest(record for record in manifest(["x", "y"], "sign_digits") if record.label < 10)
    images = both(digits, manifest())
    split = split_manifest(images, cfg("split=source", "split.holdout=[asl_dataset]"))
    assert set(images.sources[split.test]) == {"asl_dataset"}
    assert len(split.test) == 36 * 20
    assert any("A B C" in note and "all 520 of their images count as wrong" in note for note in split.notes)


def test_everything_is_for_scoring_alone() -> None:
    split = split_manifest(manifest(), cfg("split=everything"))
    assert (len(split.train), len(split.val), len(split.test)) == (0, 0, 720)


def straddling(split: Split, groups: np.ndarray) -> set[int]:
    """Groups with images in more than one part."""
    train, val, test = (set(groups[split.part(part)]) for part in PARTS)
    return (train & val) | (train & test) | (val & test)


@pytest.mark.parametrize(
    "overrides",
    [
        ("split=group",),
        ("split=signer",),
        ("split=signer", "split.holdout=[a]"),
        ("split=source", "split.holdout=[sign_digits]"),
        ("split=strictest",),
    ],
    ids=" ".join,
)
def test_near_duplicates_are_never_on_two_sides(overrides: tuple[str, ...]) -> None:
    images = both(manifest(), manifest(["x", "y"], "sign_digits"))
    for seed in range(3):
        groups = bursts_of(2, images)
        # Over signers, signs and sources.
        for one, other in np.random.default_rng(seed).choice(len(images), (30, 2), replace=False):
            groups[groups == groups[other]] = groups[one]
        split = split_manifest(images, replace(cfg(*overrides), seed=seed), groups)
        assert not straddling(split, groups)
        assert split.leaked_share == 0
        used = sum(len(split.part(part)) for part in PARTS)
        assert split.left_out == len(images) - used
        assert bool(split.left_out) == any(f"{split.left_out} images are left out" in note for note in split.notes)


def test_a_planted_duplicate_of_a_test_image_is_not_trained_on_and_the_split_says_so() -> None:
    images = manifest()
    groups = joined(images, ("A/b_0", "A/c_3"), ("5/b_1", "6/d_0"))
    split = split_manifest(images, cfg("split=signer", "split.holdout=[b]", "split.validation=[e]"), groups)
    lost = {images[i].key for i in range(len(images))} - {
        images[int(i)].key for part in PARTS for i in split.part(part)
    }
    assert lost == {"A/c_3", "6/d_0"}
    assert any("2 images are left out" in note for note in split.notes)


def test_a_set_that_is_there_twice_cannot_be_trained_on_one_copy_and_tested_on_the_other() -> None:
    images = both(manifest(["a"]), manifest(["x"], "sign_digits"))
    groups = np.arange(len(images)) % (len(images) // 2)
    with pytest.raises(UserError, match=r"leaves the train set empty .* the same pictures are on both sides"):
        split_manifest(images, cfg("split=source", "split.holdout=[sign_digits]"), groups)


def test_a_random_split_says_what_it_leaks() -> None:
    images = manifest()
    groups = bursts_of(4, images)
    split = split_manifest(images, cfg("split=random"), groups)
    trained = set(groups[split.train])
    leaked = np.mean([groups[i] in trained for i in split.test])
    assert leaked > 0.5
    assert split.leaked_share == pytest.approx(leaked)
    assert any(f"split=random leaks: {leaked:.1%} of the test images" in note for note in split.notes)
    assert split_manifest(images, cfg("split=random")).leaked_share == 0


def test_a_group_split_takes_its_share_of_every_sign_in_whole_groups() -> None:
    images = manifest([""])
    images = both(images, manifest([""], "sign_digits", shots=20))
    split = split_manifest(images, cfg("split=group"), bursts_of(2, images))
    digits = images.sources == "sign_digits"
    assert set(np.bincount(images.labels[split.test][digits[split.test]])) == {4}
    assert set(np.bincount(images.labels[split.val][digits[split.val]])) == {2}
    assert split.name == split.validation_rule == "group"


def test_a_sign_that_is_a_single_burst_is_trained_and_the_split_says_that_it_is_not_tested() -> None:
    images = manifest([""], shots=10)
    groups = bursts_of(2, images)
    groups[images.labels == 7] = 70
    split = split_manifest(images, cfg("split=group"), groups)
    assert 7 not in images.labels[split.test]
    assert (images.labels[split.train] == 7).sum() == 10
    assert any("The signs 7 are trained but not tested" in note for note in split.notes)


@pytest.mark.parametrize(
    ("images", "shots", "overrides", "name", "reason"),
    [
        (manifest(), 2, (), "signer", "the images have 5 signers"),
        (both(manifest(["1"]), manifest(["1"], "gesture_images")), 2, (), "source", "is held out whole"),
        (
            both(manifest(), manifest(["1"], "sign_digits")),
            2,
            ("split.holdout=[sign_digits]",),
            "source",
            "names sources",
        ),
        (manifest([""], shots=20), 2, (), "group", "near-duplicates can be kept on one side"),
        (manifest(["1"], shots=20), 2, (), "group", "no source has two known signers"),
        (manifest(["1"], shots=20), 20, (), "random", "leaves 0 to test"),
    ],
    ids=["signers", "sources", "a named source", "no signer", "one signer", "nothing but bursts"],
)
def test_the_strictest_split_is_what_the_images_allow_and_says_why(
    images: Manifest, shots: int, overrides: tuple[str, ...], name: str, reason: str
) -> None:
    groups = bursts_of(shots, images)
    split = split_manifest(images, cfg("split=strictest", *overrides), groups)
    assert split.name == name
    assert split.notes[0].startswith(f"split=strictest is {name} here:")
    assert reason in split.notes[0]
    if not overrides and name != "source":
        assert parts(split) == parts(split_manifest(images, cfg(f"split={name}"), groups))


def test_validation_signers_cannot_be_named_where_the_strictest_split_knows_none() -> None:
    images = manifest([""], shots=20)
    with pytest.raises(UserError, match=r"split.validation=\['b'\] names nobody"):
        split_manifest(images, cfg("split=strictest", "split.validation=[b]"))
