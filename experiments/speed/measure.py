"""What the project gains over a competent user's script, both run here: `python experiments/speed/measure.py`.

Needs asl_dataset under $FINGERSPELL_DATA and `weights=<ImageNet MobileNetV2 as .safetensors>`.
"""

import contextlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Literal

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from experiments.speed import baseline  # noqa: E402
from src import hardware  # noqa: E402
from src.errors import UserError  # noqa: E402
from src.learning.run_settings import compose  # noqa: E402
from src.runs.folder import METRICS, commit  # noqa: E402
from src.settings.arguments import parse, run_door  # noqa: E402
from src.settings.options import Field, settings  # noqa: E402
from src.storage.files import write_json  # noqa: E402

Part = Literal["sweep", "warm", "full", "pipeline", "startup", "memory", "equal", "fresh"]
BATCH = 32


@settings
class Arguments:
    """What is measured, at which size, and where figures and runs go."""

    weights: Path = Field(title="file.safetensors", description="ImageNet weights of MobileNetV2")
    parts: tuple[Part, ...] = Field(
        ("sweep", "warm", "full", "pipeline", "startup", "memory"), description="what is measured"
    )
    size: int = Field(224, ge=32, title="pixels", description="side of an image")
    epochs: int = Field(20, ge=1, description="of each run")
    views: int = Field(20, ge=1, description="augmented views of an image")
    batches: int = Field(24, ge=1, description="that the baseline is timed over; a whole sweep of it would take hours")
    depths: tuple[Annotated[int, Field(ge=0)], ...] = Field((0, 1, 2, 3, 4), description="freeze.k of the sweep's runs")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((1, 2, 3), description="of the sweep's runs")
    output: Path | None = Field(
        None, title="file.json", description="written after every figure; parts that it holds already stay"
    )
    folder: Path | None = Field(
        None, description="where the runs and the cache go, and stay; a temporary one unless said"
    )

    def check(self) -> None:
        """The weights must be there."""
        if not self.weights.is_file():
            raise UserError(f"weights={self.weights}: there is no such file.")


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """The answer of a function called in a fresh process, so that no measurement inherits another one's state."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


@dataclass
class Bench:
    """The runs of one measurement, in a folder of their own.

    Attributes:
        weights: ImageNet weights of MobileNetV2.
        folder: of runs and caches.
        size: of the images, px.
        epochs, views: of every run of ours.
        batches: that the baseline is timed over.
        depths, seeds: freeze.k and seed of the sweep's runs.
        output: where figures are kept.
        part: the part that figures are noted for.
        figures: part → figures.
    """

    weights: Path
    folder: Path
    size: int
    epochs: int
    views: int
    batches: int
    depths: tuple[int, ...]
    seeds: tuple[int, ...]
    output: Path | None
    part: str = ""
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def settings(self) -> list[str]:
        """What all runs have in common."""
        return [
            "datamodule.sources=[asl_dataset]",
            f"datamodule.image_size_px={self.size}",
            f"datamodule.cache_dir={self.folder}/cache",
            "augmentation=standard",
            "optimizer.lr=0.001",
            "split=random",
            "split.seed=1",
            f"model.weights={self.weights}",
            f"trainer.max_epochs={self.epochs}",
        ]

    def begin(self, part: str) -> None:
        """Start a part: its earlier figures go."""
        self.part = part
        self.figures[part] = {}
        print(f"{part}: {globals()[part].__doc__.splitlines()[0]}", flush=True)
        self.note(commit=commit(), machine=hardware.machine(), size_px=self.size, epochs=self.epochs, views=self.views)

    def note(self, **figures: Any) -> None:
        """Keep figures and show them."""
        self.figures[self.part] |= figures
        if self.output:
            write_json(self.output, self.figures)
        for name, value in figures.items():
            print(f"  {name}: {value}", flush=True)

    def run(self, *arguments: str, script: str | None = None, resident: bool = False) -> float:
        """Seconds that a whole `python -m src.train` takes; what it prints goes to `train.log` in the folder.

        Args:
            script: another script to run with these arguments.
            resident: whether to look every second at its memory, into `self.resident`: (time, GB without file pages).
        """
        door = [script] if script else ["-m", "src.train"]
        log = self.folder / "train.log"
        self.resident: list[tuple[float, float]] = []
        with log.open("w+", encoding="utf-8") as output:
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, *door, *arguments], cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT
            )
            try:
                while resident and process.poll() is None:
                    self.resident.append((time.time(), _resident_gb(process.pid)))
                    time.sleep(1)
                process.wait()
            finally:
                process.kill()
            seconds = time.perf_counter() - started
            output.seek(0)
            self.said = output.read()
        if process.returncode:
            raise UserError(f"src.train {' '.join(arguments)} failed: {self.said.strip()[-400:]}")
        return seconds

    def images(self) -> tuple[Path, list[str], list[str]]:
        """The image folder, and the files of the training and validation part below it."""
        from src.learning.run_data import loaded_data

        data = loaded_data(compose(self.settings))
        root = Path(data.manifest[0].file).parents[1]

        def files(part: str) -> list[str]:
            return [str(Path(data.manifest[int(i)].file).relative_to(root)) for i in data.split.part(part)]

        return root, files("train"), files("val")

    def transforms(self) -> list[dict[str, Any]]:
        """The augmentation, as plain values."""
        return list(compose(self.settings).augmentation.transforms)

    def baseline_seconds(self, k: int) -> float:
        """Seconds that the baseline takes for a run at this depth, from its rates over a few batches."""
        root, train, val = self.images()
        in_training, in_validation = alone(
            baseline.rates, root, train, val, self.transforms(), self.size, k, self.weights, self.batches
        )
        seconds = self.epochs * (len(train) / in_training + len(val) / in_validation)
        name = f"baseline k={k}"
        self.note(**{f"{name} images/s": round(in_training, 1), f"{name} s a run": round(seconds)})
        return seconds


def _resident_gb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 2**20 for line in lines if line.startswith("RssAnon")), 0.0)


def _finished(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob(f"*/{METRICS}"), key=lambda file: file.stat().st_mtime)
    return [json.loads(file.read_text()) | {"finished": file.stat().st_mtime, "folder": file.parent} for file in files]


def _mean(values: Iterable[float], digits: int = 1) -> float:
    values = list(values)
    return round(sum(values) / len(values), digits)


def sweep(bench: Bench) -> None:
    """Every depth with every seed in one sweep; decoding and filling included in ours."""
    theirs = sum(bench.baseline_seconds(k) for k in bench.depths) * len(bench.seeds)
    shutil.rmtree(bench.folder / "cache", ignore_errors=True)
    folder = bench.folder / "sweep"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        ours = bench.run(*_swept(bench, folder), f"cache.views={bench.views}", resident=True)
    finally:  # also of a sweep that was stopped
        runs = _finished(folder)
        for k in bench.depths:
            if of_depth := [run for run in runs if run["stages_trained"] == k + 1]:
                took = _mean(run["seconds"] - run["cache_fill_seconds"] for run in of_depth)
                bench.note(**{f"ours k={k} s a run, without filling": took} | _accuracies(f"ours k={k}", of_depth))
    ends = [run["finished"] for run in runs]
    peaks = [
        round(max((gb for at, gb in bench.resident if start < at <= end), default=0.0), 2)
        for start, end in zip([0.0, *ends], ends, strict=False)
    ]
    bench.note(
        **{
            "filling s": round(sum(run["cache_fill_seconds"] for run in runs)),
            "saved s, as the sweep's table says": round(sum(run["cache_saved_seconds"] for run in runs)),
            "largest memory during each job, GB": peaks,
            "baseline s (from its rates)": round(theirs),
            "ours s (whole process)": round(ours),
            "ratio (asked: 20)": round(theirs / ours, 1),
        }
    )


def _swept(bench: Bench, folder: Path) -> list[str]:
    depths, seeds = ",".join(map(str, bench.depths)), ",".join(map(str, bench.seeds))
    return [
        "-m", *bench.settings, "freeze=top_k", f"freeze.k={depths}", f"seed={seeds}", f"hydra.sweep.dir={folder}",
    ]  # fmt: skip


def _accuracies(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    accuracies = [100 * run["test/accuracy"] for run in sorted(runs, key=lambda run: run["seed"])]
    return {f"{name} accuracy %": [round(a, 2) for a in accuracies], f"{name} mean accuracy %": _mean(accuracies, 2)}


def equal(bench: Bench) -> None:
    """Runs that start from activations against the same runs with cache=off and the same views: weights and figures."""
    import torch

    from src.nets.weights import read_tensors
    from src.runs.folder import LAST, PREDICTIONS

    views = (f"cache.views={bench.views}",)
    swept = {(run["stages_trained"] - 1, run["seed"]): run["folder"] for run in _finished(bench.folder / "sweep")}
    for k in bench.depths:
        for seed in bench.seeds:
            kept = swept.get((k, seed)) or _run_once(bench, f"kept_k{k}_seed{seed}", k, seed, *views)
            folders = [kept, _run_once(bench, f"plain_k{k}_seed{seed}", k, seed, "cache=off", *views)]
            from_kept, from_images = (read_tensors(folder / LAST) for folder in folders)
            moved = [name for name in from_images if not torch.equal(from_images[name], from_kept[name])]
            metrics = [json.loads((folder / METRICS).read_text()) for folder in folders]
            answers = [(folder / PREDICTIONS).read_text() for folder in folders]
            bench.note(
                **{
                    f"k={k} seed={seed} tensors that differ": f"{len(moved)} of {len(from_images)}",
                    f"k={k} seed={seed} predictions and probabilities": "same"
                    if answers[0] == answers[1]
                    else "differ",
                    f"k={k} seed={seed} test accuracy %": [round(100 * run["test/accuracy"], 2) for run in metrics],
                    f"k={k} seed={seed} s": [round(run["seconds"]) for run in metrics],
                }
            )


def _run_once(bench: Bench, name: str, k: int, seed: int, *settings: str) -> Path:
    """The folder of a run of this depth and seed; one that has finished is not run again."""
    folder = bench.folder / name
    if not (folder / METRICS).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        depth = ("freeze=top_k", f"freeze.k={k}", f"seed={seed}")
        bench.run(*bench.settings, *depth, *settings, f"hydra.run.dir={folder}")
    return folder


def fresh(bench: Bench) -> None:
    """The same runs with cache=off, every epoch drawn anew by the run's own seed: what their accuracy is then."""
    for k in bench.depths:
        runs = []
        for seed in bench.seeds:
            folder = _run_once(bench, f"fresh_k{k}_seed{seed}", k, seed, "cache=off")
            runs.append(json.loads((folder / METRICS).read_text()))
            bench.note(**_accuracies(f"fresh k={k}", runs) | {f"fresh k={k} s": [round(r["seconds"]) for r in runs]})


def warm(bench: Bench) -> None:
    """One more `freeze=all` run, its activations being kept already: the whole process, three times."""
    theirs = bench.baseline_seconds(0)
    settings = (*bench.settings, "freeze=all", f"cache.views={bench.views}")
    for folder in bench.folder.glob("warm_*"):
        shutil.rmtree(folder)
    bench.run(*settings, f"hydra.run.dir={bench.folder}/warm_first")  # fills, unless the sweep has
    ours = [bench.run(*settings, f"seed={seed}", f"hydra.run.dir={bench.folder}/warm_{seed}") for seed in (7, 8, 9)]
    bench.note(
        **{
            "baseline s": round(theirs),
            "ours s": [round(seconds, 1) for seconds in ours],
            "ratio of the mean (asked: 100)": round(theirs * len(ours) / sum(ours)),
        }
    )


def full(bench: Bench) -> None:
    """Full fine-tuning, images a second; each measured twice, the quicker one counts."""
    root, train, val = bench.images()
    batches = min(bench.batches, 16)
    transforms, settings = bench.transforms(), [*bench.settings, "freeze=none"]
    float32, loop, ours = [], [], []
    for _ in range(2):
        ours.append(alone(_steps, settings, batches, False))
        float32.append(alone(baseline.rates, root, train, val, transforms, bench.size, None, bench.weights, batches)[0])
        loop += [
            alone(baseline.loop_rate, root, train, bench.size, bench.weights, batches, prefetcher)
            for prefetcher in (True, False)
        ]
        bench.note(
            **{
                "baseline images/s": [round(rate, 1) for rate in float32],
                "timm's loop images/s, with and without its prefetcher": [round(rate, 1) for rate in loop],
                "ours images/s": [round(rate, 1) for rate in ours],
                "ratio to baseline (asked: 2.5)": round(max(ours) / max(float32), 2),
                "ratio to timm's loop (asked: 1.1)": round(max(ours) / max(loop), 2),
            }
        )


def pipeline(bench: Bench) -> None:
    """Training from the loader against training on one batch that lies in memory, three times in turn."""
    light = [s.replace("augmentation=standard", "augmentation=light") for s in bench.settings]  # the default
    settings = [*light, "freeze=none"]
    loader, memory = [], []
    for _ in range(3):
        loader.append(alone(_steps, settings, bench.batches, False))
        memory.append(alone(_steps, settings, bench.batches, True))
        bench.note(
            **{
                "loader images/s": [round(rate, 1) for rate in loader],
                "in-memory images/s": [round(rate, 1) for rate in memory],
                "ratio of the means (asked: 0.95)": round(sum(loader) / sum(memory), 3),
            }
        )


def _steps(settings: list[str], batches: int, fixed_batch: bool) -> float:
    """Images a second of the project's own training, the first 3 batches left out."""
    import pytorch_lightning as pl
    import torch

    from src.learning.classifier import SignClassifier
    from src.learning.run_data import loaded_data
    from src.learning.trainer import build_trainer, quiet_lightning
    from src.nets.build import build_network

    quiet_lightning()
    cfg = compose(settings)
    torch.set_num_threads(hardware.cores())
    hardware.keep_freed_memory()
    pl.seed_everything(1, verbose=False)
    network = build_network(cfg.model, cfg.datamodule.image_size_px, 1).network
    network.to(memory_format=torch.channels_last)
    data = loaded_data(cfg)
    clock = baseline.Clock(warm_up=3)
    trainer = build_trainer(
        cfg.trainer, devices=1, max_epochs=1, callbacks=[clock], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        limit_train_batches=batches + 3, limit_val_batches=0, use_distributed_sampler=False,
    )  # fmt: skip
    loader = data.train_dataloader()
    if fixed_batch:
        loader = _Repeated(next(iter(data.train_dataloader())), batches + 3)
    trainer.fit(SignClassifier(network, cfg), loader)
    return BATCH * batches / sum(clock.train[3:])


class _Repeated:
    """One batch, so many times; a list of batches would be several loaders to Lightning."""

    def __init__(self, batch: Any, times: int) -> None:
        self.batch, self.times = batch, times

    def __len__(self) -> int:
        return self.times

    def __iter__(self) -> Iterator[Any]:
        return iter([self.batch] * self.times)


def startup(bench: Bench) -> None:
    """Seconds to the help text, and from the command to the first training step on a warm cache."""
    shown = [bench.run("--help") for _ in range(3)]
    command = (*bench.settings, "freeze=all", f"cache.views={bench.views}", f"hydra.run.dir={bench.folder}/step{{}}")
    for folder in bench.folder.glob("step*"):
        shutil.rmtree(folder)
    bench.run(*(word.format("_fill") for word in command))
    firsts = []
    for number in range(3):
        bench.run(*(word.format(number) for word in command), script="experiments/speed/first_step.py")
        firsts.append(float(bench.said.rpartition("first step after ")[2].split()[0]))
    bench.note(
        **{
            "--help s (asked: 1)": [round(s, 2) for s in shown],
            "first step s (asked: 12)": [round(s, 1) for s in firsts],
        }
    )


def memory(bench: Bench) -> None:
    """Peak memory of a run on 100,000 generated images: filling, training from activations, scoring."""
    bench.note(**{"peak of 100,000 images, GB (asked: 2.5)": round(alone(many, str(bench.folder)), 2)})
    for left in (bench.folder / "many", bench.folder / "cache_many"):
        shutil.rmtree(left, ignore_errors=True)
    (bench.folder / "many.npy").unlink()


def many(folder: str) -> float:
    """Train on 100,000 generated images; the peak memory in GB of the process that calls this."""
    import numpy as np

    from src.data import datamodule
    from src.data.collect import Collection
    from src.data.manifest import Manifest
    from src.data.pixels import Pixels
    from src.learning.training import train
    from src.sources.records import ImageRecord
    from src.storage.mapped import RowWriter

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
            f"datamodule.cache_dir={folder}/cache_many",
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
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(arguments: list[str]) -> None:
    """Measure what is asked for and print every figure.

    Raises:
        UserError: an argument is not understood, or a run failed.
    """
    given = parse(Arguments, arguments)
    with contextlib.ExitStack() as stack:
        folder = (given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(
            given.weights.resolve(),
            folder,
            given.size,
            given.epochs,
            given.views,
            given.batches,
            given.depths,
            given.seeds,
            given.output,
            figures=json.loads(given.output.read_text()) if given.output and given.output.is_file() else {},
        )
        for part in given.parts:
            bench.begin(part)
            globals()[part](bench)


if __name__ == "__main__":
    run_door(main)
