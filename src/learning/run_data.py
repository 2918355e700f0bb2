"""The images of a run, from its settings."""

from src.data.augment import Draws
from src.data.datamodule import SignDataModule
from src.learning.run_settings import RunSettings


def run_data(settings: RunSettings, viewed: frozenset[int] = frozenset()) -> SignDataModule:
    """The datamodule of a run, as a trainer takes it.

    Args:
        settings: of the run.
        viewed: the epochs that show views which come round again, in place of fresh draws.
    """
    cache = settings.cache
    draws = Draws(settings.seed) if cache.views is None else Draws(settings.seed, cache.views, cache.seed, viewed)
    return SignDataModule(
        settings.datamodule,
        settings.augmentation,
        settings.split,
        draws,
        settings.trainer.accelerator,
        with_joints=settings.joints_weight > 0,
    )


def loaded_data(settings: RunSettings) -> SignDataModule:
    """The datamodule of a run with its images found, decoded and divided, for work without a trainer.

    Raises:
        UserError: there are no images, or the split that is asked for does not go with them.
    """
    data = run_data(settings)
    data.prepare_data()
    data.setup()
    return data
