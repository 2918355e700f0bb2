"""The loops over pixels and joints, compiled by numba on first use and kept on disk.

Only rendering imports this: numba takes half a second, and no door's `--help` should wait for it. Pure float operations
in a fixed order, without fastmath and without threads, so a picture does not depend on the width of a processor's
registers; exponentials are polynomials of our own for the same reason.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])
_CONFIG: Any = numba.config
# One float32 or float64: what numba's functions take and give, for which numpy's own types are too narrow.
Number = Any


@cache
def _places() -> list[str]:
    """Folders for compiled code, best first. They carry a hash of this folder's sources.

    numba looks for changes in the file of a function only, not in those of the functions that it calls.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(here.glob("*.py")))).hexdigest()[:12]
    return [str(parent / digest) for parent in (here / "__pycache__", Path("~/.cache/fingerspell/numba").expanduser())]


def _tries() -> Iterator[tuple[str, bool]]:
    own: str = _CONFIG.CACHE_DIR
    if own:
        yield own, True
    for place in _places():
        yield place, True
    yield own, False


def compiled(function: F) -> F:
    """The function as machine code. Where no folder can be written to, it is compiled in every process anew."""
    own = _CONFIG.CACHE_DIR
    for place, kept in _tries():
        _CONFIG.CACHE_DIR = place
        try:
            machine: F = numba.njit(function, cache=kept, fastmath=False, error_model="numpy")
            return machine
        except (RuntimeError, OSError):
            continue  # nothing can be written there
        finally:
            _CONFIG.CACHE_DIR = own
    raise AssertionError("njit without a cache always returns")
