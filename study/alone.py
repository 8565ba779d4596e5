"""Phases that need the machine for themselves wait for those of other runs, and keep others from beginning.

One file for each user in the folder of temporary files, locked by the operating system: shared by phases that bear
company, exclusively by one that does not. Whoever is killed lets go of it.
"""

import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from results.files import writing

POLL_S = 0.2


def lock_path() -> Path:
    """Name the file; all runs of a user on a machine lock the same one."""
    return Path(tempfile.gettempdir()) / f"study-{os.getuid()}.lock"


@contextmanager
def among_others(is_alone: bool, stop: Callable[[], None], say: Callable[[str], None]) -> Iterator[None]:
    """Be at work beside others, or alone.

    Who waits to be alone waits until nobody is at work: others may begin meanwhile, so that one measurement never
    keeps a machine idle while a long training ends.

    Args:
        stop: called again and again while waiting; what it raises ends the wait.
        say: told once, if there is a wait.

    Raises:
        UnwritableError: the file cannot be made.
    """
    path = lock_path()
    mode = fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if not _taken(descriptor, mode):
            others = "phases of other runs" if is_alone else "a measurement that runs alone"
            say(f"waits for {others} on this machine ({path})")
            while not _taken(descriptor, mode):
                stop()
                time.sleep(POLL_S)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int, mode: int) -> bool:
    """Try to take the lock; on a file system without locks everybody has it."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP):
            raise
    return True
