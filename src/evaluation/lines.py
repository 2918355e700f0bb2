"""The lines of a sweep's chart: one a protocol, and whatever else was varied beside the freezing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from src.evaluation.promises import line_name, promise
from src.runs.sweeps import Configuration


@dataclass(frozen=True)
class Line:
    """The configurations of one protocol that differ in what they train.

    Attributes:
        name: the protocol, what it leaks, and whatever else was varied.
        members: those with fewer trained stages first; each has a finished run.
        protocol: in a few words.
        promise: what a figure of it promises and what not, a sentence.
    """

    name: str
    members: list[Configuration]
    protocol: str
    promise: str


def lines_of(configurations: Sequence[Configuration]) -> list[Line]:
    """One line a protocol and whatever else was varied beside the freezing."""
    found: dict[tuple[str, str], list[Configuration]] = {}
    several_models = len({run.model for one in configurations for run in one.runs}) > 1
    for one in configurations:
        if not one.runs:
            continue
        first = one.runs[0]
        # The protocol names these already; what sets the number of trained stages is the axis.
        others = {k: v for k, v in one.settings.items() if not k.startswith(("freeze", "split"))}
        if several_models and "model" not in others:
            others = {"model": first.model, **others}
        if len({run.holdout for run in one.runs}) > 1:  # the seed drew another signer each time
            first = replace(first, holdout=())
        found.setdefault((line_name(first), " ".join(others.values())), []).append(one)
    return [_line(protocol, more, members) for (protocol, more), members in found.items()]


def _line(protocol: str, more: str, members: list[Configuration]) -> Line:
    members.sort(key=lambda one: one.stages_trained)
    runs = [run for one in members for run in one.runs]
    leaks = leak_range([run.leaked_test_percent or 0.0 for run in runs])
    name = " · ".join(filter(None, (more, protocol, f"leaks {leaks}" if leaks else "")))
    return Line(name, members, protocol, promise(runs[0]))


def leak_range(leaked: Sequence[float]) -> str:
    """ "61 %" or "58 to 61 %" of some runs' leaked percentages; "" where none leaks."""
    if not any(leaked):
        return ""
    return " to ".join(dict.fromkeys(f"{percent:.0f}" for percent in (min(leaked), max(leaked)))) + " %"
