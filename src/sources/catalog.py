"""All sources of images by name, and the entries of public sets that need no code of their own.

The configuration is checked against this table before anything heavy is imported. What is said about each set was read
from its page or counted in its files; a guess is called a guess in `remarks`.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

from src.errors import UserError
from src.signs.labels import LETTERS
from src.sources.image_set import ImageSet, own_names
from src.sources.layouts.class_folders import ClassFolders, SignerFolders
from src.sources.layouts.labelled_files import LabelledFiles
from src.sources.layouts.letter_csv import LetterCsv
from src.sources.rendered import Rendered
from src.sources.sets.asl_dataset import ASL_DATASET
from src.sources.sets.own_folder import OWN_FOLDER
from src.sources.sets.rooms import ROOMS_CLEARED, ROOMS_DEV, ROOMS_FREE
from src.sources.sets.sign_digits import SIGN_DIGITS
from src.sources.source import Source

_SOURCES: dict[str, Source] = {}

# name → source, as registered: rendered hands, public sets, a user's folder, then what plugins add.
CATALOG: Mapping[str, Source] = MappingProxyType(_SOURCES)


def register(source: Source) -> None:
    """Make a source known by its name, for `datamodule.sources`. A module of yours calls it when it is imported.

    Raises:
        UserError: the name is taken, or no name for a folder and a command line.
    """
    if not re.fullmatch(r"[a-z0-9_]+", source.name):
        raise UserError(f"'{source.name}' is no name for a source: use lower-case letters, digits and _.")
    if _SOURCES.setdefault(source.name, source) != source:
        raise UserError(
            f"There already is a source '{source.name}' ({_SOURCES[source.name].title}): choose another name."
        )


def source_named(name: str) -> Source:
    """The source called `name`.

    Raises:
        UserError: there is none.
    """
    if name not in _SOURCES:
        near = difflib.get_close_matches(name, _SOURCES, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise UserError(f"There is no source '{name}'{hint}; choose from {', '.join(_SOURCES)}.")
    return _SOURCES[name]


def check_sources(names: Collection[str]) -> None:
    """Accept the names of sources that are to be used together.

    Raises:
        UserError: there is none of a name, or one source holds another's images.
    """
    for source in [source_named(name) for name in names]:
        if source.part_of in names:
            raise UserError(
                f"{source.name} and {source.part_of} hold the same images: name {source.part_of} for all of them, or "
                f"{source.name} for the part of them ({source.title})."
            )


def refuse_training_on(name: str) -> NoReturn:
    """Say that a source is for measuring only.

    Raises:
        UserError: always.
    """
    raise UserError(
        f"{name} is for measuring only, so nothing is trained on it and no checkpoint chosen by it: leave it out of "
        f"datamodule.sources, then score the finished run with python -m src.evaluate run=<run folder> "
        f"datamodule.sources=[{name}] split=everything, or read pictures of it with python -m src.predict."
    )


def present_sources(root: Path) -> list[str]:
    """Names of the sets whose folders lie under a data root, whatever state they are in; a part goes with its whole.

    Raises:
        UserError: none is there; the sentence says where they come from.
    """
    found = [source for source in _SOURCES.values() if source.lies_in(Path(root))]
    present = [source.name for source in found if source.part_of not in {one.name for one in found}]
    if not present:
        pages = ", ".join(f"{name} ({source.page_url})" for name, source in _SOURCES.items() if source.page_url)
        raise UserError(
            f"No dataset lies under {root}: put one there, or say where they are with datamodule.root=<folder> or the "
            f"environment variable FINGERSPELL_DATA; public sets are {pages}."
        )
    return present


_ONE_PERSON = (
    "Looks like one person throughout (not documented): all images carry the signer '1', so that a split "
    "by signer never has this person on both sides."
)

RENDERED = "rendered"

register(Rendered())
register(SIGN_DIGITS)
register(ASL_DATASET)
register(
    ImageSet(
        name="asl_alphabet",
        title="ASL Alphabet",
        kaggle="grassknoted/asl-alphabet",
        page_url="https://www.kaggle.com/datasets/grassknoted/asl-alphabet",
        licence="GPL-2.0",
        images=87_028,
        layouts=(
            ClassFolders(),
            LabelledFiles(
                re.compile(r".*test.*/(?P<label>[A-Z]|del|nothing|space)(?:_test|\d+)\.\w+", re.IGNORECASE),
            ),
        ),
        labels=own_names(LETTERS),
        dropped={
            "del": "'del' is an editing command, not one of the 36 signs",
            "nothing": "'nothing' shows no hand",
            "space": "'space' is an editing command, not one of the 36 signs",
        },
        path_pattern=re.compile(r"(?:^|/)(?P<label>[A-Z]|del|nothing|space)(?P<frame>\d+)\.", re.IGNORECASE),
        one_signer="1",
        other_names=("asl_alphabet_train", "asl_alphabet_test"),
        remarks=(
            _ONE_PERSON,
            "Frames of one video a class: neighbouring frame numbers are near-duplicates.",
            "A blue border is drawn into every image.",
        ),
    )
)
register(
    ImageSet(
        name="sign_mnist",
        title="Sign Language MNIST",
        kaggle="datamunge/sign-language-mnist",
        page_url="https://www.kaggle.com/datasets/datamunge/sign-language-mnist",
        licence="see page",
        images=34_627,
        layouts=(LetterCsv(),),
        labels={str(index): letter for index, letter in enumerate(LETTERS) if letter not in "JZ"},
        remarks=(
            "28×28 grey; labels 0-25 in the order of the alphabet without 9 (J) and 25 (Z).",
            (
                "Made from 1704 photos by filters and small rotations: every image has near-duplicates, in the other "
                "file too, and neither signers nor originals are named."
            ),
        ),
    )
)
register(
    ImageSet(
        name="gesture_images",
        title="Sign Language Gesture Images",
        kaggle="ahmedkhanak1995/sign-language-gesture-images-dataset",
        page_url="https://www.kaggle.com/datasets/ahmedkhanak1995/sign-language-gesture-images-dataset",
        licence="see page",
        images=55_500,
        layouts=(ClassFolders(),),
        dropped={"_": "'_' stands for a space, not one of the 36 signs"},
        path_pattern=re.compile(r"(?:^|/)(?P<frame>\d+)\.\w+$"),
        one_signer="1",
        other_names=("Gesture Image Data",),
        remarks=(
            _ONE_PERSON,
            "22% of the images are exact duplicates and nearly every one has a near-duplicate.",
            "Digits show the back of the hand and differ in lighting from the letters; Z is a pinch.",
        ),
    )
)
register(
    ImageSet(
        name="finger_letters",
        title="Finger letters (24 letters, hand crops by signer)",
        images=1680,
        layouts=(SignerFolders(prefix="signer_"),),
        labels=own_names([letter for letter in LETTERS if letter not in "JTZ"]),
        dropped={"t": "'T' here is not the ASL T (index sideways, thumb up)"},
        path_pattern=re.compile(r"^[^/]+/[^/]+/(?P<label>[A-Z])(?P<frame>\d+)\.", re.IGNORECASE),
        remarks=(
            "13 signer folders; signer_10 may be two people.",
            "The five shots of a letter by a signer are a burst of near-duplicates.",
        ),
    )
)
for _rooms in (ROOMS_FREE, ROOMS_CLEARED, ROOMS_DEV):
    register(_rooms)
register(OWN_FOLDER)
