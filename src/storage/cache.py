"""The one cache: what is computed once, whoever asks first, and read by everyone who asks later.

An entry is a folder `<root>/<kind>/<digest>`; its digest is that of everything the content depends on, so an entry is
never stale and never has to be deleted by hand. Whoever computes one holds the lock of its kind, so of two processes
that want the same entry the second waits and finds it. An entry is built beside and renamed, so a process that dies
leaves nothing that is mistaken for one; what it did leave goes when the next one takes the lock, and its own lock is
free as soon as it is dead.
"""

import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from src.errors import UserError
from src.storage.files import unfinished

_LOCK = ".lock"
_BUILDING = ".building-"
_QUIET_SECONDS = 2.0
_ADVICE = "make room there, or choose another cache_dir"


def digest(key: Any) -> str:
    """32 hexadecimal digits that name a key of plain values (what JSON can hold)."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]


class Cache:
    """A folder of entries that are computed once.

    Args:
        root: made when the first entry is.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def entry(self, kind: str, key: Any) -> Path:
        """The folder where the entry of a key is, or would be.

        Args:
            kind: what sort of thing it is, such as "activations"; "pixels/asl_dataset" is one, too.
            key: all that decides the content, as plain values.
        """
        return self.root / kind / digest(key)

    def make(
        self,
        kind: str,
        key: Any,
        build: Callable[[Path], None],
        is_whole: Callable[[Path], bool],
        needed_bytes: int = 0,
    ) -> Path:
        """The entry of a key, built now unless it is there.

        Args:
            kind, key: see `entry`.
            build: fills the new folder that it is given.
            is_whole: whether a folder holds the entry undamaged; False where there is none.
            needed_bytes: what building takes on the disk; a full disk is noticed before the work and not after it.

        Raises:
            UserError: the folder cannot be written or has no room.
        """
        entry = self.entry(kind, key)
        if is_whole(entry):  # needs no lock, and no right to write
            self.touch(entry)
            return entry
        with self.lock(kind) as folder:
            if is_whole(entry):  # another process was building it
                return entry
            self.check_room(kind, needed_bytes)
            building = folder / f"{_BUILDING}{uuid.uuid4().hex}"
            try:
                building.mkdir()
                build(building)
                if entry.exists():  # damaged
                    entry.rename(folder / f"{_BUILDING}{uuid.uuid4().hex}")
                building.rename(entry)
            finally:
                _clear_leftovers(folder)
        return entry

    @contextmanager
    def lock(self, kind: str) -> Iterator[Path]:
        """The folder of a kind, which no other process changes meanwhile; a dead process holds no lock.

        Raises:
            UserError: the folder cannot be written; also for any such error inside the block.
        """
        folder = self.root / kind
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._held(kind):
                _clear_leftovers(folder)
                yield folder
        except OSError as error:
            raise UserError(
                f"The cache in {folder} cannot be written ({error.strerror or error}): {_ADVICE}."
            ) from error

    def _held(self, kind: str) -> AbstractContextManager[object]:
        lock = FileLock(self.root / kind / _LOCK)
        try:
            return lock.acquire(timeout=_QUIET_SECONDS)
        except Timeout:
            print(f"Another process is computing {kind} in {self.root}: waiting for it.", file=sys.stderr)
            return lock.acquire()

    def check_room(self, kind: str, needed_bytes: int, advice: str = _ADVICE) -> None:
        """A full disk would kill a process that writes to a memory map, so ask before.

        Raises:
            UserError: the disk has not so much room.
        """
        free_bytes = shutil.disk_usage(self.root / kind).free
        if needed_bytes > free_bytes:
            raise UserError(
                f"{needed_bytes / 1e9:.1f} GB of {kind} are needed in {self.root}, where {free_bytes / 1e9:.1f} GB are "
                f"free: {advice}."
            )

    def make_room(
        self, kind: str, needed_bytes: int, budget_bytes: float, keep: Collection[Path] = (), advice: str = _ADVICE
    ) -> None:
        """Delete entries of a kind, the one unused for longest first, until `needed_bytes` more fit in budget and disk.

        Called under the lock of the kind. A process that has mapped a deleted file keeps what it mapped.

        Args:
            keep: entries that are not deleted.
            advice: what to do where the room is not enough, the end of a sentence.

        Raises:
            UserError: the entries kept and what is needed exceed the budget, or the disk has no room.
        """
        folder = self.root / kind
        sizes = {entry: _size_bytes(entry) for entry in folder.iterdir() if entry.is_dir()}
        kept_bytes = sum(size for entry, size in sizes.items() if entry in keep)
        if kept_bytes + needed_bytes > budget_bytes:
            raise UserError(
                f"{(kept_bytes + needed_bytes) / 1e9:.1f} GB of {kind} are needed in {self.root}, more than the budget "
                f"of {budget_bytes / 1e9:g} GB: {advice}."
            )
        total_bytes = sum(sizes.values())
        for entry in sorted((entry for entry in sizes if entry not in keep), key=lambda entry: entry.stat().st_mtime):
            if total_bytes + needed_bytes <= budget_bytes and needed_bytes <= shutil.disk_usage(folder).free:
                break
            shutil.rmtree(entry, ignore_errors=True)
            total_bytes -= sizes[entry]
        self.check_room(kind, needed_bytes, advice)

    def touch(self, entry: Path) -> None:
        """Remember that an entry was used now: what was unused for longest makes room first."""
        try:
            os.utime(entry)
        except OSError:  # somebody else's cache, to be read only
            return


def _clear_leftovers(folder: Path) -> None:
    """Under the lock nobody is building or writing, so what looks like it was left by a process that died."""
    for left in folder.glob(f"{_BUILDING}*"):
        shutil.rmtree(left, ignore_errors=True)
    for entry in folder.iterdir():
        for left in unfinished(entry):
            left.unlink(missing_ok=True)


def _size_bytes(folder: Path) -> int:
    return sum(512 * file.stat().st_blocks for file in folder.iterdir())  # sparse files are smaller than they look
