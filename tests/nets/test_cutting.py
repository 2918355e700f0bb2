"""Cut anywhere, a network computes what it computes whole."""

import copy

import pytest
import torch

from src.nets.cnn import build_cnn
from src.nets.mobilenetv2 import build_mobilenetv2
from src.nets.stages import StagedNetwork
from src.nets.timm_backbone import TimmNetwork

BACKBONES = ("resnet18", "efficientnet_b0", "vit_tiny_patch16_224", "convnext_atto", "deit_tiny_distilled_patch16_224")


def network_called(name: str) -> StagedNetwork:
    torch.manual_seed(0)
    if name == "cnn":
        return build_cnn(36, 64, filters=(4, 8, 8), dense_units=8, batch_norm=True)
    if name == "mobilenetv2":
        return build_mobilenetv2(36)
    return TimmNetwork(name, 36, 64, dropout=0.3)


def pictures() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["cnn", "mobilenetv2", *BACKBONES])
def test_a_network_cut_after_any_stage_computes_what_it_computes_whole(name: str) -> None:
    network = network_called(name)
    stages = network.stage_names
    cuts = sorted({1, len(stages) // 2, len(stages) - 1})
    for cut in cuts:
        network.set_trained(stages[cut:])
        network.train()
        with torch.inference_mode():
            kept = dict(network.prefix(pictures(), cuts[: cuts.index(cut) + 1]))[cut]
        torch.manual_seed(5)
        whole = network(pictures())
        torch.manual_seed(5)
        in_two = network.suffix(tuple(part.clone() for part in kept), cut)
        assert torch.equal(whole, in_two)
        in_two.sum().backward()
        assert all((p.grad is not None) == (stage in stages[cut:]) for stage in stages for p in trained(network, stage))
        network.zero_grad()


def trained(network: StagedNetwork, stage: str) -> list[torch.nn.Parameter]:
    """Parameters of a stage that reach the logits in training; a distilled transformer averages two heads."""
    return network.parameters_of(stage)


def test_in_evaluation_mode_the_rest_drops_nothing() -> None:
    network = network_called("resnet18")
    network.train()
    (_, kept), *_ = network.prefix(pictures(), [3])
    network.suffix(kept, 3)
    network.eval()
    (_, kept), *_ = network.prefix(pictures(), [3])
    assert torch.equal(network.suffix(kept, 3), network.suffix(kept, 3))
    assert torch.equal(network.suffix(kept, 3), network(pictures()))


def test_a_copy_of_a_cut_network_has_weights_of_its_own() -> None:
    network = network_called("resnet18").eval()
    (_, kept), *_ = network.prefix(pictures(), [2])
    before = network.suffix(kept, 2)
    replica = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in replica.parameters_of("head"):
            parameter.zero_()
    assert torch.equal(network.suffix(kept, 2), before)
    assert not replica.suffix(kept, 2).any()
