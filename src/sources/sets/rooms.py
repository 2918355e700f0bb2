"""Strangers before their own cameras: webcam frames and phone pictures, a folder a person with a folder a sign in it.

Collected from public student projects, thinned, at most 320 px, labels checked by eye; they have no page of their own.
What each person's project allows stands beside their name, because trained weights may be given away for some only.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.sources.image_set import ImageSet, Told
from src.sources.layouts.class_folders import SignerFolders
from src.sources.records import ImageRecord
from src.sources.tree import Folder

if TYPE_CHECKING:
    from src.sources.search import Search

_ORIGIN = "collected, thinned and checked by hand from the public student projects that src/sources/sets/rooms.py names"
_GITHUB = "https://github.com/"


@dataclass(frozen=True, slots=True)
class Person:
    """One folder of a set of rooms: mostly one person.

    Attributes:
        folder: its name, and the signer's.
        licence: as stated where it was found.
        attribution: whom to name, and where the pictures come from.
        cleared: whether weights that learned from it may be given away, with the attribution.
    """

    folder: str
    licence: str
    attribution: str
    cleared: bool = True


def _mit(folder: str, repository: str, cleared: bool = True, holder: str = "") -> Person:
    licence = "MIT" if cleared else "implied: the licence file is an upstream author's MIT"
    return Person(folder, licence, f"{_GITHUB}{repository}{holder}", cleared)


PEOPLE = (
    Person(
        "asl_hg",
        "CC BY 4.0",
        "ASL-HG, Pranto et al. 2025, https://doi.org/10.17632/j4y5w2c8w9.1, by way of derekrodgers/aslbench",
    ),
    *(_mit(f"evriel_s{session}", "Evriel714/ComputerVision", cleared=False) for session in (1, 2, 3, 4)),
    _mit("lolzorus", "Lolzorus/IA-et-apprentissage"),
    _mit("gunsai75", "gunsai75/AI_capstone_SLR"),
    _mit("sakshamsood3", "sakshamsood3/Hands4All"),
    _mit("hawkcodesz", "HawkCodesZ/SignLang.AI"),
    _mit("meyyappan", "Meyyappan-Dm/sign-language-detector"),
    _mit("derickbessa", "DerickBessa/ASLT---AmericanSingLanguageTranslator"),
    _mit("thanakritmos12", "thanakritmos12/Hand_sign_detection", cleared=False),
    _mit("t32rahman", "t32rahman/ASL-ML", holder=", (c) Tamim Rahman"),
    _mit("naveen", "naveen2624/American-Sign-Language-Detection", cleared=False),
    _mit("predaalin", "PredaAlin/handsign-detection", cleared=False),
)
_CLEARED = tuple(person for person in PEOPLE if person.cleared)


def attributions(people: Iterable[Person]) -> tuple[str, ...]:
    """A line a project, each once: its folders, whom to name, the licence."""
    folders: dict[tuple[str, str], list[str]] = {}
    for person in people:
        folders.setdefault((person.attribution, person.licence), []).append(person.folder)
    return tuple(f"{', '.join(names)}: {whom} ({licence})" for (whom, licence), names in folders.items())


# Some pictures of P6 show P5, and some of P7 show P8: a split must have each pair on one side.
_ONE_SIGNER = {"P5": "P5P6", "P6": "P5P6", "P7": "P7P8", "P8": "P7P8"}


@dataclass(frozen=True)
class PeopleFolders(SignerFolders):
    """A folder a person, with a folder a sign in it.

    Attributes:
        wanted: names of the folders that are used; () for all.
        unwanted_because: why the images of the others are left out.
    """

    wanted: tuple[str, ...] = ()
    unwanted_because: str = ""

    def take_class(self, child: Folder, folder: Folder, search: "Search") -> None:
        if not self.wanted or folder.name in self.wanted:
            super().take_class(child, folder, search)
        else:
            for _, path in child.images():
                search.leave_out(path, self.unwanted_because)


class Rooms(ImageSet):
    """Frames of people in rooms; the signer is the folder, and in `asl_hg` stands in the file's name."""

    def told_by_path(self, key: str) -> Told:
        told = super().told_by_path(key)
        person = re.search(r"(?:^|/)asl_hg/[^/]+/(P\d+)_", key)
        return told._replace(signer=f"asl_hg_{_ONE_SIGNER.get(person[1], person[1])}") if person else told

    def settled(self, records: list[ImageRecord]) -> list[ImageRecord]:
        """Frames numbered without the gaps that thinning left, so that what is one recording is one burst."""
        frames: dict[tuple[str, int], int] = {}
        renumbered = {}
        for record in sorted(records, key=lambda record: (record.frame, record.key)):
            recording = (record.signer, record.label)
            frames[recording] = frames.get(recording, -1) + 1
            renumbered[record.key] = replace(record, frame=frames[recording])
        return [renumbered[record.key] for record in records]


_FRAME = re.compile(r"(?P<frame>\d+)\.\w+$")
_REMARKS = (
    "J and Z are single still poses of the motions.",
    "The frames of a sign by a person are evenly spaced frames of one recording: one burst.",
    "Labels were checked by eye; classes that were wrong or doubtful are left out.",
)
_ASL_HG = (
    "asl_hg names ten people in its files; P5 and P6 count as one signer, and so do P7 and P8, because some pictures "
    "of one show the other. Its two-handed 0 is left out."
)

ROOMS_FREE = Rooms(
    name="rooms_free",
    title="Rooms: strangers before their own cameras",
    licence="CC BY 4.0, MIT; partly implied",
    origin=_ORIGIN,
    attributions=attributions(PEOPLE),
    images=7270,
    layouts=(PeopleFolders(),),
    path_pattern=_FRAME,
    remarks=(
        *_REMARKS,
        _ASL_HG,
        (
            "evriel_s1 … evriel_s4 are sessions of three or four people: one may have two names. About half of their "
            "frames are mirrored."
        ),
        "Weights that learned from all of it are for figures; those to be given away learn from rooms_cleared.",
    ),
)
ROOMS_CLEARED = Rooms(
    name="rooms_cleared",
    title="Rooms whose licences let weights be given away",
    licence="CC BY 4.0, MIT",
    origin=f"{_ORIGIN}, and lies in the folder of rooms_free",
    attributions=attributions(_CLEARED),
    part_of="rooms_free",
    images=7270,
    layouts=(
        PeopleFolders(
            wanted=tuple(person.folder for person in _CLEARED),
            unwanted_because="its licence is only implied: weights that learned from it are not given away",
        ),
    ),
    path_pattern=_FRAME,
    other_names=("rooms_free",),
    remarks=(*_REMARKS, _ASL_HG, "Weights that learned from it are given away with these attributions."),
)
ROOMS_DEV = Rooms(
    name="rooms_dev",
    title="Rooms for measuring",
    origin=_ORIGIN,
    for_measuring_only=True,
    images=3140,
    layouts=(PeopleFolders(),),
    path_pattern=_FRAME,
    remarks=(
        *_REMARKS,
        "No licence is stated: it measures finished networks, never trains one and never chooses a setting.",
    ),
)
