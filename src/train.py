"""Train a network and measure it: `python -m src.train model=mobilenetv2 freeze=top_k`.

`-m` sweeps (`python -m src.train -m freeze.k=0,1,2 seed=1,2,3`), `resume=<run folder>` goes on with an interrupted run,
`--help` and `--cfg job` show the settings.
"""

from pathlib import Path

from omegaconf import DictConfig

from src.importing import imports
from src.settings.composition import command_line, resumed_run, swept_freezes


def _train(cfg: DictConfig, run_dir: Path) -> None:
    with imports():
        from src.learning.training import train

    train(cfg, run_dir, resume=resumed_run() is not None, swept=swept_freezes())


def _after_sweep(folder: Path) -> None:
    from src.reports.sweep import report

    report([folder])


if __name__ == "__main__":
    command_line(_train, _after_sweep)
