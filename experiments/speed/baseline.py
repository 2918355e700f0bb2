"""What a competent user writes today: Lightning, timm, ImageFolder, Albumentations, two loader processes, float32.

Frozen layers have `requires_grad=False`; everything is computed again in every epoch. Nothing of `src` is used here, so
that the two can be compared.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import albumentations
import numpy as np
import pytorch_lightning as pl
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchmetrics.classification import MulticlassAccuracy
from torchvision.datasets import ImageFolder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Pictures(ImageFolder):
    """An ImageFolder whose transform is an Albumentations pipeline."""

    def __init__(self, root: Path, transforms: Sequence[dict]) -> None:
        super().__init__(str(root))
        steps = [getattr(albumentations, name)(**arguments) for step in transforms for name, arguments in step.items()]
        self.pipeline = albumentations.Compose([*steps, albumentations.Normalize(MEAN, STD)])

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.samples[index]
        image = self.pipeline(image=np.asarray(self.loader(path)))["image"]
        return torch.from_numpy(image).permute(2, 0, 1).contiguous(), label


class Classifier(pl.LightningModule):
    """A timm MobileNetV2 of which the head and the top `k` groups of layers below it are trained (None: all)."""

    def __init__(self, k: int | None, weights: Path, classes: int, epochs: int) -> None:
        super().__init__()
        self.model = timm.create_model("mobilenetv2_100", num_classes=classes)
        tensors = {name: t for name, t in load_file(weights).items() if not name.startswith("classifier")}
        self.model.load_state_dict(tensors, strict=False)
        neck = nn.ModuleList([self.model.conv_head, self.model.bn2])
        groups = [nn.ModuleList([self.model.conv_stem, self.model.bn1]), *self.model.blocks, neck]
        for group in groups[: len(groups) - k] if k is not None else []:
            for parameter in group.parameters():
                parameter.requires_grad_(False)
        self.loss, self.epochs = nn.CrossEntropyLoss(label_smoothing=0.1), epochs
        self.accuracy = MulticlassAccuracy(classes, average="micro")

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, labels = batch
        loss = self.loss(self.model(images), labels)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        images, labels = batch
        self.accuracy(self.model(images), labels)
        self.log("val/accuracy", self.accuracy)

    def configure_optimizers(self) -> dict:
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-3)
        return {
            "optimizer": optimizer,
            "lr_scheduler": torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs),
        }


class Clock(pl.Callback):
    """Seconds a training batch and a validation batch take, the first few left out."""

    def __init__(self, warm_up: int) -> None:
        self.warm_up = warm_up
        self.train: list[float] = []
        self.val: list[float] = []
        self.since = 0.0

    def on_train_epoch_start(self, *_: object) -> None:
        self.since = time.perf_counter()

    def on_train_batch_end(self, *_: object) -> None:
        now = time.perf_counter()
        self.train.append(now - self.since)
        self.since = now

    def on_validation_epoch_start(self, *_: object) -> None:
        self.since = time.perf_counter()

    def on_validation_batch_end(self, *_: object) -> None:
        now = time.perf_counter()
        self.val.append(now - self.since)
        self.since = now

    def rates(self, batch_size: int) -> tuple[float, float]:
        """Images a second in training and in validation."""
        train, val = self.train[self.warm_up :], self.val[1:]
        return batch_size * len(train) / sum(train), batch_size * len(val) / sum(val)


def rates(
    root: Path,
    train: Sequence[str],
    val: Sequence[str],
    transforms: Sequence[dict],
    image_size_px: int,
    k: int | None,
    weights: Path,
    batches: int,
    batch_size: int = 32,
    seed: int = 1,
) -> tuple[float, float]:
    """Images a second in training and in validation, over `batches` batches after 3 to warm up.

    Args:
        root: an image folder, one folder a class.
        train, val: files below `root`.
    """
    pl.seed_everything(seed, workers=True, verbose=False)
    resize = {"Resize": {"height": image_size_px, "width": image_size_px}}
    shown, plain = Pictures(root, [resize, *transforms]), Pictures(root, [resize])
    place = {str(Path(path).relative_to(root)): index for index, (path, _) in enumerate(shown.samples)}
    parts = (
        DataLoader(Subset(shown, [place[name] for name in train]), batch_size, shuffle=True, num_workers=2,
                   drop_last=True, persistent_workers=True),
        DataLoader(Subset(plain, [place[name] for name in val]), batch_size, num_workers=2, persistent_workers=True),
    )  # fmt: skip
    clock = Clock(warm_up=3)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, callbacks=[clock], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        limit_train_batches=batches + 3, limit_val_batches=max(3, batches // 4),
    )  # fmt: skip
    trainer.fit(Classifier(k, weights, len(shown.classes), epochs=20), *parts)
    return clock.rates(batch_size)


def loop_rate(
    root: Path,
    train: Sequence[str],
    image_size_px: int,
    weights: Path,
    batches: int,
    prefetcher: bool,
    batch_size: int = 32,
) -> float:
    """Images a second of timm's own training at its best here: bfloat16, channels-last, all layers trained.

    timm's train.py is not part of its package; this is its loop with `--amp --amp-dtype bfloat16 --channels-last
    --opt adamw --workers 2`, on timm's own loader, transforms (scale, flip, colour jitter) and optimizer.

    Args:
        prefetcher: timm's default; False is its `--no-prefetcher`. On a CPU either may be the quicker one.
    """
    from timm.data import create_dataset, create_loader
    from timm.optim import create_optimizer_v2
    from timm.utils import AverageMeter

    pictures = create_dataset("", root=str(root), is_training=True)
    place = {name: index for index, name in enumerate(pictures.filenames(absolute=False))}
    classes = len({Path(name).parts[0] for name in place})
    chosen = _Chosen(pictures, [place[name] for name in train])
    device = torch.device("cpu")
    loader = create_loader(
        chosen, (3, image_size_px, image_size_px), batch_size, is_training=True, interpolation="random",
        mean=MEAN, std=STD, num_workers=2, use_prefetcher=prefetcher, device=device,
    )  # fmt: skip
    model = timm.create_model("mobilenetv2_100", num_classes=classes)
    tensors = {name: t for name, t in load_file(weights).items() if not name.startswith("classifier")}
    model.load_state_dict(tensors, strict=False)
    model.to(memory_format=torch.channels_last).train()
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05)
    loss, losses = nn.CrossEntropyLoss(label_smoothing=0.1), AverageMeter()
    done, started = 0, time.perf_counter()
    for number, (images, labels) in enumerate(loader):
        if number == 3:
            done, started = 0, time.perf_counter()
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            cost = loss(model(images), labels)
        losses.update(cost.item(), len(labels))
        cost.backward()
        optimizer.step()
        optimizer.zero_grad()
        done += len(labels)
        if number == batches + 2:
            break
    return done / (time.perf_counter() - started)


class _Chosen(Subset):
    """Some images of a timm dataset, whose transform timm's loader sets."""

    @property
    def transform(self) -> object:
        return self.dataset.transform

    @transform.setter
    def transform(self, transform: object) -> None:
        self.dataset.transform = transform
