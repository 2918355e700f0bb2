"""Sign Language Digits: signers follow from the camera's file numbers; Y.npy has its columns in an odd order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from src.errors import UserError
from src.signs.labels import DIGITS
from src.sources.image_set import ImageSet, own_names
from src.sources.layouts.arrays import Arrays
from src.sources.layouts.class_folders import ClassFolders
from src.sources.records import NO_FRAME, ImageRecord
from src.sources.source import Places

# One-hot columns of the published Y.npy stand for these digits, not for 0 … 9.
PUBLISHED_NPY_ORDER: tuple[int, ...] = (9, 0, 7, 6, 1, 8, 4, 3, 2, 5)

# Photos per digit 0 … 9. They tell the published column order from the digits' own order.
PHOTOS_PER_DIGIT: tuple[int, ...] = (205, 206, 206, 206, 207, 207, 207, 206, 208, 204)


class DigitArrays(Arrays):
    """The arrays that the set was also published as.

    Which order a file's columns have is read from how many rows each has: those counts fit the photos per digit in one
    order only. Any other counts are refused, because a guess would train on wrong labels without a word.
    """

    def classes_of_columns(self, labels_path: str, counts: tuple[int, ...], places: Places) -> Sequence[str]:
        order = places.npy_label_order
        if order is not None and sorted(order) != list(range(10)):
            raise UserError(f"npy_label_order is {list(order)}; it must name each digit 0-9 once, column by column.")
        if order is None and counts == tuple(PHOTOS_PER_DIGIT[digit] for digit in PUBLISHED_NPY_ORDER):
            order = PUBLISHED_NPY_ORDER
        if order is None and counts == PHOTOS_PER_DIGIT:
            order = tuple(range(10))
        if order is None:
            raise UserError(
                f"Which digits the columns of {labels_path} stand for cannot be told from their counts {list(counts)}; "
                "set npy_label_order to the digit of each column (the published file has "
                f"{list(PUBLISHED_NPY_ORDER)})."
            )
        return [self.classes[digit] for digit in order]


class SignDigits(ImageSet):
    """A set whose signers showed the digits in rising order, one signer after the other."""

    @property
    def signers_are_inferred(self) -> bool:
        return True

    def settled(self, records: list[ImageRecord]) -> list[ImageRecord]:
        signer_of = signers_from_order({record.frame: record.label for record in records if record.frame != NO_FRAME})
        return [replace(record, signer=signer_of.get(record.frame, record.signer)) for record in records]


def signers_from_order(numbered: Mapping[int, int]) -> dict[int, str]:
    """Who signed each photo of a set whose signers counted up from 0 to 9 one after the other.

    A new signer starts where the digit falls by more than five from one file number to the next, or where the numbers
    jump to another roll. Swaps, repeats and gaps within a signer stay together; where an end and a beginning are both
    missing two signers are merged, which leaks nothing in a split by signer. In the real set 199 of 205 runs are
    exactly ten photos, and the hands within a run share nails, bracelets and skin.

    Args:
        numbered: camera file number → digit.

    Returns:
        camera file number → a name for the signer, made from the first number of the run.
    """
    signer_of: dict[int, str] = {}
    signer, previous = "", None
    for number in sorted(numbered):
        if previous is None or numbered[previous] - numbered[number] > 5 or number - previous > 1000:
            signer = f"from_{number}"
        signer_of[number] = signer
        previous = number
    return signer_of


SIGN_DIGITS = SignDigits(
    name="sign_digits",
    title="Sign Language Digits",
    kaggle="ardamavi/sign-language-digits-dataset",
    page_url="https://www.kaggle.com/datasets/ardamavi/sign-language-digits-dataset",
    licence="Apache-2.0",
    people=218,
    images=2062,
    layouts=(
        ClassFolders(),
        DigitArrays(
            classes=DIGITS, unused_because="the photos in the class folders, smaller and grey: the folders are used"
        ),
    ),
    labels=own_names(DIGITS),
    path_pattern=re.compile(r"IMG_(?P<frame>\d+)\.", re.IGNORECASE),
    other_names=("Sign-Language-Digits-Dataset-master",),
    remarks=(
        (
            "218 people according to its authors; files do not name them. The camera's file numbers show each "
            "person signing 0 to 9 in turn, so signers are inferred from that order (205 of them; a few "
            "neighbours may be merged). The X.npy form has no file numbers and so no signers."
        ),
        (
            "Digits 0-9 have the handshapes of ASL. Three photos are 3024×3024 px and stored on their side; "
            "upright and scaled down they are framed like the 100×100 px ones."
        ),
        "Two labels look wrong: 3/IMG_5108 shows a 7 and 2/IMG_5176 a 3.",
        "The columns of Y.npy stand for the digits 9 0 7 6 1 8 4 3 2 5.",
    ),
)
