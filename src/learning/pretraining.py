"""Weights from rendered hands: a network learns where joints are and how they bend, and never sees a sign.

The pictures are `random_pose` hands of invented people. What is asked of the network, all from one linear layer on its
pooled features: 21 keypoints in the picture, their shape in space free of place and size, 22 joint angles, which
keypoints are seen, and whether the hand is a left one. Half-way up, another layer says in which cell of the picture
each keypoint lies: the early stages learn much sooner when they are asked directly. Both layers are thrown away; the
stages below the head are the result.

Every random draw belongs to (seed, epoch, image), and a checkpoint is left after each epoch, so a run that is stopped
and started again ends with the same file as one that was not.
"""

import hashlib
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from src.errors import UserError
from src.hardware import best_precision
from src.nets.mobilenetv2 import build_mobilenetv2
from src.nets.stages import SequentialNetwork
from src.nets.weights import load_weights
from src.runs.folder import commit
from src.storage.files import replacing_whole
from src.synthetic.pose_set import RandomPoses, random_poses
from src.synthetic.skeleton import ANGLE_LIMITS, KEYPOINTS, NUM_ANGLES, NUM_KEYPOINTS
from src.synthetic.spec import POSES_VERSIONS, RenderedSpec

# Rendered sets of the config have seeds below this: no person of theirs is ever met here.
FIRST_RENDERING_SEED = 2**31
SIGNERS = 400
VALIDATION_SHARE = 0.04

_WRIST, _MIDDLE_KNUCKLE = KEYPOINTS.index("wrist"), KEYPOINTS.index("middle_mcp")
_KEYPOINT_SPREAD = 0.4  # of keypoints in a picture from -1 to 1
_SHAPE_SPREAD = 0.35  # of keypoints in space, in lengths of the palm
BACKBONE = "mobilenetv2_100"
_SIZES = {"keypoints": 2 * NUM_KEYPOINTS, "shape": 3 * NUM_KEYPOINTS, "angles": NUM_ANGLES}
_SIZES |= {"visible": NUM_KEYPOINTS, "left_handed": 1}
_WEIGHTS = {"keypoints": 1.0, "shape": 2.0, "angles": 1.0, "visible": 0.25, "left_handed": 0.1, "cells": 0.4}
_HALFWAY = "block5"  # the last stage whose maps have a sixteenth of the picture's side
_NO_CELL = -1
_YES_OR_NO = ("visible", "left_handed")
_WARMUP_SHARE = 0.1
_LARGEST_GRADIENT = 5.0
_SIZE_STEP_PX = 8
_SMALL_SHARE = 0.75
_FIRST_TO_REST = "block2"  # the last of them


@dataclass(frozen=True)
class Pretraining:
    """What the file is made from: two equal ones give equal files on one machine.

    Attributes:
        images: rendered hands; the last 4 % are kept for validation.
        epochs: passes over them, three quarters of them at three quarters of `image_size_px`. After a third, the stages
            up to `_FIRST_TO_REST` rest: what edges look like is learned first (Brock et al., "FreezeOut", 2017).
        image_size_px: side of the rendered pictures.
        seed: of people, poses, first weights and augmentation.
        batch_size: images a step.
        lr: the highest learning rate: reached after a tenth of the steps, then a cosine down to zero.
        weight_decay: of AdamW, never on 1-d parameters.
    """

    images: int = 20_000
    epochs: int = 10
    image_size_px: int = 96
    seed: int = 0
    batch_size: int = 64
    lr: float = 3e-3
    weight_decay: float = 0.02

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UserError(f"Pretraining needs epochs of at least 1, not {self.epochs}.")
        if self.image_size_px < 32:
            raise UserError(f"Pretraining needs pictures of at least 32 px, not {self.image_size_px}.")
        if self.images - self.validation_images < self.batch_size:
            raise UserError(f"Pretraining needs at least {2 * self.batch_size} images, not {self.images}.")

    @property
    def validation_images(self) -> int:
        """How many of the images, the last ones, are never trained on."""
        return max(1, round(VALIDATION_SHARE * self.images))

    def key(self, start: Path | None = None) -> str:
        """A short name of everything that decides the weights."""
        text = json.dumps({**asdict(self), **POSES_VERSIONS, "start": _digest(start)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def trained(self, stages: tuple[str, ...], epoch: int) -> tuple[str, ...]:
        """Those of a network's stages that learn in an epoch."""
        return stages[stages.index(_FIRST_TO_REST) + 1 :] if epoch >= self.epochs / 3 else stages

    def size_px(self, epoch: int) -> int:
        """Side of the pictures of an epoch: small ones first, since they teach the coarse things at half the price.

        Much smaller ones save nothing: where the last maps have 2x2 places, the gradient of their depthwise
        convolutions is slow on a CPU.
        """
        if epoch >= _SMALL_SHARE * self.epochs:
            return self.image_size_px
        return max(32, _SIZE_STEP_PX * round(0.75 * self.image_size_px / _SIZE_STEP_PX))


def pretrain(
    recipe: Pretraining, output: Path, cache_dir: Path, processes: int = 1, start: Path | None = None
) -> dict[str, float]:
    """Train and write the stages below the head to `output`, anew after each better epoch.

    Run again after an interruption, it goes on from the last finished epoch.

    Args:
        recipe: what to train, and for how long.
        output: a .safetensors file; it is written beside and renamed.
        cache_dir: where pictures and checkpoint lie.
        processes: how many render side by side.
        start: a file that an earlier call left, to learn on from; None starts from random weights.

    Returns:
        The validation figures of the weights in the file.

    Raises:
        UserError: a file cannot be written, or `start` does not fit.
    """
    spec = RenderedSpec(recipe.images, SIGNERS, recipe.image_size_px, FIRST_RENDERING_SEED + recipe.seed)
    poses = random_poses(spec, cache_dir, processes)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        pupil = Pupil()
    if start is not None:
        load_weights(pupil.network, str(start), BACKBONE)
    pupil.to(device, memory_format=torch.channels_last)
    optimizer = _optimizer(pupil, recipe)
    start_digest = _digest(start)  # now: the file may be written to
    checkpoint = Path(cache_dir) / f"pretraining-{recipe.key(start)}.pt"
    best: dict[str, float] = {}
    best_tensors: dict[str, Tensor] = {}
    first = 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        pupil.load_state_dict(state["pupil"])
        optimizer.load_state_dict(state["optimizer"])
        best, best_tensors, first = state["best"], state["best_tensors"], state["epochs_done"]
        print(f"{first} of {recipe.epochs} epochs were done before.", flush=True)
    for epoch in range(first, recipe.epochs):
        started = time.perf_counter()
        pupil.network.set_trained(recipe.trained(pupil.network.stage_names, epoch))
        train_loss = _train_epoch(pupil, optimizer, poses, recipe, epoch)
        seconds = time.perf_counter() - started
        figures = validate(pupil, poses, recipe)
        print(
            f"epoch {epoch + 1}/{recipe.epochs}  {recipe.size_px(epoch)} px  {seconds:.0f} s  "
            f"train/loss {train_loss:.4f}  " + "  ".join(f"{name} {value:.4f}" for name, value in figures.items()),
            flush=True,
        )
        if not best or figures["val/loss"] < best["val/loss"]:
            best, best_tensors = {**figures, "epoch": epoch + 1.0}, backbone_tensors(pupil.network)
            _write_weights(output, best_tensors, recipe, best, start_digest)
        state = {
            "pupil": pupil.state_dict(),
            "optimizer": optimizer.state_dict(),
            "epochs_done": epoch + 1,
            "best": best,
            "best_tensors": best_tensors,
        }
        with replacing_whole(checkpoint) as beside:
            torch.save(state, beside)
    _write_weights(output, best_tensors, recipe, best, start_digest)
    return best


def backbone_tensors(network: SequentialNetwork) -> dict[str, Tensor]:
    """A copy of every tensor below the head by name, matrices and filters in half precision.

    Batch-norm tensors stay in single precision: they are 1 % of the numbers, and a variance may be too small for half.
    """
    return {
        name: tensor.detach().to("cpu", torch.float16 if tensor.ndim > 1 else tensor.dtype, copy=True).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.startswith("stages.head.")
    }


class Pupil(nn.Module):
    """The network, its head answering every question, and the layer half-way up that finds keypoints."""

    def __init__(self) -> None:
        super().__init__()
        self.network = build_mobilenetv2(sum(_SIZES.values()), dropout=0.0)
        widths = [m.num_features for m in self.network.stages[_HALFWAY].modules() if isinstance(m, nn.BatchNorm2d)]
        self.find = nn.Conv2d(widths[-1], 4 * NUM_KEYPOINTS, 1)  # four cells for each place of the map

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 3, height, width) in [0, 1] → answers (batch, 149) and scores of cells (batch, 21, rows, columns)."""
        x = self.network.rescale(images)
        for name, stage in self.network.stages.items():
            x = stage(x)
            if name == _HALFWAY:
                cells = functional.pixel_shuffle(self.find(x), 2)
        return x, cells


@dataclass
class Asked:
    """A batch and its answers.

    Attributes:
        images: (batch, 3, size, size) float32 in [0, 1].
        targets: by question, (batch, numbers) float32 with a spread of about 1, or 0 and 1.
    """

    images: Tensor
    targets: dict[str, Tensor]


def augmented(poses: RandomPoses, indices: np.ndarray, draws: np.ndarray | None, size_px: int) -> Asked:
    """Images turned, moved, scaled, mirrored, relit and partly covered, their answers with them.

    Args:
        poses: the set.
        indices: (batch,) which images of it.
        draws: (batch, NUM_DRAWS) in [0, 1), what is done to each; None leaves them as they are.
        size_px: side of the pictures that come out.

    Returns:
        Pictures (batch, 3, size, size) float32 in [0, 1] and targets.
    """
    u = np.full((len(indices), NUM_DRAWS), 0.5) if draws is None else draws
    u = torch.from_numpy(u.astype(np.float32))
    count = len(indices)
    images = torch.from_numpy(poses.images[indices]).permute(0, 3, 1, 2).contiguous().float() / 255

    # Picture: in = turn · diag(mirror · width, height) · out + shift, both from -1 to 1.
    mirror = torch.where(u[:, 0] < 0.5, -1.0, 1.0)
    zoom = torch.exp2(0.6 * (u[:, 1] - 0.5))
    stretch = torch.exp2(0.3 * (u[:, 2] - 0.5))
    angle = math.radians(50) * (u[:, 3] - 0.5)
    shift = 0.3 * (u[:, 4:6] - 0.5)
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([cos, -sin, sin, cos], 1).view(count, 2, 2)
    scale = torch.stack([mirror * stretch / zoom, 1 / (zoom * stretch)], 1)
    matrix = torch.cat([turn * scale[:, None, :], shift[:, :, None]], 2)
    grid = functional.affine_grid(matrix, [count, 3, size_px, size_px], align_corners=False)
    images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    keypoints = torch.from_numpy((2 * poses.keypoints_px[indices] + 1) / poses.images.shape[1] - 1)
    keypoints = torch.einsum("bji,bpj->bpi", turn, keypoints - shift[:, None]) / scale[:, None]
    joints = torch.from_numpy(poses.joints_mm[indices])
    palm = (joints[:, _MIDDLE_KNUCKLE] - joints[:, _WRIST]).norm(dim=1)
    joints = (joints - joints.mean(1, keepdim=True)) / palm[:, None, None]
    flat = torch.einsum("bji,bpj->bpi", turn, joints[..., :2])
    joints = torch.stack([flat[..., 0] * mirror[:, None], flat[..., 1], joints[..., 2]], 2)

    covered = _relit_and_covered(images, u[:, 6:], keypoints)
    low, high = torch.from_numpy(ANGLE_LIMITS.astype(np.float32)).T
    angles = (torch.from_numpy(poses.joint_angles[indices]) - (low + high) / 2) / (high - low) * math.sqrt(12)
    visible = torch.from_numpy(poses.visible[indices]) & (keypoints.abs() <= 1).all(2) & ~covered
    left = torch.from_numpy(poses.left_handed[indices]) ^ (mirror < 0)
    targets = {
        "keypoints": keypoints.flatten(1) / _KEYPOINT_SPREAD,
        "shape": joints.flatten(1) / _SHAPE_SPREAD,
        "angles": angles,
        "visible": visible.float(),
        "left_handed": left.float()[:, None],
    }
    return Asked(images.contiguous(memory_format=torch.channels_last), targets)


NUM_DRAWS = 22


def _relit_and_covered(images: Tensor, u: Tensor, keypoints: Tensor) -> Tensor:
    """Change `images` in place; (batch, 21) bool: which keypoints lie under the patch that was put on some of them."""

    def column(values: Tensor) -> Tensor:
        return values[:, None, None, None]

    images.pow_(column(torch.exp2(1.2 * (u[:, 0] - 0.5))))
    grey = images.mean(1, keepdim=True)
    images.lerp_(grey, column(torch.where(u[:, 1] < 0.1, 1.0, 0.8 * (u[:, 1] - 0.5))))
    images.sub_(0.5).mul_(column(torch.exp2(1.2 * (u[:, 2] - 0.5)))).add_(column(0.5 + 0.4 * (u[:, 3] - 0.5)))
    images.mul_(1 + 0.3 * (u[:, 4:7, None, None] - 0.5)).clamp_(0, 1)

    has_patch = u[:, 7] < 0.12
    middle, half = 2 * u[:, 8:10] - 1, 0.1 + 0.3 * u[:, 10:12]
    for i in torch.nonzero(has_patch).flatten().tolist():
        corner = ((middle[i] - half[i] + 1) / 2 * images.shape[2]).round().int().clamp(min=0).tolist()
        end = ((middle[i] + half[i] + 1) / 2 * images.shape[2]).round().int().clamp(min=0).tolist()
        images[i, :, corner[1] : end[1], corner[0] : end[0]] = u[i, 12:15, None, None]
    inside = ((keypoints - middle[:, None]).abs() <= half[:, None]).all(2)
    return inside & has_patch[:, None]


def losses(outputs: Tensor, cells: Tensor, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """One mean loss for each thing that is asked."""
    answers = dict(zip(_SIZES, outputs.float().split(list(_SIZES.values()), dim=1), strict=True))
    parts = {
        name: functional.binary_cross_entropy_with_logits(answer, targets[name])
        if name in _YES_OR_NO
        else functional.smooth_l1_loss(answer, targets[name], beta=0.5)
        for name, answer in answers.items()
    }
    rows, columns = cells.shape[2:]
    places = targets["keypoints"].view(len(outputs), NUM_KEYPOINTS, 2) * _KEYPOINT_SPREAD
    inside = (places.abs() < 1).all(2)
    x, y = ((places + 1) / 2 * places.new_tensor([columns, rows])).long().unbind(2)
    cell = torch.where(inside, y * columns + x, _NO_CELL)
    parts["cells"] = functional.cross_entropy(
        cells.float().flatten(2).flatten(0, 1), cell.flatten(), ignore_index=_NO_CELL
    )
    return parts


def _total(parts: dict[str, Tensor]) -> Tensor:
    return sum(_WEIGHTS[name] * part for name, part in parts.items())


def _autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=best_precision("auto") == "bf16-mixed")


def _optimizer(pupil: Pupil, recipe: Pretraining) -> torch.optim.AdamW:
    parameters = list(pupil.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr)


def _lr(recipe: Pretraining, step: int, steps: int) -> float:
    warmup = max(1, round(_WARMUP_SHARE * steps))
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _train_epoch(
    pupil: Pupil,
    optimizer: torch.optim.Optimizer,
    poses: RandomPoses,
    recipe: Pretraining,
    epoch: int,
) -> float:
    pupil.train()
    device = next(pupil.parameters()).device
    draw = np.random.Generator(np.random.Philox(np.random.SeedSequence((recipe.seed, epoch))))
    trained_on = recipe.images - recipe.validation_images
    draws = draw.random((trained_on, NUM_DRAWS))
    batches = trained_on // recipe.batch_size
    order = draw.permutation(trained_on)[: batches * recipe.batch_size].reshape(batches, recipe.batch_size)
    size_px = recipe.size_px(epoch)
    sum_of_losses = torch.zeros((), device=device)
    columns = (TextColumn("epoch {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"{epoch + 1}/{recipe.epochs}", total=batches)
        for number, indices in enumerate(order):
            asked = augmented(poses, indices, draws[indices], size_px)
            targets = {name: target.to(device) for name, target in asked.targets.items()}
            for group in optimizer.param_groups:
                group["lr"] = _lr(recipe, epoch * batches + number, recipe.epochs * batches)
            with _autocast(device):
                outputs, cells = pupil(asked.images.to(device))
            loss = _total(losses(outputs, cells, targets))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(pupil.parameters(), _LARGEST_GRADIENT)
            optimizer.step()
            sum_of_losses += loss.detach()
            progress.advance(bar)
    return float(sum_of_losses) / batches


@torch.inference_mode()
def validate(pupil: Pupil, poses: RandomPoses, recipe: Pretraining) -> dict[str, float]:
    """Losses on the images kept back, and two errors in plain units, at the full size without augmentation."""
    pupil.eval()
    device = next(pupil.parameters()).device
    kept = np.arange(recipe.images - recipe.validation_images, recipe.images)
    sums: dict[str, float] = {}
    for indices in np.array_split(kept, math.ceil(len(kept) / recipe.batch_size)):
        asked = augmented(poses, indices, None, recipe.image_size_px)
        targets = {name: target.to(device) for name, target in asked.targets.items()}
        with _autocast(device):
            outputs, cells = pupil(asked.images.to(device))
        parts = losses(outputs, cells, targets)
        places, _, angles, *_ = outputs.float().split(list(_SIZES.values()), dim=1)
        off = (places - targets["keypoints"]).view(len(indices), -1, 2).norm(dim=2).mean() * _KEYPOINT_SPREAD / 2
        widths = torch.from_numpy(np.degrees(np.ptp(ANGLE_LIMITS, axis=1)).astype(np.float32)).to(device)
        wrong = ((angles - targets["angles"]).abs() * widths / math.sqrt(12)).mean()
        figures = {"val/loss": _total(parts), **{f"val/{name}": part for name, part in parts.items()}}
        figures |= {"val/keypoint_error_of_side": off, "val/angle_error_deg": wrong}
        for name, value in figures.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(indices)
    return {name: value / len(kept) for name, value in sums.items()}


def _digest(start: Path | None) -> str | None:
    return None if start is None or not start.is_file() else hashlib.sha256(start.read_bytes()).hexdigest()


def _write_weights(
    output: Path, tensors: dict[str, Tensor], recipe: Pretraining, figures: dict[str, float], start: str | None
) -> None:
    metadata = {
        "format": "pt",
        "architecture": "mobilenetv2_100, stages below the head, by their names in src/nets/mobilenetv2.py",
        "trained_on": "rendered hands in random poses; no sign label was read",
        "started_from": f"the file with SHA-256 {start}" if start else "random weights",
        "recipe": json.dumps(asdict(recipe)),
        "seed": str(recipe.seed),
        "renderer_version": json.dumps(POSES_VERSIONS),
        "commit": commit(),
        "figures": json.dumps({name: round(value, 6) for name, value in figures.items()}),
    }
    with replacing_whole(output) as beside:
        beside.write_bytes(_in_fixed_order(save(tensors, metadata)))


def _in_fixed_order(data: bytes) -> bytes:
    """The same safetensors file with its metadata in the order of the alphabet; the library's order is random."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]
