"""Optimizers over stages: every parameter in a group from step 0, a real learning rate for each group."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from src.settings.options import Field, Option, settings

if TYPE_CHECKING:
    import torch

    from src.nets.stages import StagedNetwork


@settings
class Optimizer(Option, group="optimizer"):
    """An optimizer, and how its learning rate and weight decay are dealt out to stages."""

    lr: float = Field(gt=0, le=100, allow_inf_nan=False, description="learning rate of the head")
    weight_decay: float = Field(default=0.0, ge=0, le=10, description="never of 1-d parameters")
    layer_decay: float = Field(default=1.0, ge=0.01, le=1, description="of each stage, times that of the one above it")

    @abstractmethod
    def create(self, groups: list[dict[str, Any]], fused: bool) -> "torch.optim.Optimizer":
        """The optimizer over parameter groups.

        Args:
            fused: one pass over each tensor in place of a dozen. Lightning then refuses to clip gradients.
        """

    def over(self, network: "StagedNetwork", fused: bool = False) -> "torch.optim.Optimizer":
        """The optimizer over all parameters of a network."""
        return self.create(self.parameter_groups(network), fused)

    def learning_rates(self, stages: tuple[str, ...]) -> dict[str, float]:
        """Stage → its first learning rate: `lr` at the head, times `layer_decay` for every stage below it."""
        depth = len(stages) - 1
        return {stage: self.lr * self.layer_decay ** (depth - index) for index, stage in enumerate(stages)}

    def parameter_groups(self, network: "StagedNetwork") -> list[dict[str, Any]]:
        """One group a stage (and one for its 1-d parameters, which never decay), frozen stages included.

        Groups hold all parameters from the first step, so that thawing changes no group's shape: a scheduler and a
        saved optimizer state always fit. A frozen parameter has no gradient, and optimizers skip what has none.
        """
        groups: list[dict[str, Any]] = []
        for stage, rate in self.learning_rates(network.stage_names).items():
            parameters = network.parameters_of(stage)
            for name, members, decay in (
                (stage, [p for p in parameters if p.ndim > 1], self.weight_decay),
                (f"{stage} (1-d)", [p for p in parameters if p.ndim <= 1], 0.0),
            ):
                if members:
                    groups.append({"params": members, "lr": rate, "weight_decay": decay, "name": name, "stage": stage})
        grouped = [id(p) for group in groups for p in group["params"]]
        if sorted(grouped) != sorted(id(p) for p in network.parameters()):
            raise ValueError("every parameter must land in exactly one optimizer group")
        return groups


@settings
class AdamW(Optimizer, slug="adamw"):
    """AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101)."""

    def create(self, groups: list[dict[str, Any]], fused: bool) -> "torch.optim.Optimizer":
        import torch

        return torch.optim.AdamW(groups, lr=self.lr, fused=fused)


@settings
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, arXiv:1412.6980)."""

    def create(self, groups: list[dict[str, Any]], fused: bool) -> "torch.optim.Optimizer":
        import torch

        return torch.optim.Adam(groups, lr=self.lr, fused=fused)


@settings
class Sgd(Optimizer):
    """Stochastic gradient descent with momentum."""

    momentum: float = Field(default=0.9, ge=0, le=0.9999)

    def create(self, groups: list[dict[str, Any]], fused: bool) -> "torch.optim.Optimizer":
        import torch

        return torch.optim.SGD(groups, lr=self.lr, momentum=self.momentum, fused=fused)
