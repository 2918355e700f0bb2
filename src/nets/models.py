"""The networks that `model=…` offers: settings here, layers in the files beside."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from src.errors import UserError
from src.settings.options import Field, Option, settings

if TYPE_CHECKING:
    from src.nets.stages import StagedNetwork

_WEIGHT_FILES = (".safetensors", ".ckpt")


@settings
class Model(Option, group="model"):
    """A network as an ordered list of named stages, and the weights that it starts from."""

    weights: str | None = Field(
        default=None, description="hands, imagenet, a .safetensors or .ckpt file, or null: a random start"
    )
    dropout: float = Field(default=0.2, ge=0, le=0.95, description="before the head")
    lr: float = Field(default=0.001, gt=0, le=100, allow_inf_nan=False, description="of the head, for adamw and adam")
    layer_decay: float = Field(
        default=0.8, ge=0.01, le=1, description="each stage learns this much slower than the one above"
    )

    @property
    def title(self) -> str:
        """What records and pages call the network."""
        return self.slug

    @property
    def backbone(self) -> str | None:
        """timm's name of the network, or None for one that timm does not know."""
        return None

    @abstractmethod
    def network(self, image_size_px: int) -> "StagedNetwork":
        """The network for 36 classes with random weights.

        Raises:
            UserError: it cannot be built, or cannot take images of this size.
        """

    def check(self) -> None:
        if self.weights in (None, "hands", "imagenet") or Path(str(self.weights)).suffix in _WEIGHT_FILES:
            return
        raise UserError(
            f"model.weights={self.weights} is not understood: use hands, imagenet, null, or a .safetensors or .ckpt "
            "file."
        )

    def check_files(self) -> None:
        """Whether files that the settings name are there.

        Raises:
            UserError: one is not.
        """
        if self.weights not in (None, "hands", "imagenet") and not Path(str(self.weights)).is_file():
            raise UserError(f"model.weights={self.weights}: there is no such file.")


@settings
class Cnn(Model):
    """The original study's network, trained from scratch."""

    filters: tuple[int, ...] = Field(default=(16, 32, 64, 128, 256), description="of each convolution")
    dense_units: int = Field(default=128, ge=1, le=65536)
    batch_norm: bool = False

    def check(self) -> None:
        super().check()
        if not self.filters or min(self.filters) < 1:
            raise UserError(
                f"model.filters={list(self.filters)}: give at least one layer, each with at least one filter."
            )
        if self.weights in ("hands", "imagenet"):
            raise UserError(
                f"model.weights={self.weights} does not exist for model=cnn: use null or a file that a run of it left."
            )

    def network(self, image_size_px: int) -> "StagedNetwork":
        from src.nets.cnn import build_cnn
        from src.signs.labels import NUM_SIGNS

        return build_cnn(NUM_SIGNS, image_size_px, self.filters, self.dense_units, self.batch_norm, self.dropout)


@settings
class Timm(Model):
    """Any backbone of timm; its stages come from timm's own group matcher."""

    name: str = Field(description="timm's name of the backbone")

    @property
    def title(self) -> str:
        return self.name

    @property
    def backbone(self) -> str | None:
        return self.name

    def check(self) -> None:
        super().check()
        if self.weights == "hands":
            raise UserError("model.weights=hands fits mobilenetv2_100 alone: use imagenet, null or a file.")

    def network(self, image_size_px: int) -> "StagedNetwork":
        from src.nets.timm_backbone import TimmNetwork, evaluate_once
        from src.signs.labels import NUM_SIGNS

        network = TimmNetwork(self.name, NUM_SIGNS, image_size_px, self.dropout)
        evaluate_once(network, image_size_px)
        return network


@settings
class MobileNetV2(Timm, slug="mobilenetv2"):
    """MobileNetV2 (Sandler et al., 2018, arXiv:1801.04381) from timm, taken apart into its stages."""

    name: str = Field(default="mobilenetv2_100", description="timm's name of it")

    def check(self) -> None:
        if not self.name.startswith("mobilenetv2_"):
            raise UserError(f"model.name={self.name} is no MobileNetV2: use model=timm model.name={self.name}.")
        if self.name == "mobilenetv2_100":
            Model.check(self)
        else:
            super().check()

    def network(self, image_size_px: int) -> "StagedNetwork":
        from src.nets.mobilenetv2 import build_mobilenetv2
        from src.signs.labels import NUM_SIGNS

        return build_mobilenetv2(NUM_SIGNS, self.name, self.dropout)
