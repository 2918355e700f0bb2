"""What a protocol's figure promises and what it does not, in sentences; every page and README row says the same.

The words are the protocols' own, see `src.data.split`; here they are found by the name that a record has of one.
"""

from src.data.split import protocol_named
from src.runs.record import Record


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


def measured_on(record: Record) -> str:
    """On what a run's figures were taken, and by which protocol, with what it leaks: `on rendered, split=random`."""
    holdout = f" with {','.join(record.holdout)} held out" if record.holdout else ""
    return f"on {','.join(record.sources)}, split={record.split}{holdout}{leak(record)}"


def protocol_line(record: Record) -> str:
    """The protocol that a run's figures were taken by, in a line, with what it leaks."""
    return f"Result {measured_on(record)}"
