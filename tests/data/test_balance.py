"""How often an epoch shows each image: by people, not by how many pictures somebody took of them."""

from collections import Counter

import numpy as np
import pytest

from src.data.augment import Draws
from src.data.balance import drawn_words, shares
from src.data.loading import BalancedSampler, EpochSampler
from src.data.manifest import Manifest
from src.errors import UserError
from src.learning.run_settings import compose
from src.sources.records import ImageRecord

# asl_dataset: one person, 60 pictures of A. rooms_free: four people, each with 6 pictures of A and 2 of B.
RECORDS = [ImageRecord("f", f"a/{n}", 0, "asl_dataset", "hand1") for n in range(60)] + [
    ImageRecord("f", f"set{person % 2}/{person}/{n}", int(n >= 6), "rooms_free", f"p{person}")
    for person in range(4)
    for n in range(8)
]
MANIFEST = Manifest(RECORDS)
EVERY = np.arange(len(RECORDS))


def share_of(part: np.ndarray, **options: object) -> float:
    return float(shares(MANIFEST, EVERY, **{"balance": "people", "weights": {}, **options})[part].sum())  # type: ignore[arg-type]


ROOMS = np.flatnonzero(MANIFEST.sources == "rooms_free")


def test_sources_weigh_by_the_square_root_of_their_people() -> None:
    assert share_of(ROOMS) == pytest.approx(2 / 3)
    assert share_of(ROOMS, balance="sources") == pytest.approx(1 / 2)


def test_within_a_source_people_weigh_alike_and_within_a_person_signs() -> None:
    first = ROOMS[:8]
    assert share_of(first) == pytest.approx(2 / 3 / 4)
    assert share_of(first[:6]) == pytest.approx(share_of(first[6:]))


def test_images_of_unknown_people_count_as_the_people_that_the_source_tells_of() -> None:
    unknown = [ImageRecord("f", f"d/{n}", n % 10, "sign_digits") for n in range(20)]
    both = Manifest([*unknown, *RECORDS[:60]])
    found = shares(both, np.arange(80), "people", {})
    assert found[:20].sum() == pytest.approx(np.sqrt(218) / (np.sqrt(218) + 1))
    assert "218 people" in drawn_words(both, np.arange(80), found)


def test_a_weight_is_of_a_source_or_of_a_folder_in_it() -> None:
    assert share_of(ROOMS, weights={"rooms_free": 2}) == pytest.approx(4 / 5)
    assert share_of(ROOMS, weights={"rooms_free/set0": 0}) == pytest.approx(1 / 2)
    assert share_of(ROOMS, weights={"rooms_free": 0, "rooms_free/set0": 1}) == pytest.approx(1 / 2)


def test_a_weight_of_nothing_there_is_refused() -> None:
    with pytest.raises(UserError, match="names rooms_fre, but no image"):
        share_of(ROOMS, weights={"rooms_fre": 2})


@pytest.mark.parametrize("override", ["datamodule.epoch_images=10", "datamodule.weights={rooms_free/asl_hg:2}"])
def test_draws_that_nobody_balances_are_refused(override: str) -> None:
    with pytest.raises(UserError, match=r"datamodule\.balance=none shows each once"):
        compose([override])


def sampler(count: int = 90, seed: int = 3, rank: int = 0, ranks: int = 1, epoch: int = 0) -> BalancedSampler:
    columns = [MANIFEST.sources, MANIFEST.signers, MANIFEST.labels.astype(str)]
    together = np.unique(["|".join(row) for row in zip(*columns, strict=True)], return_inverse=True)[1]
    made = BalancedSampler(shares(MANIFEST, EVERY, "people", {}), together, count, seed, rank, ranks)
    made.set_epoch(epoch)
    return made


def test_every_epoch_gives_sources_people_and_signs_what_is_theirs() -> None:
    for epoch in range(5):
        drawn = Counter((MANIFEST.signers[d.index], MANIFEST.labels[d.index]) for d in sampler(epoch=epoch))
        assert sum(drawn.values()) == 90
        for (signer, _), count in drawn.items():
            assert abs(count - (30 if "hand1" in signer else 7.5)) <= 1


def test_an_epoch_of_draws_belongs_to_seed_and_epoch_alone() -> None:
    assert list(sampler(epoch=4)) == list(sampler(epoch=4))
    assert list(sampler(epoch=4)) != list(sampler(epoch=5))
    assert list(sampler(seed=1)) != list(sampler(seed=2))


def test_ranks_share_a_balanced_epoch() -> None:
    halves = [list(sampler(count=91, rank=rank, ranks=2)) for rank in (0, 1)]
    assert len(halves[0]) == len(halves[1]) == 45
    assert sorted(halves[0] + halves[1]) == sorted(sampler(count=91).draws()[:90])


def test_an_image_shown_twice_in_an_epoch_is_another_draw_each_time() -> None:
    draws = [draw for draw in sampler(count=400) if draw.index == 70]
    assert sorted(draw.again for draw in draws) == list(range(len(draws)))
    assert len(draws) > 1
    for how in (Draws(seed=1), Draws(seed=1, views=16, viewed=frozenset([0]))):
        assert len({how.seed_for(0, "x", draw.again) for draw in draws}) == len(draws)


def test_without_balance_the_order_is_what_it_was() -> None:
    order = np.random.default_rng((3, 2, 0x0D3)).permutation(12).tolist()
    plain = EpochSampler(12, 3)
    plain.set_epoch(2)
    assert [draw.index for draw in plain] == order
