"""What a protocol's figure promises and what it does not, in sentences; every page and README row says the same."""

from abc import ABC, abstractmethod
from typing import ClassVar

from src.runs.record import Record


class Promise(ABC):
    """The words of one split protocol.

    Attributes:
        slug: the protocol's name in a record.
        seen: in two words, what a chart calls the people of its test set.
        tests_new_people: whether the people of the test set are not promised to be those of training.
    """

    slug: ClassVar[str]
    seen: ClassVar[str]
    tests_new_people: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def promise(cls, record: Record) -> str:
        """One sentence: what the figure of a run does and does not promise."""

    @classmethod
    def tested(cls, record: Record) -> str:
        """What was tested, in a few words."""
        return f"{record.test_images:,} images, all there are (split={cls.slug})"


class Random(Promise):
    slug, seen = "random", "seen signers"

    @classmethod
    def promise(cls, record: Record) -> str:
        leaked = record.leaked_test_percent
        leak = (
            "some of the test images are frames of a burst that was trained on"
            if leaked is None
            else f"{leaked:.0f} % of the test images have a near-duplicate among those it was trained on"
        )
        return (
            "It promises how well new frames of the same people on the same day are read, and nothing about a new "
            f"person, room or camera: {leak}."
        )

    @classmethod
    def tested(cls, record: Record) -> str:
        return f"{record.test_images:,} images drawn at random (split=random)"


class Group(Promise):
    slug, seen = "group", "seen signers"

    @classmethod
    def promise(cls, record: Record) -> str:
        return (
            "It promises how well new pictures of the people in these sets are read, since no near-duplicate of a test "
            "image was trained on; it does not promise a person or a camera that was not there."
        )

    @classmethod
    def tested(cls, record: Record) -> str:
        return f"{record.test_images:,} images in whole groups of near-duplicates (split=group)"


class Signer(Promise):
    slug, seen, tests_new_people = "signer", "unseen signers", True

    @classmethod
    def promise(cls, record: Record) -> str:
        people = len(record.holdout)
        whom = (
            "on one person, who may be easier or harder to read than the next" if people == 1 else f"on {people} people"
        )
        return (
            f"It promises how well a new person is read before the same camera and background, measured {whom}; "
            "it does not promise another camera, room or way of framing the hand."
        )

    @classmethod
    def tested(cls, record: Record) -> str:
        held = ", ".join(record.holdout)
        return f"{record.test_images:,} images of {held}, never in training or validation (split=signer)"


class Source(Promise):
    slug, seen, tests_new_people = "source", "another dataset", True

    @classmethod
    def promise(cls, record: Record) -> str:
        return (
            "It promises how well another dataset, with its own people, room and camera, is read, the nearest of "
            "these tests to a user at home; it does not promise a third dataset, which may differ in other ways."
        )

    @classmethod
    def tested(cls, record: Record) -> str:
        held = ", ".join(record.holdout)
        return f"{record.test_images:,} images of {held}, a dataset that was not trained on (split=source)"


class Everything(Promise):
    slug, seen, tests_new_people = "everything", "all images", True

    @classmethod
    def promise(cls, record: Record) -> str:
        return (
            "It says how all images of these sources are read; it promises nothing about new pictures if any of them, "
            "or their near-duplicates, were trained on."
        )


def protocol_named(slug: str) -> type[Promise] | None:
    """The protocol that a record names, or None for a user's own whose module was not imported."""
    return {one.slug: one for one in (Random, Group, Signer, Source, Everything)}.get(slug)


def has_new_people(split: str) -> bool:
    """Whether a protocol does not promise that the people of the test set were trained on."""
    protocol = protocol_named(split)
    return protocol is not None and protocol.tests_new_people


def promise(record: Record) -> str:
    """One sentence: what the figure of a run does and does not promise."""
    protocol = protocol_named(record.split)
    if protocol is None:
        return f"What split={record.split} promises is not known here: name the module that defines it in plugins=[…]."
    return protocol.promise(record)


def tested(record: Record) -> str:
    """What was tested, in a few words."""
    protocol = protocol_named(record.split)
    return protocol.tested(record) if protocol else f"{record.test_images:,} images (split={record.split})"


def leak(record: Record) -> str:
    """What a figure leaks, to be put behind its protocol; "" for nothing, or for a run that did not compare."""
    leaked = record.leaked_test_percent
    return f", {leaked:.0f}% of the test images with a near-duplicate in training" if leaked else ""


def line_name(record: Record) -> str:
    """What a sweep's chart calls the runs of one protocol."""
    held = ", ".join(name.partition(":")[2] or name for name in record.holdout)
    protocol = protocol_named(record.split)
    seen = protocol.seen if protocol else record.split
    return f"{seen} (split={record.split}{', ' + held if held else ''})"
