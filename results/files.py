"""Writes that survive a kill, a full disk and a network file system, and errors that say what to do about them.

Only `mkdir`, `link` and `rename` are relied on: they are atomic on local disks and on NFS, where locks are not.
"""

import errno
import hashlib
import json
import math
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from models.errors import UserError

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space (`study clean --dry-run` lists what may go)"),
    errno.EDQUOT: ("your disk quota is used up", "Free some space (`study clean --dry-run` lists what may go)"),
    errno.EFBIG: ("the file would exceed the size limit of this process", "Raise the limit (`ulimit -f unlimited`)"),
    errno.EROFS: ("the file system is read-only", "Point $STUDY_HOME at a folder you may write to"),
    errno.EACCES: ("this user may not write there", "Point $STUDY_HOME at a folder you may write to"),
    errno.EPERM: ("the file system forbids it", "Point $STUDY_HOME at a folder that has hard links and is writable"),
    errno.ENOENT: ("there is no such folder", "Make it, or look whether somebody removed it (`study verify`)"),
}

WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
"""What file systems say that have no locks."""


class StoreError(UserError):
    """The store cannot be read or written; the message says what, where, what there is and what to do."""

    exit_code = 1


class UnwritableError(StoreError):
    """The operating system refuses to write: what else is to be written there will fail too."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into an `UnwritableError`."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        why, what_to_do = _REASONS.get(number, (error.strerror or str(error), "Look at the disk"))
        raise UnwritableError(
            f"{path}: cannot write: {why} ({errno.errorcode.get(number, 'no number')}). "
            f"What was published before is intact. {what_to_do}, then run again: it goes on from there."
        ) from error


def read_json(path: Path) -> Any:
    """Read one JSON file.

    Raises:
        FileNotFoundError: there is none.
        StoreError: it does not hold JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise StoreError(
            f"{path}: is not JSON ({error}). The file holds {path.stat().st_size} bytes. "
            "Restore it from a backup, or remove the folder of its run or edition and run the study again."
        ) from error


def temporary_beside(path: Path) -> Path:
    """Name a file beside `path` that nobody else writes to, on whatever machine; `study clean` knows its ending."""
    return path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")


def replace_json(path: Path, content: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, whole, whatever happens meanwhile."""
    put_json(path, content)
    with writing(path):
        sync_folder(path.parent)


def put_json(path: Path, content: Any) -> None:
    """Do the same but for a power cut, after which the file may be the old one until its folder was synced.

    For files of which several are written before anybody relies on them: one sync of the folder serves them all.
    """
    temporary = temporary_beside(path)
    with writing(path):
        try:
            _write_through(temporary, content)
            rename(temporary, path)
        except OSError:
            _forget(temporary)
            raise


def rename(source: Path, target: Path) -> None:
    """Give `source`, which nobody else knows, the name `target`, whatever had that name.

    Raises:
        OSError: the file system refuses.
    """
    own = source.stat().st_ino
    try:
        source.replace(target)
    except FileNotFoundError:
        # NFS may repeat a rename whose first reply was lost; if the target is our file, it was that.
        if target.stat().st_ino != own:
            raise


def link_json(path: Path, content: Any, temporary: Path | None = None) -> bool:
    """Write JSON once and for ever: False, and nothing changed, if `path` is there already.

    The content is on the disk before `path` appears.

    Args:
        temporary: where it is written first, on the same file system and by nobody else; beside `path` by default.
    """
    temporary = temporary or temporary_beside(path)
    with writing(path):
        try:
            _write_through(temporary, content)
            os.link(temporary, path)
        except FileExistsError:
            # NFS may repeat a link whose first reply was lost; two names of our file mean that we made it.
            return temporary.stat().st_nlink > 1
        finally:
            _forget(temporary)
        sync_folder(path.parent)
    return True


def jsonable(value: Any) -> Any:
    """Give `value` with null where JSON has no form for a number (NaN, infinities), and lists in place of tuples."""
    if isinstance(value, Mapping):
        return {str(name): jsonable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def canonical(content: Any) -> str:
    """Write `content` as JSON in the one form that is hashed: sorted, without spaces, without NaN.

    Raises:
        ValueError: a number in it is none.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(path: Path) -> str:
    """Hash the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_file(path: Path) -> None:
    """Return when the file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_files(folder: Path, paths: Iterable[Path]) -> None:
    """Return when the bytes of `paths`, which lie in `folder`, and all names in it are on the disk."""
    for path in paths:
        sync_file(path)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Return when the names in `folder` are on the disk."""
    sync_file(folder)


def _write_through(path: Path, content: Any) -> None:
    # File names and tracebacks may hold bytes that are no text: they must not keep a failure from being recorded.
    with path.open("w", encoding="utf-8", errors="replace") as file:
        file.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _forget(temporary: Path) -> None:
    # A name that cannot be removed is listed by `study clean`; the error that led here matters more.
    with suppress(OSError):
        temporary.unlink()
