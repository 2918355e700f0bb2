"""What a person sees before training begins: which images are trained on, and which stages learn."""

from collections import Counter
from pathlib import Path

import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.markup import escape

from src.data.balance import drawn_words
from src.data.datamodule import images_of
from src.data.manifest import Manifest
from src.data.split import PARTS, Split
from src.errors import UserError
from src.learning.classifier import TrainedModule, trained_module
from src.runs.tables import StageRow, write_split
from src.terminal import table


def stage_rows(module: TrainedModule, epochs: int) -> list[StageRow]:
    """The stages of a network in training, input to head."""
    network, rates = module.network, module.settings.optimizer.learning_rates(module.network.stage_names)
    rows = []
    for stage in network.stage_names:
        trained = [epoch for epoch in range(epochs) if stage in module.freeze_schedule.trained(epoch)]
        norms = sum(
            isinstance(inner, torch.nn.modules.batchnorm._BatchNorm)
            for owned in network.modules_of(stage)
            for inner in owned.modules()
        )
        count = sum(parameter.numel() for parameter in network.parameters_of(stage))
        first = trained[0] + 1 if trained else None
        rows.append(StageRow(stage, count, first, norms, rates[stage] if trained else 0.0))
    return rows


class Overview(pl.Callback):
    """Prints the images and the stages of a run, and writes `split.csv`: which image is in which part."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Before anything is computed.

        Raises:
            UserError: the split leaves nothing to train on.
        """
        data = images_of(trainer)
        if stage != "fit":
            return
        if not len(data.split.train):
            raise UserError(f"split={data.split.name} leaves nothing to train on: it is for python -m src.evaluate.")
        if trainer.is_global_zero:
            parts = ((data.manifest[i].name, part) for part in PARTS for i in data.split.part(part))
            write_split(Path(trainer.default_root_dir), parts)
            print_images(data.manifest, data.split, sum(not finding.kept for finding in data.findings))
            if data.settings.balance != "none":
                words = drawn_words(data.manifest, data.split.train, data.shares)
                print(f"  An epoch draws {len(data.train_sampler())} images: {words}.")
            print_stages(stage_rows(trained_module(pl_module), trainer.max_epochs or 1))


def print_images(manifest: Manifest, split: Split, left_out: int, console: Console | None = None) -> None:
    """The split: images and signers of each part, and what a reader must know."""
    console = console or Console()
    shown = table(f"Images, split={split.name}")
    for column in ("part", "images", "signs", "sources", "signers"):
        shown.add_column(column, justify="right" if column in ("images", "signs") else "left", overflow="fold")
    signers, sources, labels = manifest.signers, manifest.sources, manifest.labels
    for part in PARTS:
        indices = split.part(part)
        count = Counter(sources[indices])
        known = sorted({s.partition(":")[2] for s in signers[indices] if s})
        unknown = bool((signers[indices] == "").any())
        names = ", ".join(known[:6]) + (f" and {len(known) - 6} more" if len(known) > 6 else "")
        who = " + ".join(filter(None, [names, "unknown" if unknown else ""]))
        where = ", ".join(f"{source} {n}" for source, n in sorted(count.items()))
        shown.add_row(part, str(len(indices)), str(len(set(labels[indices]))), where, who)
    console.print(shown)
    if split.protocol.keeps_duplicates_apart:  # else its notes say so
        console.print(
            f"  {split.leaked_share:.1%} of the test images have a near-duplicate in training.", highlight=False
        )
    for note in split.notes:
        console.print(f"  [yellow]note[/] {escape(note)}", highlight=False)
    if left_out:
        console.print(f"  [yellow]note[/] {left_out} files were left out; python -m src.prepare says which and why.")


def print_stages(rows: list[StageRow], console: Console | None = None) -> None:
    """The stages, input to head, with what is trained and how fast."""
    console = console or Console()
    shown = table("Stages, input to head")
    shown.add_column("stage")
    shown.add_column("parameters", justify="right")
    shown.add_column("trained")
    shown.add_column("batch norm")
    shown.add_column("learning rate", justify="right")
    for row in rows:
        learns = row.trained_from_epoch is not None
        when = "yes" if row.trained_from_epoch == 1 else f"from epoch {row.trained_from_epoch}"
        norm = f"{row.batch_norms} layers, {'learns' if learns else 'still'}" if row.batch_norms else "–"
        shown.add_row(
            row.stage,
            f"{row.parameters:,}",
            when if learns else "frozen",
            norm,
            f"{row.learning_rate:.2g}" if learns else "–",
            style=None if learns else "dim",
        )
    total = sum(row.parameters for row in rows)
    learning = sum(row.parameters for row in rows if row.trained_from_epoch is not None)
    console.print(shown)
    console.print(f"  {learning:,} of {total:,} parameters are trained.", highlight=False)
