"""The finder in training."""

from collections import defaultdict

import torch
from torch import Tensor

from src.learning.classifier import TrainedModule
from src.learning.finding.losses import Asked, Judged, judged, losses, total

_FOUND_OVERLAP = 0.5  # of the boxes
_THRESHOLD = 0.5


class FinderModule(TrainedModule):
    """Trains a `FinderNetwork` to find hands in views.

    Attributes:
        figures: of the last validation, `all` and each person: share found, joint error, share of false alarms.
    """

    def training_step(self, batch: Asked, batch_index: int) -> Tensor:
        parts = losses(self.network(batch.images), batch)
        loss = total(parts)
        figures = {"loss": loss.detach(), **{name: part.detach() for name, part in parts.items()}}
        self.log_dict(
            {f"train/{name}": value for name, value in figures.items()},
            on_step=False,
            on_epoch=True,
            batch_size=len(batch.images),
        )
        return loss

    def on_validation_epoch_start(self) -> None:
        self._judged: list[Judged] = []
        self._persons: list[str] = []

    def validation_step(self, batch: Asked, batch_index: int) -> None:
        maps = self.network(batch.images)
        self.log("val/loss", total(losses(maps, batch)), batch_size=len(batch.images))
        self._judged.append(judged(maps, batch))
        self._persons.extend(batch.persons)

    def on_validation_epoch_end(self) -> None:
        together = Judged(*(torch.cat(parts).cpu() for parts in zip(*self._judged, strict=True)))
        rows: dict[str, list[int]] = defaultdict(list)
        for index, person in enumerate(self._persons):
            rows[person or "rendered"].append(index)
        self.figures = {"all": _figures(together)}
        for person in sorted(rows):
            part = Judged(*(value[rows[person]] for value in together))
            if part.hand.any():
                self.figures[person] = {name: v for name, v in _figures(part).items() if name != "false_alarms"}
        self.log_dict({f"val/{name}": value for name, value in self.figures["all"].items()})


def _figures(views: Judged) -> dict[str, float]:
    """Shares of hands found (probable, and the boxes overlap by half) and of false alarms; mean joint error."""
    sure = views.certainty >= _THRESHOLD
    return {
        "found": float((sure & (views.overlap >= _FOUND_OVERLAP))[views.hand].float().mean()),
        "joint_error": float(views.joint_error[views.hand].nanmean()),
        "false_alarms": float(sure[views.empty].float().mean()),
    }
