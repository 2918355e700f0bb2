"""What every source of images is, whether a public set, a user's folder, rendered hands or a class of yours."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from src.errors import UserError
from src.sources.decoding import DECODER_VERSION, Decoded, Decoding
from src.sources.download import fetch
from src.sources.records import Finding, ImageRecord

if TYPE_CHECKING:
    from src.sources.image_set import ImageSet
    from src.sources.rendered import RenderedHands


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a run's images are, as far as that is not the same for everyone.

    Attributes:
        root: the data root, with one folder a public set.
        folder: where the images of the source "folder" are.
        npy_label_order: which digit each column of a Y.npy stands for; needed only where its counts do not tell.
        rendered: which hands the source "rendered" draws; its own choice where not given.
        download: called with a public set and the root where the set is missing; None to never download.
    """

    root: Path
    folder: Path | None = None
    npy_label_order: tuple[int, ...] | None = None
    rendered: "RenderedHands | None" = None
    download: "Callable[[ImageSet, Path], Path] | None" = fetch


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found of one source.

    Attributes:
        source: who decodes the records: the source that was asked, set to what the places say.
        records: the images, in an order that is the same on every machine.
        findings: files that are not used as they stand, and why.
    """

    source: "Source"
    records: list[ImageRecord]
    findings: list[Finding]


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """One source of images. It is sent to other processes, so it holds plain values only.

    Attributes:
        name: what `datamodule.sources` calls it: lower-case letters, digits and `_`.
        title: its name for people.
        licence: as stated where it was found.
        page_url: where a person finds it, or "".
        origin: where a source without a page of its own comes from, the end of a sentence, or "".
        attributions: whom anything that is made from it must name, a line each.
        part_of: the source whose images these are some of, under other names; the two are never used together.
        for_measuring_only: whether nothing may be trained on it, and no checkpoint chosen by it.
        people: how many people it shows, as its page tells, for images that do not name them; 0 where it does not.
        images: images in the complete source, unusable ones included; 0 where that is not fixed.
        remarks: what a user should know before trusting a number measured on it.
        in_processes: whether `decode` is calculation in Python, which only processes of its own speed up; files are
            decoded in threads.
        verb: what a progress bar calls its decoding.
        is_cut_out: whether every image is a hand on black, cut out before it was published.
        knows_masks: whether every `decode` and `frame` comes with its mask.
        knows_hands: whether every `frame` comes with its joints, so that nobody need look for the hand.
    """

    name: str
    title: str
    licence: str = "not stated"
    page_url: str = ""
    origin: str = ""
    attributions: tuple[str, ...] = ()
    part_of: str = ""
    for_measuring_only: bool = False
    is_cut_out: bool = False
    people: int = 0
    images: int = 0
    remarks: tuple[str, ...] = ()

    in_processes: ClassVar[bool] = False
    verb: ClassVar[str] = "decoding"
    knows_hands: ClassVar[bool] = False
    knows_masks: ClassVar[bool] = False

    @property
    def signers_are_inferred(self) -> bool:
        """Whether signers are a reasoned guess rather than named by the files."""
        return False

    def lies_in(self, root: Path) -> bool:
        """Whether a folder of it lies below the data root, whatever state it is in."""
        return False

    @abstractmethod
    def find(self, places: Places) -> Discovery:
        """All its images, found without decoding any.

        A record's `key` is its name within the source and must be the same on every machine: random draws are tied to
        it. A record without a file (`file=""`) is one that only `decode` can make.

        Raises:
            UserError: it is not there, or is not what it should be.
        """

    def decode(self, record: ImageRecord, decoding: Decoding) -> Decoded:
        """One image as a square, (image_size_px, image_size_px, 3) uint8 RGB; here from its file or row of a file.

        Raises:
            Unreadable: there is no usable image.
        """
        from src.sources.images import decode, fit_square

        decoded = decode(record, decoding.max_megapixels, needed_px=decoding.image_size_px)
        return decoded._replace(pixels=fit_square(decoded.pixels, decoding.image_size_px, decoding.fit))

    def frame(self, record: ImageRecord, decoding: Decoding, needed_px: int) -> Decoded:
        """One whole image, upright and of any shape, for whoever cuts the hand out; here from its file or row of one.

        Args:
            record: which.
            decoding: what the images are made into.
            needed_px: a JPEG may be decoded smaller than stored, with both sides at least twice this; 0 for all pixels.

        Raises:
            Unreadable: there is no usable image.
            UserError: the source has a `decode` of its own and no `frame`.
        """
        from src.sources.images import decode

        if type(self).decode is not Source.decode:
            raise UserError(
                f"The hands of '{self.name}' cannot be cut out: it decodes its images itself and gives no whole "
                "frames: take datamodule.crop=none, or give its class a frame() beside its decode()."
            )
        return decode(record, decoding.max_megapixels, needed_px)

    def key(self, records: Sequence[ImageRecord], decoding: Decoding) -> Any:
        """All that decides the pixels of some of its records, as plain values that JSON can hold.

        Here the decoding and each file's size and time of change. A source with a `decode` of its own adds what that
        depends on, a version number of its code included: pixels under a key that was seen before are not made again.
        """
        return {
            "decoder": DECODER_VERSION,
            "image_size_px": decoding.image_size_px,
            "fit": decoding.fit,
            "max_megapixels": float(decoding.max_megapixels),
            "files": _stamped(records),
        }


def _stamped(records: Iterable[ImageRecord]) -> str:
    """A digest of the records' keys and the state of their files, wherever these lie."""
    digest = hashlib.sha256()
    stamps: dict[str, tuple[int, int]] = {}
    for record in records:
        if record.file not in stamps:
            try:
                status = Path(record.file).stat()
                stamps[record.file] = (status.st_size, status.st_mtime_ns)
            except OSError:
                stamps[record.file] = (-1, -1)
        size_bytes, changed_ns = stamps[record.file]
        digest.update(f"{record.key}\0{record.row}\0{size_bytes}\0{changed_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
