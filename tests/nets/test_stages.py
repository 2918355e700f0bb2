"""Networks as ordered lists of named stages."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from src.errors import UserError
from src.nets.cnn import build_cnn
from src.nets.mobilenetv2 import build_mobilenetv2
from src.nets.stages import SequentialNetwork, StagedNetwork
from src.nets.timm_backbone import TimmNetwork, evaluate_once
from src.nets.weights import load_weights, read_tensors

MOBILENET_STAGES = ("stem", *(f"block{n}" for n in range(1, 8)), "neck", "head")
BACKBONES = ("resnet18", "efficientnet_b0", "vit_tiny_patch16_224", "convnext_atto", "deit_tiny_distilled_patch16_224")


def cnn() -> SequentialNetwork:
    return build_cnn(36, 32, filters=(4, 8), dense_units=8, batch_norm=True)


def images(count: int = 2, size: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=generator)


def norms_of(network: StagedNetwork, stage: str) -> list[nn.Module]:
    inner = (module for owned in network.modules_of(stage) for module in owned.modules())
    return [module for module in inner if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def test_the_networks_name_their_stages_from_input_to_head() -> None:
    assert build_mobilenetv2(36).stage_names == MOBILENET_STAGES
    assert build_cnn(36, 128).stage_names == ("conv1", "conv2", "conv3", "conv4", "conv5", "neck", "head")


def test_the_cnn_doubles_its_filters_from_16_to_256_and_rescales_inside() -> None:
    network = build_cnn(36, 128)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [16, 32, 64, 128, 256]
    assert sum(isinstance(module, nn.MaxPool2d) for module in network.modules()) == 5
    network.eval()
    as_bytes, as_fractions = images(size=128), images(size=128).float() / 255
    assert torch.allclose(network(as_bytes), network(as_fractions), atol=1e-6)


def test_the_staged_mobilenet_computes_what_timm_computes() -> None:
    torch.manual_seed(3)
    reference = timm.create_model("mobilenetv2_100", num_classes=36).eval()
    network = build_mobilenetv2(36)
    from src.nets.mobilenetv2 import stage_key

    network.load_state_dict({stage_key(name): tensor for name, tensor in reference.state_dict().items()})
    network.eval()
    mean, std = (torch.tensor(reference.default_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    expected = reference((images().float() / 255 - mean) / std)
    assert torch.allclose(network(images()), expected, atol=1e-5)


@pytest.mark.parametrize("name", BACKBONES)
def test_any_timm_backbone_becomes_stages_that_own_every_tensor_once(name: str) -> None:
    network = TimmNetwork(name, 36, 64, dropout=0.1)
    evaluate_once(network, 64)
    assert network.stage_names[0] == "stem"
    assert network.stage_names[-1] == "head"
    owned = [id(tensor) for stage in network.stage_names for tensor in network.tensors_of(stage).values()]
    assert sorted(owned) == sorted(id(tensor) for tensor in network.state_dict(keep_vars=True).values())
    assert all(network.parameters_of(stage) for stage in network.stage_names)


@pytest.mark.parametrize("build", [cnn, lambda: build_mobilenetv2(36), lambda: TimmNetwork("resnet18", 36, 32, 0.1)])
def test_a_frozen_stage_has_no_gradients_and_still_batch_norm_whatever_was_called_since(build) -> None:
    network = build()
    network.set_trained(network.stage_names[-2:])
    network.train()
    network.eval()
    network.train()
    for stage in network.stage_names:
        learns = stage in network.stage_names[-2:]
        assert all(parameter.requires_grad == learns for parameter in network.parameters_of(stage))
        assert all(norm.training == learns for norm in norms_of(network, stage))


def test_freezing_says_the_whole_truth_each_time() -> None:
    network = build_mobilenetv2(36)
    network.set_trained(["head"])
    network.set_trained(network.stage_names)
    network.train()
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(module.training for module in network.modules())


def test_the_frozen_prefix_builds_no_graph_and_a_hole_below_a_trained_stage_does() -> None:
    network = build_mobilenetv2(36)
    seen: dict[str, torch.Tensor] = {}
    for name, stage in network.stages.items():
        stage.register_forward_hook(lambda _module, _inputs, output, name=name: seen.__setitem__(name, output))
    network.set_trained(["block5", "head"])  # block6, block7 and neck are frozen above a trained stage
    network.train()
    network(images()).sum().backward()
    assert all(seen[stage].grad_fn is None for stage in ("stem", "block1", "block4"))
    assert seen["block6"].grad_fn is not None
    trained = {stage for stage in network.stage_names if any(p.grad is not None for p in network.parameters_of(stage))}
    assert trained == {"block5", "head"}


def test_the_fingerprint_of_a_stage_sees_one_changed_bit_and_every_batch_norm_buffer() -> None:
    network = build_mobilenetv2(36)
    before = {stage: network.fingerprint(stage) for stage in network.stage_names}
    with torch.no_grad():
        norms_of(network, "block3")[0].running_var[0] += 1e-7
        norms_of(network, "block4")[0].num_batches_tracked += 1
    changed = {stage for stage in network.stage_names if network.fingerprint(stage) != before[stage]}
    assert changed == {"block3", "block4"}


def test_backbone_weights_from_a_safetensors_file_fill_all_but_the_head(tmp_path: Path) -> None:
    torch.manual_seed(1)
    donor = timm.create_model("mobilenetv2_100", num_classes=0)
    file = tmp_path / "body.safetensors"
    save_file(donor.state_dict(), file)
    network = build_mobilenetv2(36)
    head = network.fingerprint("head")
    assert load_weights(network, str(file), "mobilenetv2_100") == "body.safetensors"
    assert torch.equal(network.stages["stem"][0].weight, donor.conv_stem.weight)
    assert network.fingerprint("head") == head


def test_weights_of_another_network_are_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "resnet.safetensors"
    save_file(timm.create_model("resnet18", num_classes=0).state_dict(), file)
    with pytest.raises(UserError, match=r"resnet.safetensors does not fit this network"):
        load_weights(build_mobilenetv2(36), str(file), "mobilenetv2_100")


def test_a_truncated_weights_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "cut.safetensors"
    save_file({"a": torch.zeros(1000)}, file)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(UserError, match="may be cut short"):
        read_tensors(file)


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple:
            return Path.touch, (trace,)

    file = tmp_path / "bomb.ckpt"
    torch.save({"state_dict": {"network.x": Bomb()}}, file)
    with pytest.raises(UserError, match="cannot be read as a run's checkpoint"):
        read_tensors(file)
    assert not trace.exists()


def test_an_unreachable_hub_is_said_with_the_other_ways_and_never_a_random_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("socket.create_connection", no_network)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    network = build_mobilenetv2(36)
    before = network.fingerprint("stem")
    with pytest.raises(UserError, match=r"could not be fetched.*model\.weights=<path>.*model\.weights=null"):
        load_weights(network, "imagenet", "mobilenetv2_100")
    assert network.fingerprint("stem") == before


def test_an_unknown_backbone_is_named_with_some_near_it() -> None:
    with pytest.raises(UserError, match=r"model\.name=resnet1 is not a backbone that timm knows"):
        TimmNetwork("resnet1", 36, 32, 0.0)
