"""Albumentations pipelines whose draws belong to (seed, epoch, image), never to a worker or to a moment."""

import hashlib
import inspect
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import albumentations
import cv2
import numpy as np

from src.data.rooms import BeforeRoom
from src.data.settings import AugmentationSettings
from src.errors import UserError


def draw_seed(seed: int, moment: int | str, name: str) -> int:
    """The 32-bit seed of one image's draw at one moment (an epoch, a view): the same on every machine and worker."""
    digest = hashlib.blake2b(f"{seed}|{moment}|{name}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


@dataclass(frozen=True)
class Draws:
    """Which random draw an image gets in an epoch: a fresh one, or one of a few views that come round again.

    Attributes:
        seed: of the fresh draws.
        views: how many views an image has.
        views_seed: of the views; runs whose `seed` differs can share them.
        viewed: the epochs that show views.
    """

    seed: int
    views: int = 1
    views_seed: int = 0
    viewed: frozenset[int] = frozenset()

    def view(self, epoch: int, name: str) -> int:
        """The view of an image that an epoch shows, from 0. Each image starts elsewhere, so every epoch mixes views."""
        return (epoch + draw_seed(self.views_seed, "first view", name)) % self.views

    def seed_for(self, epoch: int, name: str, again: int = 0) -> int:
        """The 32-bit seed of an image's draw in an epoch that has shown it `again` times before."""
        if epoch in self.viewed:
            return self.seed_of_view(self.view(epoch + again, name), name)
        return draw_seed(self.seed, f"{epoch}, again {again}" if again else epoch, name)

    def seed_of_view(self, view: int, name: str) -> int:
        """The 32-bit seed of one view of an image."""
        return draw_seed(self.views_seed, f"view {view}", name)


# Transforms of the project's own, beside those of Albumentations.
_OWN = {"BeforeRoom": BeforeRoom}


class Augmentation:
    """A pipeline of Albumentations transforms on one image.

    Args:
        settings: the transforms, in order.

    Attributes:
        needs_masks: whether any of them wants to know where the hand is.

    Raises:
        UserError: a name is no Albumentations image transform, or does not take its arguments.
    """

    def __init__(self, settings: AugmentationSettings) -> None:
        self.name = settings.name
        steps = [_transform(step) for step in settings.transforms]
        self.pipeline = albumentations.Compose(
            steps,
            keypoint_params=albumentations.KeypointParams(format="xy", remove_invisible=False),
            mask_interpolation=cv2.INTER_LINEAR,
        )
        self.is_identity = not settings.transforms
        self._before_rooms = [step for step in steps if isinstance(step, BeforeRoom)]
        self.needs_masks = bool(self._before_rooms)

    def prepare(self, cache_dir: Path) -> None:
        """Read what the transforms need beside the images, once for this machine.

        Raises:
            UserError: it cannot be read, or the cache not written.
        """
        for step in self._before_rooms:
            step.prepare(cache_dir)

    @property
    def key(self) -> str:
        """All that decides what it does, beside the versions of code: the transforms and what they read from disk."""
        return " ".join([repr(self.pipeline), *(step.key for step in self._before_rooms)])

    def __call__(self, image: np.ndarray, seed: int, mask: np.ndarray | None = None) -> np.ndarray:
        """`(height, width, 3) uint8` → the same shape and type, as `seed` alone decides.

        Args:
            image: to be augmented.
            seed: of all draws.
            mask: `(height, width) uint8`, 255 where the hand is, or None where that is not known.
        """
        return self.with_joints(image, seed, mask)[0]

    def with_joints(
        self, image: np.ndarray, seed: int, mask: np.ndarray | None = None, joints: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The same with the hand's joints, `(21, 2) float32` shares of the side, which move along; NaN stays NaN."""
        if self.is_identity:
            return image, joints
        # One stream for all transforms: seeded one by one (`set_random_seed`) they would all draw the same numbers, so
        # that whatever has p=0.5 happens together. Unseeded, Albumentations 2.0.8 repeats draws across workers.
        self.pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        known: dict[str, np.ndarray] = {} if mask is None else {"mask": mask}
        side = np.array(image.shape[1::-1], dtype=np.float32)
        if joints is not None and np.isfinite(joints).all():
            known["keypoints"] = joints * side - 0.5  # Albumentations counts from the middle of the first pixel
        shown = self.pipeline(image=image, **known)
        if "keypoints" in known:
            joints = ((shown["keypoints"] + 0.5) / side).astype(np.float32)
        return shown["image"], joints


def _transform(step: Any) -> albumentations.BasicTransform:
    if not isinstance(step, dict) or len(step) != 1:
        raise UserError(f"augmentation.transforms: each entry is one name with its arguments, but this one is {step}.")
    ((name, arguments),) = step.items()
    transform = _OWN.get(str(name)) or getattr(albumentations, str(name), None)
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
