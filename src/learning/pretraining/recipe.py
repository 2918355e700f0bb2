"""What pretraining is made from: how many images, how long, how fast."""

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.learning.freezing import FreezePolicy, Rest
from src.learning.optimizers import AdamW, Optimizer
from src.learning.schedulers import Cosine, Scheduler
from src.learning.trainer_settings import TrainerSettings
from src.synthetic.spec import POSES_VERSIONS, RenderedSpec

# Rendered sets of the config have seeds below this: no person of theirs is ever met here.
FIRST_RENDERING_SEED = 2**31
SIGNERS = 400
BACKBONE = "mobilenetv2_100"
_VALIDATION_SHARE = 0.04
_WARMUP_SHARE = 0.1
_LARGEST_GRADIENT = 5.0
_SMALL_SHARE = 0.75
_SIZE_STEP_PX = 8
_FIRST_TO_REST = "block2"  # the last of them


@dataclass(frozen=True)
class Pretraining:
    """What the file is made from: two equal ones give equal files on one machine.

    Attributes:
        images: rendered hands; the last 4 % are kept for validation.
        epochs: passes over them, three quarters of them at three quarters of `image_size_px`.
        image_size_px: side of the rendered images.
        seed: of people, poses, first weights, order and augmentation.
        batch_size: images a step.
        lr: the highest learning rate: reached after a tenth of the steps, then a cosine down to zero.
        weight_decay: of AdamW, never on 1-d parameters.

    Raises:
        UserError: there are too few images, epochs or pixels to learn from.
    """

    images: int = 20_000
    epochs: int = 10
    image_size_px: int = 96
    seed: int = 0
    batch_size: int = 64
    lr: float = 3e-3
    weight_decay: float = 0.02

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UserError(f"Pretraining needs epochs of at least 1, not {self.epochs}.")
        if self.image_size_px < 32:
            raise UserError(f"Pretraining needs images of at least 32 px, not {self.image_size_px}.")
        if self.training_images < self.batch_size:
            raise UserError(f"Pretraining needs at least {2 * self.batch_size} images, not {self.images}.")

    @property
    def training_images(self) -> int:
        """How many of the images, the first ones, are trained on; the others validate."""
        return self.images - max(1, round(_VALIDATION_SHARE * self.images))

    @property
    def hands(self) -> RenderedSpec:
        """Which rendered set."""
        return RenderedSpec(self.images, SIGNERS, self.image_size_px, FIRST_RENDERING_SEED + self.seed)

    @property
    def freeze(self) -> FreezePolicy:
        """After a third of the epochs the early stages rest."""
        return Rest(last=_FIRST_TO_REST, from_epoch=math.ceil(self.epochs / 3))

    @property
    def optimizer(self) -> Optimizer:
        """One learning rate for all stages."""
        return AdamW(lr=self.lr, weight_decay=self.weight_decay)

    @property
    def scheduler(self) -> Scheduler:
        """A tenth of the steps up, the others down to zero."""
        return Cosine(interval="step", warmup_epochs=_WARMUP_SHARE * self.epochs, final_fraction=0.0)

    @property
    def trainer(self) -> TrainerSettings:
        """On whatever this machine has."""
        return TrainerSettings(max_epochs=self.epochs, gradient_clip=_LARGEST_GRADIENT, monitor="val/loss")

    def size_px(self, epoch: int) -> int:
        """Side of the images of an epoch: small ones first, since they teach the coarse things at half the price.

        Much smaller ones save nothing: where the last maps have 2x2 pixels, the gradient of their depthwise
        convolutions is slow on a CPU.
        """
        if epoch >= _SMALL_SHARE * self.epochs:
            return self.image_size_px
        return max(32, _SIZE_STEP_PX * round(0.75 * self.image_size_px / _SIZE_STEP_PX))

    def plain(self) -> dict[str, Any]:
        """The recipe as plain values."""
        return asdict(self)

    def key(self, start: Path | None = None) -> dict[str, Any]:
        """Everything that decides the weights, as plain values."""
        return {**self.plain(), **POSES_VERSIONS, "start": digest(start)}


def digest(start: Path | None) -> str | None:
    """SHA-256 of the file that is learned on from; None where there is none."""
    return None if start is None or not start.is_file() else hashlib.sha256(start.read_bytes()).hexdigest()
