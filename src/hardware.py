"""What this machine can do, asked and never assumed: processor, number format, processes, threads."""

import ctypes
import os
import platform
import sys
from pathlib import Path

import torch

_BF16_CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def cores() -> int:
    """Processor cores that this process may use: those it is bound to, or its part of them as launchers say it."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = os.environ.get("OMP_NUM_THREADS", "")  # joblib deals out the cores to its jobs by it
    return min(there, int(told)) if told.isdigit() and int(told) else there


def keep_freed_memory() -> None:
    """Let this process keep memory that was freed, where the C library is GNU's.

    By default each large tensor is given back to the system and asked for again, page by page: a third of the time
    of a forward pass of MobileNetV2 at 224 px. Kept, it serves the next tensor of that size, and the peak is the same.
    """
    if sys.platform != "linux" or not hasattr(library := ctypes.CDLL(None), "mallopt"):
        return
    trim_threshold, mmap_threshold, most = -1, -3, 2**30  # the names and numbers of malloc.h
    library.mallopt(mmap_threshold, most)
    library.mallopt(trim_threshold, most)


def _cpu_flags() -> set[str]:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return set()
    for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()


def on_gpu(accelerator: str) -> bool:
    """Whether `trainer.accelerator` means a CUDA device here."""
    return accelerator in ("gpu", "auto") and torch.cuda.is_available()


def best_precision(accelerator: str) -> str:
    """`bf16-mixed` where the processor multiplies bfloat16 in hardware, else `32-true`."""
    if on_gpu(accelerator):
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    return "bf16-mixed" if _cpu_flags() & _BF16_CPU_FLAGS else "32-true"


def loader_workers(accelerator: str, is_training: bool = True) -> int:
    """Loader processes: beside a GPU most cores augment.

    Where a network trains on the CPU there is none: augmenting takes a few hundredths of a step, and a process beside
    it interrupts the network's threads, all of which then wait (`experiments/speed`). A pass without training leaves
    it room.
    """
    if on_gpu(accelerator):
        return max(1, min(16, cores() - 1))
    return 0 if is_training or cores() == 1 else 1


def machine() -> str:
    """A few words on the hardware, for a run's record."""
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, {cores()} CPU cores"
    names = [
        line.partition(":")[2].strip()
        for line in (Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else [])
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {cores()} CPU cores"
