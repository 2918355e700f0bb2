"""Who trains, who validates, who tests."""

from collections.abc import Sequence

import numpy as np
import pytest
from omegaconf import DictConfig

from src.composition import compose
from src.data.manifest import ImageRecord, Manifest
from src.data.split import Split, split_manifest
from src.errors import UserError
from src.signs.labels import SIGNS


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


def cfg(*overrides: str) -> DictConfig:
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


def test_with_two_signers_validation_is_random_and_the_split_says_so() -> None:
    images = manifest(["a", "b"])
    split = split_manifest(images, cfg("split=signer", "split.holdout=[a]"))
    assert split.validation_rule == "random"
    assert any("validation is a random part" in note for note in split.notes)
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
