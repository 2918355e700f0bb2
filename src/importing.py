"""Large libraries imported quickly."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imports() -> Iterator[None]:
    """Import inside this block what makes objects by the hundred thousand and keeps them, as torch does.

    Python's collector would look at all of them again and again while they pile up, a fifth of the time; and once more
    whenever it looks for garbage later. What is there when the block ends is left alone from then on.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # a later job of a sweep must not keep what an earlier one left
            gc.freeze()
        if was_on:
            gc.enable()
