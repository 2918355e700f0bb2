"""The file that pretraining leaves: the stages below the head, and how they were made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from safetensors.torch import save
from torch import Tensor

from src.learning.classifier import trained_module
from src.nets.stages import StagedNetwork
from src.storage.files import replacing_whole


class WeightsFile(pl.Callback):
    """Writes the stages below the head whenever `val/loss` is better than ever; the best travel in the checkpoint.

    Args:
        file: .safetensors, written beside and renamed.
        made: what the file's metadata say beside the figures.

    Attributes:
        figures: of the best epoch's validation, and its number, from 1.
    """

    def __init__(self, file: Path, made: Mapping[str, str]) -> None:
        self.file, self.made = file, made
        self.figures: dict[str, float] = {}
        self._tensors: dict[str, Tensor] = {}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        figures = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        if not self.figures or figures["val/loss"] < self.figures["val/loss"]:
            self.figures = {**figures, "epoch": trainer.current_epoch + 1.0}
            self._tensors = backbone_tensors(trained_module(pl_module).network)
            self.write()

    def write(self) -> None:
        """Write the best weights so far.

        Raises:
            UserError: the file cannot be written.
        """
        figures = json.dumps({name: round(value, 6) for name, value in self.figures.items()})
        with replacing_whole(self.file) as beside:
            beside.write_bytes(_in_fixed_order(save(self._tensors, {**self.made, "format": "pt", "figures": figures})))

    def state_dict(self) -> dict[str, Any]:
        return {"figures": self.figures, "tensors": self._tensors}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.figures, self._tensors = dict(state_dict["figures"]), dict(state_dict["tensors"])


def backbone_tensors(network: StagedNetwork) -> dict[str, Tensor]:
    """A copy of every tensor below the head by name, matrices and filters in half precision.

    Batch-norm tensors stay in single precision: they are 1 % of the numbers, and a variance may be too small for half.
    """
    head = {id(tensor) for tensor in network.tensors_of("head").values()}
    return {
        name: tensor.detach().to("cpu", torch.float16 if tensor.ndim > 1 else tensor.dtype, copy=True).contiguous()
        for name, tensor in network.state_dict(keep_vars=True).items()
        if id(tensor) not in head
    }


def _in_fixed_order(data: bytes) -> bytes:
    """The same safetensors file with its metadata in the order of the alphabet; the library's order is random."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]
