"""Any model in two at any stage: what is fixed while the first stages are frozen, and the rest.

The model's own forward pass is traced with torch.fx, its stages' modules staying whole. What depends on frozen stages
and the image alone belongs before the cut; the values that the rest still asks for are what crosses it.
"""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from src.errors import UserError

_RANDOM = ("dropout", "drop_path", "bernoulli", "rand", "multinomial")


class _WholeModules(fx.Tracer):
    """Traces the code between modules; the modules of stages are called and not looked into."""

    def __init__(self, whole: Iterable[nn.Module]) -> None:
        super().__init__()
        self.whole = {id(module) for module in whole}

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return id(module) in self.whole or super().is_leaf_module(module, qualified_name)


@dataclass(frozen=True)
class _Cut:
    """A cut: the nodes before it, those of them whose values the rest asks for, and the rest."""

    fixed: frozenset[fx.Node]
    crossing: tuple[fx.Node, ...]
    rest: fx.GraphModule


class TracedModel:
    """A model's forward pass as a graph that can be run up to a cut, or from one on. It shares the model's modules.

    Args:
        model: images `(batch, 3, height, width)` float → logits; its present training mode is traced.
        modules_of: for each stage, input to head, its modules.
        tensors_of: for each stage, its parameters and buffers that hang on no module of its own.

    Raises:
        UserError: the forward pass cannot be traced.
    """

    def __init__(
        self, model: nn.Module, modules_of: Sequence[Sequence[nn.Module]], tensors_of: Sequence[Sequence[Tensor]]
    ) -> None:
        self.model, self.modules_of, self.tensors_of = model, modules_of, tensors_of
        try:
            self.graph = _WholeModules(module for stage in modules_of for module in stage).trace(
                model, concrete_args=_optional_arguments(model)
            )
        except Exception as error:  # tracing runs the model's own code on stand-ins, and that code may raise anything
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"{type(model).__name__} cannot be taken apart between its stages ({reason}): use cache=off."
            ) from None
        self._cuts: dict[int, _Cut] = {}

    def before(self, images: Tensor, cuts: Sequence[int]) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
        """For each of `cuts`, ascending, what crosses it; all in one pass.

        Raises:
            UserError: something other than activations crosses, such as a number that depends on the batch.
        """
        interpreter = fx.Interpreter(fx.GraphModule(self.model, self.graph), garbage_collect_values=False)
        interpreter.args_iter = iter((images,))
        for cut in sorted(cuts):
            parts = self._cut(cut)
            for node in self.graph.nodes:
                if node in parts.fixed and node not in interpreter.env:
                    interpreter.env[node] = interpreter.run_node(node)
            values = tuple(interpreter.env[node] for node in parts.crossing)
            if not all(isinstance(v, torch.Tensor) and v.ndim and v.shape[0] == len(images) for v in values):
                raise UserError(
                    f"{type(self.model).__name__} cannot be cut after stage {cut}, where more than activations "
                    "crosses: use cache=off."
                )
            yield cut, values

    def after(self, crossing: tuple[Tensor, ...], cut: int) -> Tensor:
        """Logits from what crossed the cut."""
        return self._cut(cut).rest(*crossing)

    def _cut(self, cut: int) -> _Cut:
        if cut not in self._cuts:
            fixed = self._fixed_nodes(cut)
            crossing = tuple(
                node
                for node in self.graph.nodes
                if node in fixed and node.op != "get_attr" and any(user not in fixed for user in node.users)
            )
            self._cuts[cut] = _Cut(fixed, crossing, self._rest(fixed, crossing))
        return self._cuts[cut]

    def _fixed_nodes(self, cut: int) -> frozenset[fx.Node]:
        """The nodes whose value depends on the image and on the first `cut` stages alone, and on no chance."""
        frozen = {id(inner) for stage in self.modules_of[:cut] for module in stage for inner in module.modules()}
        constants = {id(tensor) for stage in self.tensors_of[:cut] for tensor in stage}
        fixed: set[fx.Node] = set()
        for node in self.graph.nodes:
            if node.op == "output" or not all(source in fixed for source in node.all_input_nodes):
                continue
            if node.op == "call_module":
                module = self.model.get_submodule(str(node.target))
                is_still = id(module) in frozen or (not list(module.parameters()) and not _is_random(module))
            elif node.op == "get_attr":
                is_still = id(self._attribute(str(node.target))) in constants
            else:
                is_still = not any(word in str(node.target) for word in _RANDOM)
            if is_still:
                fixed.add(node)
        return frozenset(fixed)

    def _attribute(self, path: str) -> object:
        found: object = self.model
        for part in path.split("."):
            found = getattr(found, part)
        return found

    def _rest(self, fixed: frozenset[fx.Node], crossing: tuple[fx.Node, ...]) -> fx.GraphModule:
        rest = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {node: rest.placeholder(f"crossing_{i}") for i, node in enumerate(crossing)}
        for node in self.graph.nodes:
            # A constant of a frozen stage is looked up again: it has no row an image that could be kept.
            if node not in fixed or node.op == "get_attr":
                copies[node] = rest.node_copy(node, lambda source: copies[source])
        return fx.GraphModule(self.model, rest)


def _optional_arguments(model: nn.Module) -> dict[str, object]:
    """What `forward` takes beside the image, at its default: constants of the graph and not inputs to it."""
    _, *others = inspect.signature(model.forward).parameters.values()
    return {other.name: other.default for other in others if other.default is not inspect.Parameter.empty}


def _is_random(module: nn.Module) -> bool:
    drops = isinstance(module, nn.modules.dropout._DropoutNd) or type(module).__name__ == "DropPath"
    return drops and (getattr(module, "p", 0.0) or getattr(module, "drop_prob", 0.0) or 0.0) > 0
