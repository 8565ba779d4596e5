"""What in the store may go: states of finished trainings, attempts that were superseded, writes that were cut off.

Never anything of a published result, and never a failure's traceback or log.
"""

import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from results.attempt import Attempt, Store
from results.files import StoreError, writing

ABANDONED_S = 3600.0
"""A temporary file that was not written to for so long has lost its writer, if nobody knows who that is."""
CUT_OFF = "write that was cut off"


@dataclass(frozen=True)
class Item:
    """Something that may go.

    Attributes:
        path: a file, or a folder with all that is in it.
        reason: why, as a phrase.
    """

    path: Path
    size_bytes: int
    reason: str


def leftovers(
    store: Store, caches_in_use: Collection[str] | None = None, others: Mapping[Path, str] | None = None
) -> list[Item]:
    """List what may go.

    Args:
        caches_in_use: names of the files in the cache that an edition needs; None leaves whole caches alone.
        others: what else may go, and why.
    """
    store.check_version()
    paths = dict(_paths(store, caches_in_use)) | dict(others or {})
    return [
        Item(path, _size_bytes(path), reason)
        for path, reason in paths.items()
        if not any(folder in paths for folder in path.parents)
    ]


def clean(
    store: Store,
    *,
    dry_run: bool,
    caches_in_use: Collection[str] | None = None,
    others: Mapping[Path, str] | None = None,
) -> list[Item]:
    """Remove what `leftovers` lists, unless it is a dry run; return the list.

    Raises:
        StoreError: the store cannot be written.
    """
    items = leftovers(store, caches_in_use, others)
    for item in [] if dry_run else items:
        with writing(item.path):
            if item.path.is_dir():
                shutil.rmtree(item.path)
            else:
                item.path.unlink(missing_ok=True)
    return items


def _paths(store: Store, caches_in_use: Collection[str] | None) -> Iterator[tuple[Path, str]]:
    for folder in sorted(path for path in store.runs.glob("*") if path.is_dir()):
        yield from _of_run(store, folder.name)
    for path in [*store.root.glob("*.tmp*"), *store.runs.rglob("*.tmp"), *store.editions.rglob("*.tmp")]:
        if is_abandoned(path):
            yield path, CUT_OFF
    for path in sorted(store.cache.iterdir()) if store.cache.is_dir() else []:
        if not is_abandoned(path):  # a run that starts decodes its clips before its plan names them
            continue
        if path.suffix == ".part":
            yield path, "decoding that was cut off"
        elif caches_in_use is not None and path.suffix == ".npy" and path.name not in caches_in_use:
            yield path, "decoded clips that no edition uses"


def _of_run(store: Store, key: str) -> Iterator[tuple[Path, str]]:
    try:
        result = store.result(key)
    except StoreError:  # a damaged done.json: nothing of this run is touched, and `study verify` names it
        return
    attempts = [one for one in store.attempts(key) if not store.is_live(one)]
    if result is None:
        yield from _of_open(attempts)
    elif result.folder.is_dir():  # otherwise another attempt may be the published one: `study verify` names it
        yield from _of_done(attempts, result)
    for attempt in attempts:
        yield from ((path, CUT_OFF) for path in sorted(attempt.folder.glob("*.tmp")))


def _of_done(attempts: list[Attempt], result: Attempt) -> Iterator[tuple[Path, str]]:
    for attempt in attempts:
        kept = attempt == result or any((attempt.folder / f"{end}.json").exists() for end in ("failed", "pruned"))
        if not kept:
            yield attempt.folder, "attempt that another one finished"
        elif attempt.resume.exists():
            yield attempt.resume, "training state of a finished run"
        if attempt != result and kept:
            yield from ((path, "weights or predictions of a failed attempt") for path in _large(attempt))


def _of_open(attempts: list[Attempt]) -> Iterator[tuple[Path, str]]:
    """Only the newest training state is ever gone on from."""
    states = [attempt.resume for attempt in attempts if attempt.resume.exists()]
    yield from ((path, "training state that a newer one replaces") for path in states[:-1])


def _large(attempt: Attempt) -> list[Path]:
    return [path for path in (attempt.checkpoint, attempt.predictions) if path.exists()]


def is_abandoned(path: Path) -> bool:
    """Tell whether nobody has written to `path` for long."""
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_S
    except FileNotFoundError:  # its writer has just finished
        return False


def _size_bytes(path: Path) -> int:
    paths = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in paths if one.is_file())
