"""What the project gains over a competent user's script, both run here: `python experiments/speed/measure.py`.

Needs asl_dataset under $FINGERSPELL_DATA and `weights=<ImageNet MobileNetV2 as .safetensors>`. More arguments:
`parts=sweep,warm,full,pipeline,startup,memory` (all unless named), `size=224`, `epochs=20`, `batches=24` (that the
baseline is timed over; a whole sweep of it would take hours), `output=<file.json>`.
"""

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from experiments.speed import baseline  # noqa: E402
from src import hardware  # noqa: E402
from src.composition import compose, named_values, speaking_plainly, whole_number  # noqa: E402
from src.errors import UserError  # noqa: E402
from src.run_folder import commit  # noqa: E402

PARTS = ("sweep", "warm", "full", "pipeline", "startup", "memory")
DEPTHS, SEEDS, BATCH = (0, 1, 2, 3, 4), (1, 2, 3), 32


class Bench:
    """The runs of one measurement, in a folder of their own."""

    def __init__(self, weights: Path, size: int, epochs: int, batches: int, folder: Path) -> None:
        self.weights, self.folder = weights, folder
        self.size, self.epochs, self.batches = size, epochs, batches
        self.settings = [
            "datamodule.sources=[asl_dataset]",
            f"datamodule.image_size_px={size}",
            f"datamodule.cache_dir={folder}/cache",
            "split=random",
            "split.seed=1",
            f"model.weights={weights}",
            f"trainer.max_epochs={epochs}",
        ]
        self.figures: dict[str, Any] = {}

    def note(self, **figures: Any) -> None:
        """Keep figures and show them."""
        self.figures |= figures
        for name, value in figures.items():
            print(f"  {name}: {value}", flush=True)

    def run(self, *arguments: str, script: str | None = None) -> float:
        """Seconds that a whole `python -m src.train` takes."""
        door = [script] if script else ["-m", "src.train"]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *door, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            raise UserError(f"src.train {' '.join(arguments)} failed: {done.stderr.strip()[-400:]}")
        self.said = done.stdout
        return seconds

    def images(self) -> tuple[Path, list[str], list[str]]:
        """The image folder, and the files of the training and validation part below it."""
        from src.data.datamodule import SignDataModule

        data = SignDataModule(compose(self.settings))
        data.prepare()
        root = Path(data.manifest[0].file).parents[1]

        def files(part: str) -> list[str]:
            return [str(Path(data.manifest[int(i)].file).relative_to(root)) for i in data.split.part(part)]

        return root, files("train"), files("val")


def sweep(bench: Bench) -> None:
    """15 runs: the head and 0 to 4 stages below it, three seeds; decoding and filling included in ours."""
    from omegaconf import OmegaConf

    root, train, val = bench.images()
    transforms = OmegaConf.to_container(compose(bench.settings).augmentation.transforms)
    total = 0.0
    for k in DEPTHS:
        in_training, in_validation = baseline.rates(
            root, train, val, transforms, bench.size, k, bench.weights, bench.batches
        )
        seconds = bench.epochs * (len(train) / in_training + len(val) / in_validation)
        bench.note(**{f"baseline k={k} images/s": round(in_training, 1), f"baseline k={k} s a run": round(seconds)})
        total += seconds * len(SEEDS)
    shutil.rmtree(bench.folder / "cache", ignore_errors=True)
    folder = bench.folder / "sweep"
    depths, seeds = ",".join(map(str, DEPTHS)), ",".join(map(str, SEEDS))
    ours = bench.run(
        "-m", *bench.settings, "freeze=top_k", f"freeze.k={depths}", f"seed={seeds}", f"hydra.sweep.dir={folder}"
    )
    runs = [json.loads(file.read_text()) for file in sorted(folder.glob("*/metrics.json"))]
    for k in DEPTHS:
        of_depth = [run for run in runs if run["stages_trained"] == k + 1]
        seconds = [run["seconds"] - run["cache_fill_seconds"] for run in of_depth]
        bench.note(
            **{
                f"ours k={k} s a run": round(sum(seconds) / len(seconds), 1),
                f"ours k={k} accuracy %": [round(100 * run["test/accuracy"], 2) for run in of_depth],
            }
        )
    bench.note(
        **{
            "sweep fill s": round(sum(run["cache_fill_seconds"] for run in runs)),
            "sweep baseline s (from its rates)": round(total),
            "sweep ours s (whole process)": round(ours),
            "sweep ratio (asked: 20)": round(total / ours, 1),
        }
    )


def warm(bench: Bench) -> None:
    """One more `freeze=all` run, its activations being kept already: the whole process."""
    from omegaconf import OmegaConf

    root, train, val = bench.images()
    transforms = OmegaConf.to_container(compose(bench.settings).augmentation.transforms)
    in_training, in_validation = baseline.rates(
        root, train, val, transforms, bench.size, 0, bench.weights, bench.batches
    )
    theirs = bench.epochs * (len(train) / in_training + len(val) / in_validation)
    bench.run(*bench.settings, "freeze=all", f"hydra.run.dir={bench.folder}/first")  # fills, unless the sweep has
    ours = bench.run(*bench.settings, "freeze=all", "seed=7", f"hydra.run.dir={bench.folder}/again")
    bench.note(
        **{
            "warm baseline s": round(theirs),
            "warm ours s": round(ours, 1),
            "warm ratio (asked: 100)": round(theirs / ours),
        }
    )


def full(bench: Bench) -> None:
    """Full fine-tuning, images a second."""
    from omegaconf import OmegaConf

    root, train, val = bench.images()
    transforms = OmegaConf.to_container(compose(bench.settings).augmentation.transforms)
    batches = min(bench.batches, 16)
    float32, _ = baseline.rates(root, train, val, transforms, bench.size, None, bench.weights, batches)
    loop = baseline.loop_rate(root, train, bench.size, bench.weights, batches)
    ours = _steps(bench, batches, fixed_batch=False)
    bench.note(
        **{
            "full baseline images/s": round(float32, 1),
            "full loop images/s": round(loop, 1),
            "full ours images/s": round(ours, 1),
            "full ratio to baseline (asked: 2.5)": round(ours / float32, 2),
            "full ratio to loop (asked: 1.1)": round(ours / loop, 2),
        }
    )


def pipeline(bench: Bench) -> None:
    """Training from the loader against training on one batch that lies in memory."""
    batches = min(bench.batches, 16)
    pairs = [(_steps(bench, batches, False), _steps(bench, batches, True)) for _ in range(2)]
    loader, memory = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    bench.note(
        **{
            "pipeline loader images/s": round(loader, 1), "pipeline in-memory images/s": round(memory, 1),
            "pipeline ratio (asked: 0.95)": round(loader / memory, 3),
        }
    )  # fmt: skip


def _steps(bench: Bench, batches: int, fixed_batch: bool) -> float:
    """Images a second of the project's own `freeze=none` training, the first 3 batches left out."""
    import pytorch_lightning as pl
    import torch
    from omegaconf import OmegaConf

    from src.data.datamodule import SignDataModule
    from src.learning.classifier import SignClassifier
    from src.learning.scoring import build_trainer, number_format, quiet_lightning
    from src.nets.build import build_network

    quiet_lightning()
    cfg = compose([*bench.settings, "freeze=none"])
    torch.set_num_threads(hardware.cores())
    pl.seed_everything(1, verbose=False)
    network = build_network(cfg.model, bench.size, 1).network.to(memory_format=torch.channels_last)
    data = SignDataModule(cfg)
    data.prepare()
    clock = baseline.Clock(warm_up=3)
    trainer = build_trainer(
        accelerator="cpu", devices=1, max_epochs=1, precision=number_format(cfg), callbacks=[clock], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        limit_train_batches=batches + 3, limit_val_batches=0, use_distributed_sampler=False,
    )  # fmt: skip
    loader = data.train_dataloader()
    if fixed_batch:
        loader = [next(iter(data.train_dataloader()))] * (batches + 3)
    trainer.fit(SignClassifier(network, OmegaConf.to_container(cfg, resolve=True)), loader)
    return BATCH * batches / sum(clock.train[3:])


def startup(bench: Bench) -> None:
    """Seconds to the help text, and from the command to the first training step on a warm cache."""
    shown = [bench.run("--help") for _ in range(3)]
    command = (*bench.settings, "freeze=all", f"hydra.run.dir={bench.folder}/step{{}}")
    bench.run(*(word.format("_fill") for word in command))
    firsts = []
    for number in range(3):
        bench.run(*(word.format(number) for word in command), script="experiments/speed/first_step.py")
        firsts.append(float(bench.said.rpartition("first step after ")[2].split()[0]))
    bench.note(
        **{"--help s (asked: 1)": round(min(shown), 2), "first step s (asked: 12)": [round(s, 1) for s in firsts]}
    )


def memory(bench: Bench) -> None:
    """Peak memory of a run on 100,000 generated images: filling, training from activations, scoring."""
    code = f"from experiments.speed.measure import many; many({str(bench.folder)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"the run on 100,000 images failed: {done.stderr.strip()[-400:]}")
    bench.note(**{"memory peak of 100,000 images, GB (asked: 2.5)": float(done.stdout.split()[-1])})


def many(folder: str) -> None:
    """Train on 100,000 generated images and print the peak memory in GB; called in a process of its own."""
    import numpy as np

    from src.data import datamodule
    from src.data.collect import Collection
    from src.data.manifest import ImageRecord, Manifest
    from src.data.mapped import RowWriter
    from src.data.pixel_cache import Pixels
    from src.learning.training import train

    count, size = 100_000, 128
    file = Path(folder) / "many.npy"
    with RowWriter(file, (count, size, size, 3), np.uint8) as rows:
        picture = np.random.default_rng(0).integers(0, 256, (1000, size, size, 3), dtype=np.uint8)
        for start in range(0, count, len(picture)):
            rows.write(start, picture)
    records = [ImageRecord(str(file), f"{i}", i % 36, "rendered", signer=f"{i % 50}") for i in range(count)]
    pixels = Pixels([file], np.zeros(count, np.int32), np.arange(count), size)
    datamodule.collected = lambda _: Collection(Manifest(records), pixels, [], size)
    cfg = compose(
        [
            f"datamodule.cache_dir={folder}/cache",
            "datamodule.batch_size=256",
            "model=cnn",  # small, since memory and not time is asked for
            "model.filters=[8,8,8,8]",
            "freeze=top_k",
            "freeze.k=2",
            "freeze.allow_untrained=true",
            "augmentation=none",
            "trainer.max_epochs=1",
            "trainer.progress=false",
            "cache.budget_gb=60",
        ]
    )
    with contextlib.redirect_stdout(sys.stderr):
        train(cfg, Path(folder) / "many")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def main(arguments: list[str]) -> None:
    """Measure what is asked for and print every figure.

    Raises:
        UserError: an argument is not understood, or a run failed.
    """
    values = named_values(arguments, ("weights", "parts", "size", "epochs", "batches", "output"))
    if "weights" not in values or not Path(values["weights"]).is_file():
        raise UserError("Name the ImageNet weights of MobileNetV2: weights=<file.safetensors>.")
    parts = values.get("parts", ",".join(PARTS)).split(",")
    if set(parts) - set(PARTS):
        raise UserError(f"parts={values['parts']} is not understood: choose from {', '.join(PARTS)}.")
    numbers = [
        whole_number(key, values.get(key, str(default)), 1)
        for key, default in (("size", 224), ("epochs", 20), ("batches", 24))
    ]
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        bench = Bench(Path(values["weights"]).resolve(), *numbers, Path(folder))
        bench.note(commit=commit(), machine=hardware.machine(), size_px=numbers[0], epochs=numbers[1])
        for part in parts:
            print(f"{part}: {globals()[part].__doc__.splitlines()[0]}", flush=True)
            globals()[part](bench)
    if "output" in values:
        Path(values["output"]).write_text(json.dumps(bench.figures, indent=2) + "\n")


if __name__ == "__main__":
    speaking_plainly(main, sys.argv[1:], __doc__)
