"""Who is held out in which fold."""

import numpy as np
import pytest

from src.data.cross_validation import fold_holdouts
from src.data.manifest import Manifest
from src.data.split import Group, Signer, Source
from src.errors import UserError
from src.sources.records import ImageRecord


def manifest(signers: dict[str, int], source: str = "sign_digits") -> list[ImageRecord]:
    return [
        ImageRecord("f", f"{signer}_{shot}", shot % 36, source, signer)
        for signer, images in signers.items()
        for shot in range(images)
    ]


MANY = Manifest(
    manifest({f"from_{n}": 10 + n % 3 for n in range(205)})
    + manifest({f"hand{n}": 300 * n for n in (1, 2, 3, 4, 5)}, "asl_dataset")
    + manifest({"": 40}, "folder")
)


@pytest.mark.parametrize("count", [2, 5, 210])
def test_folds_hold_out_every_signer_once_and_strangers_never(count: int) -> None:
    folds = fold_holdouts(MANY, Signer(), count)
    held_out = [name for fold in folds for name in fold]
    assert len(folds) == count
    assert all(folds)
    assert sorted(held_out) == sorted({name for name in MANY.signers if name})


def test_each_fold_has_its_share_of_every_source() -> None:
    folds = fold_holdouts(MANY, Signer(), 5)
    for source, share in (("sign_digits", 205 * 11 / 5), ("asl_dataset", None)):
        sizes = [int((np.isin(MANY.signers, fold) & (MANY.sources == source)).sum()) for fold in folds]
        if share:
            assert max(abs(size - share) for size in sizes) <= 12
        else:
            assert sorted(sizes) == [300, 600, 900, 1200, 1500]


def test_folds_are_the_same_again_and_others_with_another_seed() -> None:
    assert fold_holdouts(MANY, Signer(), 5, seed=1) == fold_holdouts(MANY, Signer(), 5, seed=1)
    assert fold_holdouts(MANY, Signer(), 5, seed=1) != fold_holdouts(MANY, Signer(), 5, seed=2)


def test_without_a_number_each_name_is_a_fold() -> None:
    assert fold_holdouts(MANY, Source()) == [("asl_dataset",), ("folder",), ("sign_digits",)]


def test_hundreds_of_trainings_are_not_begun_unasked() -> None:
    with pytest.raises(UserError, match=r"210 signers, and a fold for each would be 210 trainings: folds=5"):
        fold_holdouts(MANY, Signer())


def test_more_folds_than_names_and_splits_without_names_are_refused() -> None:
    with pytest.raises(UserError, match=r"folds=4 are more than the 3 sources"):
        fold_holdouts(MANY, Source(), 4)
    with pytest.raises(UserError, match=r"split=group holds out nobody by name"):
        fold_holdouts(MANY, Group())
    with pytest.raises(UserError, match=r"These images know 1 signer: folds need at least two"):
        fold_holdouts(Manifest(manifest({"a": 3})), Signer())
