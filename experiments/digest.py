"""SHA-256 digests of files, remembered by path, size and time of change, so that 15,000 videos are read once."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FILE = "digests.json"
THREADS = 4


@dataclass(frozen=True)
class Digests:
    """Digests files, and remembers what it found in a folder, if it has one.

    Attributes:
        folder: holds the memory, `FILE`; several processes may share it.
    """

    folder: Path | None = None

    def of_files(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Digest the content of each file (64 hex digits); a file that is not there gets ``"missing"``.

        Content that was changed without changing size or time is not noticed.
        """
        marks = {path: _mark(path) for path in paths}
        known = {} if self.folder is None else _read(self.folder / FILE)
        due = [path for path, mark in marks.items() if mark is not None and mark not in known]
        with ThreadPoolExecutor(THREADS) as pool:
            fresh = {str(marks[path]): digest for path, digest in zip(due, pool.map(_digest, due), strict=True)}
        if fresh and self.folder is not None:
            _write(self.folder / FILE, fresh)
        known |= fresh
        return {path: "missing" if mark is None else known[mark] for path, mark in marks.items()}


def _mark(path: Path) -> str | None:
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(file: Path) -> dict[str, str]:
    """Read remembered digests; a file that cannot be understood is forgotten: it only saved time."""
    try:
        content = json.loads(file.read_text())
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
        return {}
    return {str(mark): str(digest) for mark, digest in content.items()} if isinstance(content, dict) else {}


def _write(file: Path, fresh: dict[str, str]) -> None:
    """Add digests to a file that other processes may be writing: the last one wins, what is lost is read again.

    The memory only saves time: where its folder is not there yet, or cannot be written, nothing is kept.
    """
    draft = file.with_name(f"{file.name}.{uuid.uuid4().hex}.tmp")
    try:
        draft.write_text(json.dumps(_read(file) | fresh))
        os.replace(draft, file)
    except OSError:
        with suppress(OSError):
            draft.unlink()
