"""How a process sets itself up: imports, and the memory that it keeps."""

import gc
import subprocess
import sys

import pytest

from src.importing import imports


def test_garbage_is_collected_again_after_imports_and_only_the_first_are_set_aside() -> None:
    gc.unfreeze()
    with imports():
        assert not gc.isenabled()
    assert gc.isenabled()
    set_aside = gc.get_freeze_count()
    assert set_aside > 0
    left = [object() for _ in range(3)] + [[]]
    with pytest.raises(ImportError), imports():
        raise ImportError
    assert gc.isenabled()
    assert gc.get_freeze_count() <= set_aside  # what a sweep's earlier jobs left can still be collected
    assert left
    gc.unfreeze()


@pytest.mark.skipif(sys.platform != "linux", reason="the setting is one of GNU's C library")
def test_large_tensors_come_to_share_the_memory_of_those_before_them() -> None:
    code = """
import resource, torch
from src import hardware
hardware.keep_freed_memory()
def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(*(pages() for _ in range(20)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, *_, before_last, last = map(int, done.stdout.split())
    assert first > 10_000
    assert max(before_last, last) < 100
