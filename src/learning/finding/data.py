"""Views as batches: what is drawn belongs to (seed, epoch, view)."""

from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from src import hardware
from src.data.loading import Draw, EpochSampler, as_it_is, limit_threads
from src.errors import UserError
from src.learning.finding.losses import Asked
from src.learning.finding.pictures import load_pictures
from src.learning.finding.recipe import FinderTraining
from src.learning.finding.rendered import rendered_hands
from src.learning.finding.scenes import rendered_scenes
from src.learning.finding.views import View, Views

# Draws of training and of validation are kept apart by a number behind the seed.
_TRAINING, _VALIDATION = 1, 2


class ViewDataset(Dataset[Asked]):
    """Views, a whole batch at a time.

    Args:
        views: draws them.
        count: views an epoch.
        is_training: whether every epoch has views of its own; else all have the same.
    """

    def __init__(self, views: Views, count: int, is_training: bool) -> None:
        self.views, self.count, self.is_training = views, count, is_training

    def __len__(self) -> int:
        return self.count

    def __getitems__(self, draws: list[Draw]) -> Asked:
        seed, part = self.views.recipe.seed, _TRAINING if self.is_training else _VALIDATION
        return batch_of(
            [self.views.draw((seed, part, draw.epoch if self.is_training else 0, draw.index)) for draw in draws]
        )


def batch_of(views: list[View]) -> Asked:
    """Views side by side."""
    return Asked(
        # Stored height × width × channels and only viewed the other way round: channels-last without a copy.
        torch.from_numpy(np.stack([view.image for view in views])).permute(0, 3, 1, 2),
        torch.tensor([view.kind for view in views]),
        torch.from_numpy(np.stack([view.joints for view in views])),
        torch.tensor([view.right for view in views], dtype=torch.float32),
        tuple(view.person for view in views),
    )


class ViewDataModule(pl.LightningDataModule):
    """The views of a recipe.

    Args:
        recipe: which.
        root: the data root.
        joints: the teacher's table.
        cache_dir: where pictures are decoded and hands rendered into.
    """

    def __init__(self, recipe: FinderTraining, root: Path, joints: Path, cache_dir: Path) -> None:
        super().__init__()
        self.recipe, self.root, self.joints, self.cache_dir = recipe, root, joints, cache_dir

    def setup(self, stage: str = "fit") -> None:
        """Decode and render what the cache lacks, and read it.

        Raises:
            UserError: pictures or table cannot be read, `holdout` names nobody, or the cache cannot be written.
        """
        recipe = self.recipe
        pictures = load_pictures(self.root, self.joints, recipe.sets, self.cache_dir)
        hands = rendered_hands(recipe.hands, self.cache_dir, hardware.cores())
        scenes = rendered_scenes(recipe.rooms, self.cache_dir, hardware.cores())
        people = sorted(set(pictures.persons.tolist()))
        for person in recipe.holdout:
            if person not in people:
                raise UserError(f"holdout={person} is nobody in these pictures: choose from {', '.join(people)}.")
        held_out = np.isin(pictures.persons, recipe.holdout)
        if held_out.all():
            raise UserError("holdout names everybody: somebody must be left to train on.")
        everyone = np.ones(len(pictures), dtype=bool)
        self.training = Views(recipe, pictures, hands, scenes, ~held_out)
        self.validation = Views(recipe, pictures, hands, scenes, held_out if recipe.holdout else everyone)

    def train_dataloader(self) -> DataLoader[Asked]:
        return self._loader(self.training, self.recipe.views, self.recipe.seed)

    def val_dataloader(self) -> DataLoader[Asked]:
        return self._loader(self.validation, self.recipe.validation_views, None)

    def _loader(self, views: Views, count: int, seed: int | None) -> DataLoader[Asked]:
        is_training = seed is not None
        workers = hardware.loader_workers("auto") if is_training else 0
        return DataLoader(
            ViewDataset(views, count, is_training),
            batch_size=self.recipe.batch_size,
            sampler=EpochSampler(count, seed),
            num_workers=workers,
            drop_last=is_training,
            collate_fn=as_it_is,
            worker_init_fn=limit_threads,
            persistent_workers=workers > 0,
            pin_memory=hardware.on_gpu("auto"),
        )
