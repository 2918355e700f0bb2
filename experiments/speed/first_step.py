"""Seconds from a process's start to its first training step: `python experiments/speed/first_step.py <overrides>`."""

import time

_STARTED = time.perf_counter()

import os  # noqa: E402
import runpy  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402


def _stop(*_: object) -> None:
    print(f"first step after {time.perf_counter() - _STARTED:.2f} s", flush=True)
    os._exit(0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from torch.optim.optimizer import register_optimizer_step_post_hook

    register_optimizer_step_post_hook(_stop)
    sys.argv[0] = "src.train"
    runpy.run_module("src.train", run_name="__main__")
