"""The 36 classes."""

import pytest

from src.errors import UserError
from src.signs.labels import HANDSHAPE_OF, INDEX_OF, NUM_SIGNS, SIGNS, sign_index


def test_there_are_36_signs_digits_first() -> None:
    assert NUM_SIGNS == len(set(SIGNS)) == 36
    assert "".join(SIGNS) == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_look_alikes_share_a_handshape_and_no_other_signs_do() -> None:
    shape = {sign: HANDSHAPE_OF[INDEX_OF[sign]] for sign in SIGNS}
    for group in ("0O", "2V", "6W", "9F", "1DZ", "IJ"):
        assert len({shape[sign] for sign in group}) == 1
    assert len(set(HANDSHAPE_OF)) == 36 - 7
    assert sorted(set(HANDSHAPE_OF)) == list(range(29))


def test_a_sign_is_read_in_either_case_and_anything_else_refused() -> None:
    assert sign_index("a") == sign_index("A") == 10
    with pytest.raises(UserError, match="'del' is not one of the 36 signs"):
        sign_index("del")
