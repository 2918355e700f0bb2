"""The settings of images: which, how they become batches, how they are augmented."""

from typing import Any, Literal

from src.errors import UserError
from src.settings.options import Field, settings
from src.signs.labels import DIGITS, LETTERS, SIGNS, sign_index
from src.sources.catalog import check_sources
from src.sources.rendered import RenderedHands


@settings
class DatamoduleSettings:
    """Which images, and how they become batches."""

    sources: tuple[str, ...] = ("rendered",)
    rendered: RenderedHands = Field(default_factory=RenderedHands)
    root: str = Field(default="data", description="folder that holds one folder a source")
    folder: str | None = Field(default=None, description="where the source called `folder` lies")
    signs: str | tuple[str | int, ...] = Field(default="all", description="all, digits, letters or a list of signs")
    image_size_px: int = Field(default=128, ge=32, le=1024)
    fit: Literal["pad", "stretch", "crop"] = Field(default="pad", description="how a picture becomes a square")
    crop: Literal["none", "hand"] = Field(default="none", description="whether the hand is found and cut out first")
    crop_margin: float = Field(
        default=1.5, ge=1, le=4, allow_inf_nan=False, description="side of that square, in longer sides of the hand"
    )
    unfound: Literal["drop", "whole"] = Field(default="drop", description="pictures in which no hand is found")
    irregular: Literal["convert", "drop"] = Field(default="convert", description="files that a conversion can save")
    max_megapixels: float = Field(default=50, ge=0.01, le=1000, description="a larger picture is refused unread")
    npy_label_order: tuple[int, ...] | None = Field(
        default=None, description="digits that the columns of an unknown Y.npy stand for"
    )
    cache_dir: str = ".cache"
    balance: Literal["none", "people", "sources"] = Field(
        default="none", description="none: every image once an epoch; people, sources: drawn by who shows them"
    )
    epoch_images: int | None = Field(default=None, ge=1, description="draws in a balanced epoch; null: one an image")
    weights: dict[str, float] | None = Field(
        default=None, description="a source, or <source>/<folder>: how many times as often it is drawn"
    )
    batch_size: int = Field(default=32, ge=1, le=4096)
    workers: int | None = Field(default=None, ge=0, le=256, description="loader processes; null: as the cores allow")

    def check(self) -> None:
        """What types and ranges cannot say.

        Raises:
            UserError: a source or sign is unknown, or settings contradict each other.
        """
        if not self.sources:
            raise UserError(
                "datamodule.sources is empty: name at least one source, such as datamodule.sources=[asl_dataset]."
            )
        check_sources(self.sources)
        if len(set(self.sources)) != len(self.sources):
            raise UserError(f"datamodule.sources={list(self.sources)} names a source twice: name each once.")
        if "folder" in self.sources and not self.folder:
            raise UserError(
                "The source 'folder' needs datamodule.folder=<a directory of one folder a class, or a manifest.csv>."
            )
        if self.folder and "folder" not in self.sources:
            raise UserError("datamodule.folder is given but not used: add it with datamodule.sources=[folder].")
        if self.balance == "none" and (self.weights or self.epoch_images is not None):
            named = "weights" if self.weights else "epoch_images"
            raise UserError(
                f"datamodule.{named} says how images are drawn, but datamodule.balance=none shows each once: add "
                "datamodule.balance=people or datamodule.balance=sources."
            )
        for name, weight in (self.weights or {}).items():
            if not 0 <= weight < float("inf"):
                raise UserError(f"datamodule.weights.{name}={weight} is out of range: it must be at least 0.")
        self.wanted_signs()

    def wanted_signs(self) -> tuple[int, ...]:
        """The class indices that `signs` asks for.

        Raises:
            UserError: it names something that is no sign.
        """
        named = {"all": SIGNS, "digits": DIGITS, "letters": LETTERS}
        if isinstance(self.signs, str) and self.signs in named:
            return tuple(sign_index(sign) for sign in named[self.signs])
        if not isinstance(self.signs, str) and self.signs:
            return tuple(sorted({sign_index(str(sign)) for sign in self.signs}))
        raise UserError(
            f"datamodule.signs={self.signs} is not understood: use all, digits, letters or a list such as [A,B,3]."
        )


@settings
class AugmentationSettings:
    """Albumentations transforms in order."""

    name: str = "none"
    rooms: str = Field(
        default="drawn", description="where BeforeRoom takes rooms from: drawn, or a folder of photographs"
    )
    transforms: tuple[Any, ...] = Field(default=(), description="[{Albumentations class: its arguments}, …]")
