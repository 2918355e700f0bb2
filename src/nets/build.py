"""A model's settings become a network with its first weights."""

from dataclasses import dataclass

import torch

from src.nets.models import Model
from src.nets.stages import StagedNetwork
from src.nets.weights import load_weights


@dataclass(frozen=True)
class BuiltNetwork:
    """A network and a word on where its weights came from."""

    network: StagedNetwork
    weights: str


def build_network(model: Model, image_size_px: int, seed: int) -> BuiltNetwork:
    """The network with its first weights; what is random in it depends on `seed` alone.

    Raises:
        UserError: it cannot be built, or the weights cannot be had or do not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = model.network(image_size_px)
        weights = load_weights(network, model.weights, model.backbone, image_size_px)
    return BuiltNetwork(network, weights)
