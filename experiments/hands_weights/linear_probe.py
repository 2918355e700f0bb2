"""What frozen features are worth: `python experiments/hands_weights/linear_probe.py hands imagenet null seed=0,1,2`.

Each argument is a value of `model.weights`; `null` is tried with every seed. Pooled features of MobileNetV2,
standardised, and a multinomial logistic regression on the signers hand1 to hand4 of asl_dataset, tested on hand5. The
weight penalty is the one that does best on hand4 after training on hand1 to hand3. No augmentation. FINGERSPELL_DATA
names the folder of datasets.
"""

import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from src.data.collect import Collection
from src.data.datamodule import collected
from src.data.settings import DatamoduleSettings
from src.hardware import machine
from src.nets.mobilenetv2 import build_mobilenetv2
from src.nets.weights import load_weights
from src.signs.labels import NUM_SIGNS

SIZE_PX = 128
BATCH = 64
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2)


def features(weights: str | None, seed: int, images: Collection) -> torch.Tensor:
    """(images, 1280) float32: what leaves the last stage below the head."""
    torch.manual_seed(seed)
    network = build_mobilenetv2(NUM_SIGNS)
    load_weights(network, weights, "mobilenetv2_100", SIZE_PX)
    network.eval()
    below_the_head = len(network.stage_names) - 1
    pooled = []
    with torch.inference_mode():
        for first in range(0, len(images.manifest), BATCH):
            pixels = images.pixels.take(range(first, min(first + BATCH, len(images.manifest))))
            batch = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)
            ((_, (activations,)),) = network.prefix(batch, [below_the_head])
            pooled.append(activations.float().flatten(1))
    return torch.cat(pooled)


def probe(x: torch.Tensor, y: torch.Tensor, trained: np.ndarray, tested: np.ndarray, penalty: float) -> float:
    """Accuracy on the tested images of a linear layer fitted to the trained ones."""
    mean, std = x[trained].mean(0), x[trained].std(0) + 1e-3
    x = (x - mean) / std
    layer = torch.nn.Linear(x.shape[1], NUM_SIGNS)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(layer(x[trained]), y[trained]) + penalty * layer.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.inference_mode():
        return float((layer(x[tested]).argmax(1) == y[tested]).float().mean())


def main(arguments: list[str]) -> None:
    """Print a line for each start."""
    seeds = [0]
    for argument in arguments:
        if argument.startswith("seed="):
            seeds = [int(seed) for seed in argument.removeprefix("seed=").split(",")]
    starts = [argument for argument in arguments if not argument.startswith("seed=")] or ["hands", "null"]
    root = os.environ.get("FINGERSPELL_DATA", "data")
    images = collected(DatamoduleSettings(sources=("asl_dataset",), root=root, image_size_px=SIZE_PX))
    y = torch.tensor(images.manifest.labels)
    signer = np.array([record.signer for record in images.manifest])
    among = [np.flatnonzero(np.isin(signer, names)) for names in (("hand1", "hand2", "hand3"), "hand4", "hand5")]
    first_three, hand4, hand5 = among
    print(f"asl_dataset, {SIZE_PX} px, {len(hand4)} images of hand4, {len(hand5)} of hand5; {machine()}")
    for start in starts:
        weights = None if start == "null" else start
        for seed in seeds if weights is None else seeds[:1]:
            x = features(weights, seed, images)
            chosen = {penalty: probe(x, y, first_three, hand4, penalty) for penalty in PENALTIES}
            penalty = max(chosen, key=lambda p: chosen[p])
            accuracy = probe(x, y, np.concatenate([first_three, hand4]), hand5, penalty)
            name = f"random start, seed {seed}" if weights is None else Path(start).stem
            print(f"{name}: hand5 {accuracy:.1%}  (hand4 {chosen[penalty]:.1%}, penalty {penalty:g})", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
