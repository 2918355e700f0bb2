"""Where a network's first weights come from: timm's hub, a file, or nowhere. Never a silent random start."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor

from src.errors import UserError
from src.nets.mobilenetv2 import stage_key
from src.nets.stages import StagedNetwork

_OTHER_WAYS = (
    "give a file with model.weights=<path>.safetensors, or start from random weights with model.weights=null "
    "(and freeze=none)"
)
_HUB_TIMEOUT_SECONDS = 5


def load_weights(network: StagedNetwork, weights: str | None, backbone: str | None) -> str:
    """Fill `network` in place; the head keeps its fresh weights unless the file is a run's own.

    Args:
        weights: `imagenet`, a `.safetensors` or `.ckpt` file, or None.
        backbone: timm's name of the backbone, or None for the CNN.

    Returns:
        What was loaded, for the run's record.

    Raises:
        UserError: the hub cannot be reached, or the file does not fit this network.
    """
    if weights is None:
        return "random start"
    if weights == "imagenet":
        tensors, source = _from_hub(backbone), f"imagenet ({backbone})"
    else:
        tensors, source = read_tensors(Path(weights)), Path(weights).name
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


def _from_hub(backbone: str | None) -> dict[str, Tensor]:
    import timm
    from huggingface_hub import constants

    host = urlsplit(constants.ENDPOINT).hostname or ""
    try:
        socket.create_connection((host, 443), timeout=_HUB_TIMEOUT_SECONDS).close()
    except OSError:
        constants.HF_HUB_OFFLINE = True  # look in the local cache only: the client would retry for 45 seconds
    try:
        return timm.create_model(backbone, pretrained=True).state_dict()
    except RuntimeError as error:
        if "pretrained" not in str(error).lower():
            raise
        raise UserError(f"timm has no trained weights for {backbone}: {_OTHER_WAYS}.") from None
    except Exception as error:  # the hub's client raises a dozen kinds, by what broke on the way
        raise UserError(
            f"model.weights=imagenet could not be fetched from timm's hub ({type(error).__name__}): {_OTHER_WAYS}."
        ) from None


def _fill(network: StagedNetwork, tensors: dict[str, Tensor], source: str, backbone: str | None) -> None:
    own = network.state_dict()
    # timm's names become ours; a file that a run left already has them.
    if backbone is not None and not any(name in own for name in tensors):
        is_sequential = any(name.startswith("stages.") for name in own)
        tensors = {stage_key(name) if is_sequential else f"model.{name}": tensor for name, tensor in tensors.items()}
    head = {name for name in own if any(own[name].data_ptr() == p.data_ptr() for p in network.parameters_of("head"))}
    body = set(own) - head
    missing = sorted(body - set(tensors))
    wrong = sorted(n for n in body & set(tensors) if tensors[n].shape != own[n].shape)
    surplus = sorted(set(tensors) - set(own))
    head_fits = head <= set(tensors) and all(tensors[n].shape == own[n].shape for n in head)
    foreign = [name for name in surplus if not _is_a_classifier(name)]
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
    wanted = set(own) if head_fits else body
    network.load_state_dict({name: tensors[name].to(own[name].dtype) for name in wanted}, strict=False)


def _is_a_classifier(name: str) -> bool:
    return any(part in ("head", "classifier", "fc") for part in name.split("."))
