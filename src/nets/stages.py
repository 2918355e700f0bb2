"""A network as an ordered list of named stages, input to head: the one list that everything else reads.

Freezing, optimizer groups, the summary table, the cached prefix and plots all take their names from here.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn


class Rescale(nn.Module):
    """Bytes to the numbers a network was made for: `(x / 255 - mean) / std`, inside the network.

    Input `(batch, 3, height, width)` uint8, or float already in [0, 1]. Output the same shape, float32.
    """

    def __init__(self, mean: Sequence[float] = (0.0, 0.0, 0.0), std: Sequence[float] = (1.0, 1.0, 1.0)) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        # Constants of the architecture, not weights: kept out of checkpoints and out of the freeze fingerprints.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if images.dtype == torch.uint8:
            images = images.to(self.mean.dtype) / 255
        return (images - self.mean) / self.std


class StagedNetwork(nn.Module):
    """Base of all networks: named stages that together own every parameter, exactly once.

    Subclasses build their modules, call `declare_stages`, and define `forward`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._modules_of: dict[str, tuple[nn.Module, ...]] = {}
        self._loose_tensors_of: dict[str, tuple[Tensor, ...]] = {}
        self._trained: frozenset[str] | None = None
        self.frozen_prefix = 0

    def declare_stages(
        self,
        modules: Mapping[str, Iterable[nn.Module]],
        loose_tensors: Mapping[str, Iterable[Tensor]] | None = None,
    ) -> None:
        """Say which modules make up which stage, input to head; `loose_tensors` hang on none of them (a class token).

        Raises:
            ValueError: a parameter or buffer belongs to no stage, or to two: a defect of the network's file.
        """
        self._modules_of = {name: tuple(owned) for name, owned in modules.items()}
        self._loose_tensors_of = {name: tuple(owned) for name, owned in (loose_tensors or {}).items()}
        owned = [id(tensor) for name in self.stage_names for tensor in self.tensors_of(name).values()]
        persistent = [id(tensor) for tensor in self.state_dict(keep_vars=True).values()]
        if sorted(owned) != sorted(persistent):
            raise ValueError("stages must own every parameter and buffer of the network exactly once")

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Names, input to head."""
        return tuple(self._modules_of)

    def modules_of(self, stage: str) -> tuple[nn.Module, ...]:
        """The modules that make up a stage."""
        return self._modules_of[stage]

    def parameters_of(self, stage: str) -> list[nn.Parameter]:
        """The parameters of a stage, in a fixed order."""
        own = [parameter for module in self._modules_of[stage] for parameter in module.parameters()]
        return own + [t for t in self._loose_tensors_of.get(stage, ()) if isinstance(t, nn.Parameter)]

    def tensors_of(self, stage: str) -> dict[str, Tensor]:
        """Every parameter and persistent buffer of a stage by name, batch-norm statistics included."""
        tensors: dict[str, Tensor] = {}
        for index, module in enumerate(self._modules_of[stage]):
            tensors |= {f"{index}.{name}": tensor for name, tensor in module.state_dict(keep_vars=True).items()}
        loose = self._loose_tensors_of.get(stage, ())
        return tensors | {f"loose.{index}": tensor for index, tensor in enumerate(loose)}

    def fingerprint(self, stage: str) -> str:
        """SHA-256 over names, types, shapes and bytes of all tensors of a stage."""
        digest = hashlib.sha256()
        for name, tensor in self.tensors_of(stage).items():
            value = tensor.detach().cpu().contiguous()
            digest.update(f"{name}|{value.dtype}|{tuple(value.shape)}|".encode())
            digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def set_trained(self, trained: Iterable[str]) -> None:
        """Make exactly these stages learn; freeze all others, their batch norm and dropout in evaluation mode.

        Applied to every stage each time, so the call is idempotent and says the whole truth.
        """
        trained = frozenset(trained)
        self.frozen_prefix = len(self.stage_names)
        for index, stage in enumerate(self.stage_names):
            learns = stage in trained
            if learns:
                self.frozen_prefix = min(self.frozen_prefix, index)
            for parameter in self.parameters_of(stage):
                parameter.requires_grad_(learns)
                if not learns:
                    parameter.grad = None  # a leftover gradient would let the optimizer move a frozen weight
            for module in self._modules_of[stage]:
                module.train(learns and self.training)
        self._trained = trained

    def prefix(self, images: Tensor, cuts: Sequence[int]) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
        """For each of `cuts`, ascending: the cut and what leaves the first `cut` stages, computed in one pass.

        Args:
            images: `(batch, 3, height, width)` uint8, or float in [0, 1].
            cuts: numbers of stages, each from 1 to the number of stages.

        Yields:
            `(cut, activations)`; mostly one tensor `(batch, …)`, several where branches cross the cut.

        Raises:
            UserError: this network cannot be cut there.
        """
        raise NotImplementedError

    def suffix(self, activations: tuple[Tensor, ...], cut: int) -> Tensor:
        """Logits `(batch, classes)` from what left the first `cut` stages; `prefix` then `suffix` is `forward`."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> "StagedNetwork":
        """As `nn.Module.train`, except that frozen stages stay in evaluation mode."""
        super().train(mode)
        if mode and self._trained is not None:
            for stage in self.stage_names:
                if stage not in self._trained:
                    for module in self._modules_of[stage]:
                        module.eval()
        return self


class SequentialNetwork(StagedNetwork):
    """Stages that are run one after another, each a module: `head(neck(… stem(rescale(images))))`."""

    def __init__(self, rescale: Rescale, stages: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.rescale = rescale
        self.stages = nn.ModuleDict(stages)
        self.declare_stages({name: (module,) for name, module in self.stages.items()})

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, 3, height, width)` uint8, or float in [0, 1] → logits `(batch, classes)`."""
        # The frozen prefix is a fixed function: no graph is built and no activation kept for it.
        with torch.no_grad() if self.frozen_prefix else nullcontext():
            x = self.rescale(images)
            for stage in self._between(0, self.frozen_prefix):
                x = stage(x)
        return self.suffix((x,), self.frozen_prefix)

    def prefix(self, images: Tensor, cuts: Sequence[int]) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
        x, done = self.rescale(images), 0
        for cut in sorted(cuts):
            for stage in self._between(done, cut):
                x = stage(x)
            done = cut
            yield cut, (x,)

    def suffix(self, activations: tuple[Tensor, ...], cut: int) -> Tensor:
        (x,) = activations
        for stage in self._between(cut, len(self.stages)):
            x = stage(x)
        return x

    def _between(self, first: int, last: int) -> list[nn.Module]:
        return list(self.stages.values())[first:last]
