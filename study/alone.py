"""Phases that need the machine for themselves wait for those of other runs, and keep others from beginning.

One file for each user in the machine's folder of temporary files, locked by the operating system: shared by phases
that bear company, exclusively by one that does not. Whoever is killed lets go of it. What is no phase (a page, another
program) is not kept from running: the machine's load stands beside the numbers.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from results.files import WITHOUT_LOCKS, writing

ALONE_KINDS = frozenset({"profile"})
"""Kinds of phases that need the machine for themselves."""
POLL_S = 0.2
SHARED = next(path for path in (Path("/tmp"), Path(tempfile.gettempdir())) if path.is_dir())


def lock_path() -> Path:
    """Name the file; all runs of a user on a machine lock the same one, whatever their TMPDIR is."""
    return SHARED / f"study-{os.getuid()}.lock"


@contextmanager
def beside_others(
    stop: Callable[[], None], say: Callable[[str], None], anywhere: Callable[[bool], bool] = bool
) -> Iterator[None]:
    """Be at work beside others, and not beside one who is alone.

    Args:
        stop: called again and again while waiting; what it raises ends the wait.
        say: told once, if there is a wait.
        anywhere: tells whether something is so in any of the processes, on whatever machine, that begin together.

    Raises:
        UnwritableError: the file cannot be made.
    """
    with _locked(fcntl.LOCK_SH, "a measurement that runs alone", stop, say, anywhere):
        yield


@contextmanager
def by_itself(
    stop: Callable[[], None], say: Callable[[str], None], anywhere: Callable[[bool], bool] = bool
) -> Iterator[None]:
    """Be at work alone, once nobody else is: others may begin meanwhile, so that one measurement never keeps a machine
    idle while a long training ends.

    Args:
        stop, say, anywhere: as in `beside_others`.

    Raises:
        UnwritableError: the file cannot be made.
    """
    with _locked(fcntl.LOCK_EX, "phases of other runs", stop, say, anywhere):
        yield


@contextmanager
def _locked(
    mode: int, others: str, stop: Callable[[], None], say: Callable[[str], None], anywhere: Callable[[bool], bool]
) -> Iterator[None]:
    path = lock_path()
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if anywhere(not _taken(descriptor, mode)):
            say(f"waits for {others} on this machine ({path})")
            while anywhere(not _taken(descriptor, mode)):
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
        if error.errno not in WITHOUT_LOCKS:
            raise
    return True
