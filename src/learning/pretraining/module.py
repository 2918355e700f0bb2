"""The network in pretraining, and the LightningModule around it."""

from torch import Tensor, nn
from torch.nn import functional

from src.learning.classifier import TrainedModule
from src.learning.pretraining.questions import Asked, errors, losses, total
from src.nets.stages import SequentialNetwork, StagedNetwork
from src.synthetic.skeleton import NUM_KEYPOINTS

_HALFWAY = "block5"  # the last stage whose maps have a sixteenth of the image's side


class PoseNetwork(StagedNetwork):
    """A backbone whose head answers every question, and a layer half-way up, part of the head, that finds keypoints.

    Args:
        backbone: MobileNetV2 whose head gives `NUM_OUTPUTS`; its stages become this network's.
    """

    def __init__(self, backbone: SequentialNetwork) -> None:
        super().__init__()
        self.rescale, self.stages = backbone.rescale, backbone.stages
        widths = [m.num_features for m in self.stages[_HALFWAY].modules() if isinstance(m, nn.BatchNorm2d)]
        self.find = nn.Conv2d(widths[-1], 4 * NUM_KEYPOINTS, 1)  # four cells for each pixel of the map
        self.declare_stages(
            {name: (stage, self.find) if name == "head" else (stage,) for name, stage in self.stages.items()}
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 3, height, width) in [0, 1] → answers (batch, 149) and scores of cells (batch, 21, rows, columns)."""
        x = self.rescale(images)
        for name, stage in self.stages.items():
            x = stage(x)
            if name == _HALFWAY:
                cells = functional.pixel_shuffle(self.find(x), 2)
        return x, cells


class PoseModule(TrainedModule):
    """Trains a `PoseNetwork` on everything that is known about a rendered hand."""

    def training_step(self, batch: Asked, batch_index: int) -> Tensor:
        outputs, cells = self.network(batch.images)
        loss = total(losses(outputs, cells, batch.targets))
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.images))
        return loss

    def validation_step(self, batch: Asked, batch_index: int) -> None:
        outputs, cells = self.network(batch.images)
        parts = losses(outputs, cells, batch.targets)
        figures = {"loss": total(parts), **parts, **errors(outputs, batch.targets)}
        self.log_dict({f"val/{name}": value for name, value in figures.items()}, batch_size=len(batch.images))
