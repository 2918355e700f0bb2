"""The 36 classes, and what is known about them before any image is seen.

A class index is the position of the sign in `SIGNS`: digits first, then letters, so `SIGNS[10] == "A"`.
Handshape facts follow the fingerspelling chart of American Sign Language.
"""

from src.errors import UserError

SIGNS: tuple[str, ...] = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
NUM_SIGNS = len(SIGNS)
INDEX_OF: dict[str, int] = {sign: index for index, sign in enumerate(SIGNS)}

DIGITS: tuple[str, ...] = SIGNS[:10]
LETTERS: tuple[str, ...] = SIGNS[10:]

# Signs whose still image shows the same (or nearly the same) handshape. No image-only model can be blamed for
# mixing them up, so metrics can also be read with each group counted as one handshape.
LOOK_ALIKES: tuple[frozenset[str], ...] = (
    frozenset("0O"),
    frozenset("2V"),
    frozenset("6W"),
    frozenset("9F"),
    frozenset("1DZ"),
    frozenset("IJ"),
)


def _handshapes() -> tuple[int, ...]:
    of_sign: dict[str, int] = {}
    next_handshape = 0
    for sign in SIGNS:
        if sign in of_sign:
            continue
        group = next((group for group in LOOK_ALIKES if sign in group), frozenset(sign))
        of_sign |= dict.fromkeys(group, next_handshape)
        next_handshape += 1
    return tuple(of_sign[sign] for sign in SIGNS)


# HANDSHAPE_OF[class index] is the index of its look-alike group; signs that share a group share the number.
HANDSHAPE_OF: tuple[int, ...] = _handshapes()


def sign_index(name: str) -> int:
    """The class index of a sign written as a digit or a letter of either case.

    Raises:
        UserError: `name` is none of the 36 signs.
    """
    try:
        return INDEX_OF[name.upper()]
    except KeyError:
        raise UserError(f"'{name}' is not one of the 36 signs (0-9, A-Z).") from None
