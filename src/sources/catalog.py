"""The public image sets this project can read: how each lays out its files and what its labels mean in the 36 signs.

Standard library only: the configuration is checked against this table before anything heavy is imported.
What is said about each set was read from its page or counted in its files; a guess is called a guess in `remarks`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from src.errors import UserError
from src.signs.labels import DIGITS, LETTERS, SIGNS

Layout = Literal["class_folders", "signer_folders", "labelled_files", "digit_arrays", "letter_csv", "manifest_csv"]

# One-hot columns of the published Y.npy of the digits set stand for these digits, not for 0 … 9.
PUBLISHED_NPY_ORDER: tuple[int, ...] = (9, 0, 7, 6, 1, 8, 4, 3, 2, 5)

# Photos per digit 0 … 9 in the digits set. They tell the published column order from the digits' own order.
PHOTOS_PER_DIGIT: tuple[int, ...] = (205, 206, 206, 206, 207, 207, 207, 206, 208, 204)


@dataclass(frozen=True, slots=True)
class Dataset:
    """One public image set.

    Attributes:
        name: what a configuration calls it, and the folder it lives in below the data root.
        title: its name for people.
        kaggle: `owner/slug` on Kaggle, or "".
        page_url: where a person finds it, or "".
        licence: as stated there, "see page" where it was not checked, or "not stated".
        images: images in the complete set, dropped classes included; 0 where that is not fixed.
        layouts: the forms it is met in on disk, see `src.sources.discover`.
        labels: raw label, case-folded → sign.
        dropped: raw label, case-folded → why its images are left out.
        path_pattern: searched in the path below the class tree; its named groups `signer`, `light`, `frame` and
            `label` say what the path tells. `light` numbers bursts that were taken one after the other.
        labelled_file: matches the whole of `folder/file name` where a file carries its label itself (group `label`).
        one_signer: the signer of every image, for a set known or taken to show one person.
        counts_up: every signer showed the signs in rising order before the next came (see `signers_from_order`).
        other_names: folder names it is unpacked under, besides `name`.
        remarks: what a user should know before trusting a number measured on it.
    """

    name: str
    title: str
    layouts: tuple[Layout, ...]
    labels: Mapping[str, str]
    kaggle: str = ""
    page_url: str = ""
    licence: str = "not stated"
    images: int = 0
    dropped: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    path_pattern: re.Pattern[str] | None = None
    labelled_file: re.Pattern[str] | None = None
    one_signer: str = ""
    counts_up: bool = False
    other_names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def folder_names(self) -> tuple[str, ...]:
        """Folder names below the data root that may hold the set, its own first."""
        slug = (self.kaggle.partition("/")[2],) if self.kaggle else ()
        return tuple(dict.fromkeys((self.name, *slug, *self.other_names)))

    @property
    def signers_are_inferred(self) -> bool:
        """Whether signers are a reasoned guess rather than named by the files."""
        return self.counts_up or bool(self.one_signer)

    def sign_of(self, raw_label: str) -> str | None:
        """The sign a raw label stands for, or None where it is unknown or dropped."""
        return self.labels.get(raw_label.casefold())

    def knows(self, raw_label: str) -> bool:
        """Whether a raw label is one of the set's classes, dropped ones included."""
        return raw_label.casefold() in self.labels or raw_label.casefold() in self.dropped


def _by_own_name(signs: tuple[str, ...]) -> Mapping[str, str]:
    return MappingProxyType({sign.casefold(): sign for sign in signs})


_ALPHABET_WITHOUT_MOTION = MappingProxyType(
    {str(index): letter for index, letter in enumerate(LETTERS) if letter not in "JZ"}
)

_ENTRIES = (
    Dataset(
        name="sign_digits",
        title="Sign Language Digits",
        kaggle="ardamavi/sign-language-digits-dataset",
        page_url="https://www.kaggle.com/datasets/ardamavi/sign-language-digits-dataset",
        licence="Apache-2.0",
        images=2062,
        layouts=("class_folders", "digit_arrays"),
        labels=_by_own_name(DIGITS),
        path_pattern=re.compile(r"IMG_(?P<frame>\d+)\.", re.IGNORECASE),
        counts_up=True,
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
    ),
    Dataset(
        name="asl_dataset",
        title="ASL Dataset (36 signs, black background)",
        kaggle="ayuraj/asl-dataset",
        page_url="https://www.kaggle.com/datasets/ayuraj/asl-dataset",
        licence="see page",
        images=2515,
        layouts=("class_folders",),
        labels=_by_own_name(SIGNS),
        path_pattern=re.compile(
            r"(?P<signer>hand\d+)_(?P<label>[0-9a-z])_(?P<light>[a-z]+)_seg_(?P<frame>\d+)_cropped\.", re.IGNORECASE
        ),
        remarks=(
            (
                "5 signers (hand1 … hand5), up to 5 lights each, bursts of 5: more than half of the images have a "
                "near-duplicate in their class, so a random split leaks."
            ),
            "The download holds the whole set twice, one copy inside the other.",
            "People report some 4 and 5 in each other's folder.",
        ),
    ),
    Dataset(
        name="asl_alphabet",
        title="ASL Alphabet",
        kaggle="grassknoted/asl-alphabet",
        page_url="https://www.kaggle.com/datasets/grassknoted/asl-alphabet",
        licence="GPL-2.0",
        images=87_028,
        layouts=("class_folders", "labelled_files"),
        labels=_by_own_name(LETTERS),
        dropped=MappingProxyType(
            {
                "del": "'del' is an editing command, not one of the 36 signs",
                "nothing": "'nothing' shows no hand",
                "space": "'space' is an editing command, not one of the 36 signs",
            }
        ),
        path_pattern=re.compile(r"(?:^|/)(?P<label>[A-Z]|del|nothing|space)(?P<frame>\d+)\.", re.IGNORECASE),
        labelled_file=re.compile(r".*test.*/(?P<label>[A-Z]|del|nothing|space)(?:_test|\d+)\.\w+", re.IGNORECASE),
        one_signer="1",
        other_names=("asl_alphabet_train", "asl_alphabet_test"),
        remarks=(
            (
                "Looks like one person throughout (not documented): all images carry the signer '1', so that a split "
                "by signer never has this person on both sides."
            ),
            "Frames of one video a class: neighbouring frame numbers are near-duplicates.",
            "A blue border is drawn into every image.",
        ),
    ),
    Dataset(
        name="sign_mnist",
        title="Sign Language MNIST",
        kaggle="datamunge/sign-language-mnist",
        page_url="https://www.kaggle.com/datasets/datamunge/sign-language-mnist",
        licence="see page",
        images=34_627,
        layouts=("letter_csv",),
        labels=_ALPHABET_WITHOUT_MOTION,
        remarks=(
            "28×28 grey; labels 0-25 in the order of the alphabet without 9 (J) and 25 (Z).",
            (
                "Made from 1704 photos by filters and small rotations: every image has near-duplicates, in the other "
                "file too, and neither signers nor originals are named."
            ),
        ),
    ),
    Dataset(
        name="gesture_images",
        title="Sign Language Gesture Images",
        kaggle="ahmedkhanak1995/sign-language-gesture-images-dataset",
        page_url="https://www.kaggle.com/datasets/ahmedkhanak1995/sign-language-gesture-images-dataset",
        licence="see page",
        images=55_500,
        layouts=("class_folders",),
        labels=_by_own_name(SIGNS),
        dropped=MappingProxyType({"_": "'_' stands for a space, not one of the 36 signs"}),
        path_pattern=re.compile(r"(?:^|/)(?P<frame>\d+)\.\w+$"),
        one_signer="1",
        other_names=("Gesture Image Data",),
        remarks=(
            (
                "Looks like one person throughout (not documented): all images carry the signer '1', so that a split "
                "by signer never has this person on both sides."
            ),
            "22% of the images are exact duplicates and nearly every one has a near-duplicate.",
            "Digits show the back of the hand and differ in lighting from the letters; Z is a pinch.",
        ),
    ),
    Dataset(
        name="finger_letters",
        title="Finger letters (24 letters, hand crops by signer)",
        images=1680,
        layouts=("signer_folders",),
        labels=_by_own_name(tuple(letter for letter in LETTERS if letter not in "JTZ")),
        dropped=MappingProxyType({"t": "'T' here is not the ASL T (index sideways, thumb up)"}),
        path_pattern=re.compile(
            r"^(?:signer_)?(?P<signer>[^/]+)/[^/]+/(?P<label>[A-Z])(?P<frame>\d+)\.", re.IGNORECASE
        ),
        remarks=(
            "13 signer folders; signer_10 may be two people.",
            "The five shots of a letter by a signer are a burst of near-duplicates.",
        ),
    ),
    Dataset(
        name="folder",
        title="Your own images",
        layouts=("manifest_csv", "class_folders"),
        labels=_by_own_name(SIGNS),
        remarks=(
            (
                "One folder a class, named after the sign, or a manifest.csv with the columns path, label and, where "
                "known, signer and frame."
            ),
        ),
    ),
)

CATALOG: Mapping[str, Dataset] = MappingProxyType({dataset.name: dataset for dataset in _ENTRIES})


# Hands that the project renders itself: no files, so no entry, but a source like any other.
RENDERED = "rendered"


def check_source(name: str) -> None:
    """Accept the name of a source of images.

    Raises:
        UserError: there is none of this name.
    """
    if name != RENDERED:
        entry(name)


def entry(name: str) -> Dataset:
    """The set called `name`.

    Raises:
        UserError: there is no such set.
    """
    try:
        return CATALOG[name]
    except KeyError:
        raise UserError(f"There is no source '{name}'; choose from {', '.join([RENDERED, *CATALOG])}.") from None


def signers_from_order(numbered: Mapping[int, int]) -> dict[int, str]:
    """Who signed each photo of a set whose signers counted up from 0 to 9 one after the other.

    A new signer starts where the digit falls by more than five from one file number to the next, or where the numbers
    jump to another roll. Swaps, repeats and gaps within a signer stay together; where an end and a beginning are both
    missing two signers are merged, which leaks nothing in a split by signer. In the real digits set 199 of 205 runs
    are exactly ten photos, and the hands within a run share nails, bracelets and skin.

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
