"""What a protocol's figure promises and what it does not, in sentences; every page and README row says the same."""

from collections.abc import Mapping
from typing import Any

# Whether the people of the test set were seen in training, by protocol: what the pages call a line.
SEEN = {
    "random": "seen signers",
    "group": "seen signers",
    "signer": "unseen signers",
    "source": "another dataset",
    "everything": "all images",
}


def leak(metrics: Mapping[str, Any]) -> str:
    """What a figure leaks, to be put behind its protocol; "" for nothing, or for a run that did not compare."""
    leaked = metrics.get("leaked_test_percent")
    return f", {leaked:.0f}% of the test images with a near-duplicate in training" if leaked else ""


def promise(metrics: Mapping[str, Any]) -> str:
    """One sentence: what the figure of a run does and does not promise.

    Args:
        metrics: the contents of a metrics.json, or of a file in evaluations/.
    """
    split = metrics["split"]
    if split == "random":
        leaked = metrics.get("leaked_test_percent")
        leak = (
            "some of the test images are frames of a burst that was trained on"
            if leaked is None
            else f"{leaked:.0f} % of the test images have a near-duplicate among those it was trained on"
        )
        return (
            "It promises how well new frames of the same people on the same day are read, and nothing about a new "
            f"person, room or camera: {leak}."
        )
    if split == "group":
        return (
            "It promises how well new pictures of the people in these sets are read, since no near-duplicate of a test "
            "image was trained on; it does not promise a person or a camera that was not there."
        )
    if split == "signer":
        people = metrics["holdout"].count(",") + 1
        whom = (
            "on one person, who may be easier or harder to read than the next" if people == 1 else f"on {people} people"
        )
        return (
            f"It promises how well a new person is read before the same camera and background, measured {whom}; "
            "it does not promise another camera, room or way of framing the hand."
        )
    if split == "source":
        return (
            "It promises how well another dataset, with its own people, room and camera, is read, the nearest of "
            "these tests to a user at home; it does not promise a third dataset, which may differ in other ways."
        )
    return (
        "It says how all images of these sources are read; it promises nothing about new pictures if any of them, or "
        "their near-duplicates, were trained on."
    )


def tested(metrics: Mapping[str, Any]) -> str:
    """One sentence: the protocol of the test."""
    images = f"{metrics['test_images']:,} images"
    held = metrics["holdout"].replace(",", ", ")
    return {
        "random": f"{images} drawn at random (split=random)",
        "group": f"{images} in whole groups of near-duplicates (split=group)",
        "signer": f"{images} of {held}, never in training or validation (split=signer)",
        "source": f"{images} of {held}, a dataset that was not trained on (split=source)",
    }.get(metrics["split"], f"{images}, all there are (split={metrics['split']})")


def line_name(metrics: Mapping[str, Any]) -> str:
    """What a sweep's chart calls the runs of one protocol."""
    held = ", ".join(name.partition(":")[2] or name for name in metrics["holdout"].split(",") if name)
    seen = SEEN.get(metrics["split"], metrics["split"])
    return f"{seen} (split={metrics['split']}{', ' + held if held else ''})"
