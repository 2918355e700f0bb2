"""From the `model` section of a config to a network with its first weights."""

from dataclasses import dataclass

import torch
from omegaconf import DictConfig

from src.nets.cnn import build_cnn
from src.nets.mobilenetv2 import build_mobilenetv2
from src.nets.stages import StagedNetwork
from src.nets.timm_backbone import TimmNetwork, evaluate_once
from src.nets.weights import load_weights
from src.signs.labels import NUM_SIGNS


@dataclass
class BuiltNetwork:
    """A network and a word on where its weights came from."""

    network: StagedNetwork
    weights: str


def architecture(model: DictConfig, image_size_px: int) -> StagedNetwork:
    """The network that `model` describes, for 36 classes, with random weights.

    Raises:
        UserError: the backbone is unknown or cannot take images of this size.
    """
    if model.family == "cnn":
        return build_cnn(
            NUM_SIGNS, image_size_px, tuple(model.filters), model.dense_units, model.batch_norm, model.dropout
        )
    if model.family == "mobilenetv2":
        return build_mobilenetv2(NUM_SIGNS, model.name, model.dropout)
    network = TimmNetwork(model.name, NUM_SIGNS, image_size_px, model.dropout)
    evaluate_once(network, image_size_px)
    return network


def build_network(model: DictConfig, image_size_px: int, seed: int) -> BuiltNetwork:
    """The network with its first weights; what is random in it depends on `seed` alone.

    Raises:
        UserError: see `architecture` and `load_weights`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = architecture(model, image_size_px)
        backbone = None if model.family == "cnn" else model.name
        weights = load_weights(network, model.weights, backbone, image_size_px)
    return BuiltNetwork(network, weights)
