"""The loops over pixels and joints, compiled by numba on first use and kept on disk.

Only rendering imports this: numba takes half a second, and no door's `--help` should wait for it. Pure float operations
in a fixed order, without fastmath and without threads, so a picture does not depend on the width of a processor's
registers; exponentials are polynomials of our own for the same reason.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])
_CONFIG: Any = numba.config
# One float32 or float64: what numba's functions take and give, for which numpy's own types are too narrow.
Number = Any


@cache
def _kept() -> str | None:
    """The folder for compiled code, the first that can be written to; None where there is none.

    It carries a hash of this folder's sources: numba looks for changes in the file of a function only, not in those of
    the functions that it calls.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(here.glob("*.py")))).hexdigest()[:12]
    own = [_CONFIG.CACHE_DIR] if _CONFIG.CACHE_DIR else []
    for parent in (*own, here / "__pycache__", Path("~/.cache/fingerspell/numba").expanduser()):
        place = Path(parent) / digest
        try:
            place.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=place):
                return str(place)
        except OSError:
            continue
    return None


def compiled(function: F) -> F:
    """The function as machine code. Where no folder can be written to, it is compiled in every process anew."""
    own, place = _CONFIG.CACHE_DIR, _kept()
    _CONFIG.CACHE_DIR = place or own
    try:
        machine: F = numba.njit(function, cache=place is not None, fastmath=False, error_model="numpy")
        return machine
    finally:
        _CONFIG.CACHE_DIR = own
