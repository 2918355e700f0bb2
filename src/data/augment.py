"""Albumentations pipelines whose draws belong to (seed, epoch, image), never to a worker or to a moment."""

import hashlib
import inspect
from collections.abc import Sequence
from typing import Any

import albumentations
import numpy as np

from src.errors import UserError


def draw_seed(seed: int, epoch: int, name: str) -> int:
    """The 32-bit seed of one image's draw in one epoch: the same on every machine and in every worker."""
    digest = hashlib.blake2b(f"{seed}|{epoch}|{name}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


class Augmentation:
    """A pipeline of Albumentations transforms on one image.

    Args:
        transforms: `[{class name: arguments}, …]`, the `augmentation.transforms` of the config.

    Raises:
        UserError: a name is no Albumentations image transform, or does not take its arguments.
    """

    def __init__(self, transforms: Sequence[dict[str, Any]]) -> None:
        self.pipeline = albumentations.Compose([_transform(step) for step in transforms])
        self.is_identity = not transforms

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        """`(height, width, 3) uint8` → the same shape and type, as `seed` alone decides."""
        if self.is_identity:
            return image
        # Albumentations 2.0.8 repeats draws across workers unless it is seeded anew; each image costs about 0.1 ms.
        self.pipeline.set_random_seed(seed)
        return self.pipeline(image=image)["image"]


def _transform(step: dict[str, Any]) -> albumentations.BasicTransform:
    if not isinstance(step, dict) or len(step) != 1:
        raise UserError(f"augmentation.transforms: each entry is one name with its arguments, but this one is {step}.")
    ((name, arguments),) = step.items()
    transform = getattr(albumentations, str(name), None)
    if not (
        inspect.isclass(transform)
        and issubclass(transform, albumentations.ImageOnlyTransform | albumentations.DualTransform)
    ):
        raise UserError(
            f"augmentation.transforms: '{name}' is no image transform of Albumentations {albumentations.__version__}."
        )
    arguments = dict(arguments or {})
    unknown = set(arguments) - set(inspect.signature(transform.__init__).parameters)
    if unknown:  # Albumentations only warns, and the picture would silently stay as it was
        raise UserError(f"augmentation.transforms: {name} takes no argument '{sorted(unknown)[0]}'.")
    try:
        return transform(**arguments)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"augmentation.transforms: {name} does not take these arguments ({str(error).splitlines()[0]})."
        ) from None
