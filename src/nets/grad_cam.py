"""Where a network looked: Grad-CAM (Selvaraju et al., 2017, arXiv:1610.02391) at the last stage that still has a map.

The target is read off the list of stages: the one nearest the head whose output is a map of more than one position.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from src.nets.stages import StagedNetwork


@dataclass(frozen=True)
class Heatmaps:
    """What of each image spoke for an answer.

    Attributes:
        stage: the stage whose output was weighed.
        maps: `(images, rows, columns) float32` in [0, 1], at that stage's resolution; 1 where most spoke for the
            answer, all 0 where nothing did.
    """

    stage: str
    maps: np.ndarray


def grad_cam(network: StagedNetwork, images: Tensor, classes: Tensor) -> Heatmaps | None:
    """Heatmaps of `classes`, or None for a network none of whose stages gives a spatial map (a plain transformer).

    Args:
        network: it is put into evaluation mode, with no stage frozen.
        images: `(images, 3, size, size)` uint8, or float in [0, 1].
        classes: `(images,) int64`: which answer to explain.
    """
    network.eval()
    network.set_trained(network.stage_names)  # frozen stages would build no graph
    outputs: dict[str, Tensor] = {}

    def keep(stage: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if isinstance(output, Tensor) and _map_dimensions(output):
                if not output.requires_grad:
                    output.requires_grad_()  # all before it is frozen or has no weights
                outputs[stage] = output  # of a stage's modules the last to run counts

        return module.register_forward_hook(hook)

    hooks = [keep(stage, module) for stage in network.stage_names for module in network.modules_of(stage)]
    try:
        with torch.enable_grad():
            logits = network(images)
            spatial = [stage for stage in network.stage_names if stage in outputs]
            if not spatial:
                return None
            target = outputs[spatial[-1]]
            (gradient,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), target)
    finally:
        for handle in hooks:
            handle.remove()
    rows, columns = _map_dimensions(target)
    (channels,) = {1, 2, 3} - {rows, columns}
    weights = gradient.mean(dim=(rows, columns), keepdim=True)
    maps = torch.relu((weights * target).sum(dim=channels)).detach().float()
    strongest = maps.amax(dim=(1, 2), keepdim=True)
    return Heatmaps(spatial[-1], (maps / strongest.clamp_min(1e-12)).numpy())


def _map_dimensions(output: Tensor) -> tuple[int, ...]:
    """The two dimensions that are rows and columns, or () for what is no map of a square image.

    Some transformers keep their channels last.
    """
    shape = output.shape
    if output.ndim == 4 and shape[2] == shape[3] > 1:
        return 2, 3
    if output.ndim == 4 and shape[1] == shape[2] > 1:
        return 1, 2
    return ()
