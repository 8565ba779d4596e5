"""Large files that several processes may want to build: one does, and nobody ever sees half of one."""

import fcntl
import glob
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from experiments.clip import DataError


@contextmanager
def sole_builder(file: Path) -> Iterator[bool]:
    """Wait for whoever is building `file`, then say whether it is still due.

    The kernel frees the lock of a process that dies. Where a file system has no locks, two processes build the same
    file twice: each under a name of its own, and the later one's takes the place of an equal one.
    """
    if file.exists():
        yield False
        return
    lock = file.with_suffix(".lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as opened:
            with suppress(OSError):
                fcntl.flock(opened, fcntl.LOCK_EX)
            yield not file.exists()
    except OSError as error:
        named = Path(error.filename) if error.filename else file
        if file.parent not in (named, *named.parents) and named not in file.parents:
            raise  # what is read, not what is written
        raise DataError(
            f"{error.filename or file.parent}: decoded clips cannot be written ({error.strerror}). They are kept in "
            f"{file.parent}. Make room or give write access there, set STUDY_HOME to another folder, or decode while "
            f"training (data.cache: none)."
        ) from error
    finally:
        # Whoever waits for the removed lock will see for itself whether the file is there.
        with suppress(OSError):
            lock.unlink()


@contextmanager
def draft(file: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Open a file of a unique name beside `file`, locked as long as its owner lives, and gone afterwards."""
    stem = f"{file.name}.{socket.gethostname()}."
    for left in file.parent.glob(f"{glob.escape(stem)}*.part"):
        _remove_if_orphaned(left)
    part = file.with_name(f"{stem}{uuid.uuid4().hex}.part")
    try:
        with part.open("w+b") as opened:
            with suppress(OSError):
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield part, opened
    finally:
        part.unlink(missing_ok=True)


def _remove_if_orphaned(part: Path) -> None:
    with suppress(OSError), part.open("r+b") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink()
