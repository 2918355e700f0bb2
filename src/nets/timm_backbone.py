"""Any other timm backbone, its stages derived from timm's own group matcher."""

from collections.abc import Iterator, Sequence
from typing import Any

import timm
import torch

# Public `group_parameters` sorts parameters alone; the stages also need buffers, such as batch-norm statistics.
from timm.models._manipulate import group_with_matcher
from torch import Tensor, nn

from src.errors import UserError
from src.nets.cutting import TracedModel
from src.nets.layers import stride_afterwards
from src.nets.stages import Rescale, StagedNetwork


class TimmNetwork(StagedNetwork):
    """A timm model as it is, with its parameters and modules sorted into named stages.

    Its forward pass stays timm's own, whatever branches it has. Frozen stages at the input end build no graph there
    either: nothing before the first trained parameter asks for a gradient.
    """

    def __init__(self, name: str, classes: int, image_size_px: int, dropout: float) -> None:
        super().__init__()
        self.model: Any = _create(name, classes, image_size_px, dropout)
        normalised: Any = self.model.default_cfg
        self.rescale = Rescale(normalised["mean"], normalised["std"])
        stride_afterwards(self.model)
        modules, loose = _stages(self.model)
        self.declare_stages(modules, loose)
        self._traced: dict[tuple[bool, torch.device], TracedModel] = {}

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, 3, height, width)` uint8, or float in [0, 1] → logits `(batch, classes)`."""
        return self.model(self.rescale(images))

    def prefix(self, images: Tensor, cuts: Sequence[int]) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
        return self._trace().before(self.rescale(images), cuts)

    def suffix(self, activations: tuple[Tensor, ...], cut: int) -> Tensor:
        return self._trace().after(activations, cut)

    def _trace(self) -> TracedModel:
        # timm writes `training` into some functional calls, and moving to a device replaces buffers.
        key = self.training, self.rescale.mean.device
        if key not in self._traced:
            modules = [self.modules_of(stage) for stage in self.stage_names]
            tensors = [self._loose_tensors_of.get(stage, ()) for stage in self.stage_names]
            self._traced[key] = TracedModel(self.model, modules, tensors)
        return self._traced[key]

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_traced": {}}  # a copy has modules of its own


def size_arguments(name: str, image_size_px: int) -> dict[str, Any]:
    """What timm must be told to build this backbone for images of this size, or to fit trained weights to it."""
    pretrained = timm.get_pretrained_cfg(name)
    return {"img_size": image_size_px} if pretrained is not None and pretrained.fixed_input_size else {}


def _create(name: str, classes: int, image_size_px: int, dropout: float) -> nn.Module:
    if not timm.is_model(name):
        near = timm.list_models(f"*{name.split('_')[0]}*")[:5]
        hint = f": near it are {', '.join(near)}" if near else ": timm.list_models() lists them all"
        raise UserError(f"model.name={name} is not a backbone that timm knows{hint}.")
    try:
        sizes = size_arguments(name, image_size_px)
        return timm.create_model(name, pretrained=False, num_classes=classes, drop_rate=dropout, **sizes)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"model.name={name} cannot be built for images of {image_size_px} px: {error}.") from None


def _stages(model: Any) -> tuple[dict[str, list[nn.Module]], dict[str, list[Tensor]]]:
    """Stage name → the largest modules that lie wholly in it, and → tensors that hang on a module of several stages."""
    if not hasattr(model, "group_matcher") or not hasattr(model, "get_classifier"):
        raise UserError(f"timm gives no group matcher for {type(model).__name__}: choose another backbone.")
    tensors = dict(model.state_dict(keep_vars=True))
    classifier = model.get_classifier()
    classifiers = classifier if isinstance(classifier, tuple) else (classifier,)  # distilled transformers have two
    head_ids = {id(tensor) for layer in classifiers for tensor in layer.state_dict(keep_vars=True).values()}
    in_head = {name for name, tensor in tensors.items() if id(tensor) in head_ids}
    if not in_head:
        raise UserError(f"timm names no classifier layer for {type(model).__name__}: choose another backbone.")
    group_of = group_with_matcher(
        ((name, None) for name in tensors if name not in in_head), model.group_matcher(coarse=True), reverse=True
    )
    stage_of_group = {
        group: "stem" if number == 0 else f"block{number}"
        for number, group in enumerate(sorted(set(group_of.values())))
    }
    stage_of = {name: stage_of_group[group] for name, group in group_of.items()} | dict.fromkeys(in_head, "head")

    modules: dict[str, list[nn.Module]] = {name: [] for name in [*stage_of_group.values(), "head"]}
    loose: dict[str, list[Tensor]] = {name: [] for name in modules}

    def sort_into_stages(module: nn.Module, prefix: str) -> None:
        within = {stage for name, stage in stage_of.items() if name.startswith(prefix)}
        if len(within) == 1 and prefix:
            # The whole module, with the dropout and stochastic depth inside it, freezes and thaws as one.
            modules[within.pop()].append(module)
        elif within:
            for name in [*module._parameters, *module._buffers]:
                if f"{prefix}{name}" in tensors:
                    loose[stage_of[f"{prefix}{name}"]].append(tensors[f"{prefix}{name}"])
            for name, child in module.named_children():
                sort_into_stages(child, f"{prefix}{name}.")

    sort_into_stages(model, "")
    return modules, loose


def evaluate_once(network: TimmNetwork, image_size_px: int) -> None:
    """Run one blank image through the network.

    Raises:
        UserError: the backbone cannot take images of this size.
    """
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, image_size_px, image_size_px, dtype=torch.uint8))
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"This backbone cannot take images of {image_size_px} px ({reason}): change datamodule.image_size_px."
        ) from None
