"""Where a network's first weights come from: timm's hub, a file, or nowhere. Never a silent random start."""

import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from torch import Tensor

from src.errors import UserError
from src.nets import RANDOM_START
from src.nets.mobilenetv2 import stage_key
from src.nets.stages import StagedNetwork
from src.nets.timm_backbone import size_arguments

_OTHER_WAYS = (
    "give a file with model.weights=<path>.safetensors, or start from random weights with model.weights=null "
    "(and freeze=none)"
)
_HUB_TIMEOUT_SECONDS = 5
# MobileNetV2 1.0 trained on rendered hands by a task that never sees a sign; experiments/hands_weights says how.
HANDS = Path(__file__).with_name("hands.safetensors")


def load_weights(network: StagedNetwork, weights: str | None, backbone: str | None, image_size_px: int = 224) -> str:
    """Fill `network` in place; the head keeps its fresh weights unless the file is a run's own.

    Args:
        weights: `hands`, `imagenet`, a `.safetensors` or `.ckpt` file, or None.
        backbone: timm's name of the backbone, or None for the CNN.
        image_size_px: what weights tied to a size (position embeddings) are fitted to.

    Returns:
        What was loaded, for the run's record.

    Raises:
        UserError: the hub cannot be reached, or the file does not fit this network.
    """
    if weights is None:
        return RANDOM_START
    if weights == "imagenet":
        tensors, source = _from_hub(backbone, image_size_px), f"imagenet ({backbone})"
    else:
        file = HANDS if weights == "hands" else Path(weights)
        tensors, source = read_tensors(file), file.stem if weights == "hands" else file.name
    _fill(network, tensors, source, backbone)
    return source


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Tensors of a `.safetensors` file or of a run's `.ckpt`, by name; nothing in the file is executed.

    Raises:
        UserError: the file is damaged, or holds more than tensors and plain values.
    """
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(file)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{file} cannot be read as safetensors ({error}): it may be cut short.") from None
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        tensors = checkpoint["state_dict"]
    except Exception as error:  # a damaged or hostile pickle raises almost anything
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UserError(f"{file} cannot be read as a run's checkpoint ({reason}).") from None
    return {name.removeprefix("network."): tensor for name, tensor in tensors.items() if name.startswith("network.")}


def _hub_answers(endpoint: str) -> bool:
    """Whether the hub can be reached; assumed behind a proxy, which a plain connection would miss."""
    if getproxies():
        return True
    parts = urlsplit(endpoint)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_HUB_TIMEOUT_SECONDS).close()
    except OSError:
        return False
    return True


def _from_hub(backbone: str | None, image_size_px: int) -> dict[str, Tensor]:
    import timm
    from huggingface_hub import constants

    if backbone is None:
        raise UserError(f"model.weights=imagenet is for backbones of timm: {_OTHER_WAYS}.")

    offline_before = constants.HF_HUB_OFFLINE
    # Without an answer only the local cache is asked: the client would retry for 45 seconds.
    constants.HF_HUB_OFFLINE = offline_before or not _hub_answers(constants.ENDPOINT)
    try:
        sizes = size_arguments(backbone, image_size_px)
        return timm.create_model(backbone, pretrained=True, **sizes).state_dict()
    except RuntimeError as error:
        if "pretrained" not in str(error).lower():
            raise
        raise UserError(f"timm has no trained weights for {backbone}: {_OTHER_WAYS}.") from None
    except Exception as error:  # the hub's client raises a dozen kinds, by what broke on the way
        raise UserError(
            f"model.weights=imagenet could not be fetched from timm's hub ({type(error).__name__}): {_OTHER_WAYS}."
        ) from None
    finally:
        constants.HF_HUB_OFFLINE = offline_before


def _fill(network: StagedNetwork, tensors: dict[str, Tensor], source: str, backbone: str | None) -> None:
    own = network.state_dict()
    # timm's names become ours; a file that a run left already has them.
    if backbone is not None and not any(name in own for name in tensors):
        is_sequential = any(name.startswith("stages.") for name in own)
        tensors = {stage_key(name) if is_sequential else f"model.{name}": tensor for name, tensor in tensors.items()}
    head = {name for name in own if any(own[name].data_ptr() == p.data_ptr() for p in network.parameters_of("head"))}
    body = set(own) - head
    # Counters that older files lack; batch norm runs without them.
    missing = sorted(name for name in body - set(tensors) if not name.endswith("num_batches_tracked"))
    wrong = sorted(n for n in body & set(tensors) if tensors[n].shape != own[n].shape)
    surplus = sorted(set(tensors) - set(own))
    head_fits = head <= set(tensors) and all(tensors[n].shape == own[n].shape for n in head)
    foreign = [name for name in surplus if not _is_a_classifier(name)]
    if wrong and all("pos" in name for name in wrong) and not missing and not foreign:
        raise UserError(
            f"model.weights: {source} was made for images of another size (its {wrong[0]} has another shape): "
            "change datamodule.image_size_px to that size."
        )
    if missing or wrong or foreign:
        what = (
            f"lacks {missing[0]}"
            if missing
            else f"has another shape of {wrong[0]}"
            if wrong
            else f"has {foreign[0]} too much"
        )
        raise UserError(
            f"model.weights: {source} does not fit this network ({what}): choose the model that the file was made for."
        )
    wanted = (set(own) if head_fits else body) & set(tensors)
    network.load_state_dict({name: tensors[name].to(own[name].dtype) for name in wanted}, strict=False)


def _is_a_classifier(name: str) -> bool:
    return any(part in ("head", "classifier", "fc") for part in name.split("."))
