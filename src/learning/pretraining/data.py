"""Random poses as batches: the images, their order and what is done to them belong to (seed, epoch, image)."""

from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset

from src import hardware
from src.data.loading import Draw, EpochSampler, as_it_is, limit_threads
from src.learning.pretraining.augmentation import NUM_DRAWS, augmented
from src.learning.pretraining.questions import Asked
from src.learning.pretraining.recipe import Pretraining
from src.synthetic.pose_set import RandomPoses, random_poses


class PoseDataset(Dataset[Asked]):
    """Images of a set, a whole batch at a time.

    Args:
        poses: the set.
        recipe: whose seed draws and whose epochs have their size.
        part: which images of the set.
        is_training: whether images are augmented, at the size of their epoch; else they come as they are.
    """

    def __init__(self, poses: RandomPoses, recipe: Pretraining, part: range, is_training: bool) -> None:
        self.poses, self.recipe, self.part, self.is_training = poses, recipe, part, is_training

    def __len__(self) -> int:
        return len(self.part)

    def __getitems__(self, draws: list[Draw]) -> Asked:
        indices = np.array([self.part[draw.index] for draw in draws])
        if not self.is_training:
            return augmented(self.poses, indices, None, self.recipe.image_size_px)
        epoch = draws[0].epoch
        drawn = [np.random.default_rng((self.recipe.seed, epoch, index)).random(NUM_DRAWS) for index in indices]
        return augmented(self.poses, indices, np.stack(drawn), self.recipe.size_px(epoch))


class PoseDataModule(pl.LightningDataModule):
    """The hands of a recipe: the first images for training, the last for validation.

    Args:
        recipe: which hands.
        cache_dir: where they are rendered into.
        processes: how many render side by side.
    """

    def __init__(self, recipe: Pretraining, cache_dir: Path, processes: int = 1) -> None:
        super().__init__()
        self.recipe, self.cache_dir, self.processes = recipe, cache_dir, processes

    def setup(self, stage: str = "fit") -> None:
        """Render what the cache lacks, and read it.

        Raises:
            UserError: the cache cannot be written.
        """
        self.poses = random_poses(self.recipe.hands, self.cache_dir, self.processes)

    def train_dataloader(self) -> DataLoader[Asked]:
        return self._loader(range(self.recipe.training_images), self.recipe.seed)

    def val_dataloader(self) -> DataLoader[Asked]:
        return self._loader(range(self.recipe.training_images, self.recipe.images), None)

    def _loader(self, part: range, seed: int | None) -> DataLoader[Asked]:
        is_training = seed is not None
        workers = hardware.loader_workers("auto") if is_training else 0
        return DataLoader(
            PoseDataset(self.poses, self.recipe, part, is_training),
            batch_size=self.recipe.batch_size,
            sampler=EpochSampler(len(part), seed),
            num_workers=workers,
            drop_last=is_training,
            collate_fn=as_it_is,
            worker_init_fn=limit_threads,
            persistent_workers=workers > 0,
            pin_memory=hardware.on_gpu("auto"),
        )
