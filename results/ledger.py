"""The ledger: the store's files are the truth, `study.duckdb` is what people query.

`sync` brings a copy of the database up to date and renames it over the old one, so that whoever reads the old one
keeps it. DuckDB lets nobody read a file that one process writes: no file that people open is ever written to.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from results import attempt, edition, finals, ingest, plan, record, run, sql, state
from results.attempt import Store
from results.clean import is_abandoned
from results.files import WITHOUT_LOCKS, StoreError, rename, sync_file, temporary_beside, writing
from results.query import DatabaseUnreadable, connect

SCHEMA = Path(__file__).with_name("schema.sql")
_CODE, _RUNS, _EDITIONS = "code", "runs/", "editions/"


@dataclass(frozen=True)
class Synced:
    """What `sync` took in.

    Attributes:
        runs: keys that were read anew.
        editions: editions that were read anew.
        opened: runs whose test splits were opened.
        problems: what could not be taken in, one message each; `study verify` says more.
    """

    runs: int = 0
    editions: int = 0
    opened: int = 0
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        taken = f"read {self.runs} runs and {self.editions} editions anew, opened the test splits of {self.opened} runs"
        return "\n".join([taken if self.runs or self.editions else "nothing is new", *self.problems])


@dataclass(frozen=True)
class _News:
    """The differences between the files and the database.

    Attributes:
        digests: of what is new or changed, by path from the store's folder.
        editions: the rows of the changed editions, by path.
        gone: paths that the database knows and the store no longer holds.
        from_scratch: there is no database, or other code made it.
        problems: editions that cannot be read.
    """

    digests: dict[str, str]
    editions: dict[str, edition.Tables]
    gone: tuple[str, ...]
    from_scratch: bool
    problems: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.digests or self.gone or self.from_scratch)

    @property
    def keys(self) -> list[str]:
        """The keys whose runs are to be read."""
        return [path.removeprefix(_RUNS) for path in self.digests if path.startswith(_RUNS)]


def sync(store: Store, say: Callable[[str], None] = lambda text: None) -> Synced:
    """Take what is new in the store's files into the database; if nothing is, touch nothing.

    Args:
        say: told when another one is at work and this one waits.

    Raises:
        StoreError: there is no store, it is newer than this code, or it cannot be written.
    """
    store.check_version()
    if not store.root.is_dir():
        raise StoreError(
            f"{store.root}: there is no store yet: no study was run here. "
            "Run one (`study run token_count_sweep`), or point $STUDY_HOME at the folder that holds one."
        )
    news = _news(store)
    if not news:
        return Synced(problems=news.problems + _damage(store))
    with _lock(store.root / "study.lock", say):
        news = _news(store)  # whoever held the lock may have done the work
        runs, opened = _take_in(store, news) if news else (0, 0)
    return Synced(runs, len(news.editions), opened, news.problems + _damage(store))


def _news(store: Store) -> _News:
    """Compare the files with the database; nothing is written."""
    known = _known(store)
    editions: dict[str, edition.Tables] = {}
    digests, problems = {}, []
    for name in edition.names(store):
        folder, path = store.editions / name, f"{_EDITIONS}{name}"
        digests[path] = edition.digest(folder)
        if digests[path] != known.get(path):
            try:
                editions[path] = edition.read_edition(folder)
            except StoreError as error:
                digests[path] = known.get(path, "")  # what was taken in while it was whole stays
                problems.append(str(error))
    for key in _folders(store.runs):
        path = f"{_RUNS}{key}"
        damaged = known.get(path, "").startswith(run.DAMAGED)
        digests[path] = run.damage_digest(store.runs / key) if damaged else run.digest(store.runs / key)
    return _News(
        digests={path: digest for path, digest in digests.items() if digest and digest != known.get(path)},
        editions=editions,
        gone=tuple(path for path in known if path != _CODE and path not in digests),
        from_scratch=known.get(_CODE) != _code_digest(),
        problems=tuple(problems),
    )


def _known(store: Store) -> dict[str, str]:
    """Read what the database was made from; nothing if it has to be made anew."""
    try:
        with connect(store) as connection:
            known = dict(connection.execute("select path, digest from sources").fetchall())
    except (DatabaseUnreadable, duckdb.Error):  # damage in the middle of a file shows when it is read
        return {}
    return known if known.get(_CODE) == _code_digest() else {}


def _take_in(store: Store, news: _News) -> tuple[int, int]:
    """Make the new database beside the old one and put it in its place; count the runs read and opened."""
    _remove(path for path in store.root.glob(f"{store.database.name}.*.tmp*") if is_abandoned(path))
    copy = temporary_beside(store.database)
    try:
        with writing(store.database):
            if not news.from_scratch:
                shutil.copyfile(store.database, copy)
            counts = _apply(store, news, copy)
            sync_file(copy)
            rename(copy, store.database)
    finally:
        _remove(store.root.glob(f"{copy.name}*"))
    return counts


def _apply(store: Store, news: _News, copy: Path) -> tuple[int, int]:
    try:
        with duckdb.connect(copy) as connection:
            if news.from_scratch:
                connection.execute(SCHEMA.read_text(encoding="utf-8"))
            _forget(connection, news)
            ingest.load_editions(connection, news.editions.values())
            broken = ingest.load_runs(connection, [run.read_run(store, key) for key in news.keys])
            opened, unopened = ingest.open_sealed(connection, store)
            repaired = {f"{_RUNS}{key}": run.damage_digest(store.runs / key) for key in broken | unopened}
            sources = {_CODE: _code_digest()} | news.digests | repaired
            ingest.forget(connection, ["sources"], "path", sources)
            ingest.insert(connection, "sources", [{"path": path, "digest": sources[path]} for path in sources])
            finals.make_view(connection)
            connection.execute("checkpoint")
    except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
        raise StoreError(
            f"{store.database}: cannot be brought up to date: {error} The database is as it was, and no file of the "
            "store was touched. Free some space (`study clean --dry-run` lists what may go), then `study sync`."
        ) from error
    return len(news.keys), opened


def _forget(connection: duckdb.DuckDBPyConnection, news: _News) -> None:
    paths = [*news.digests, *news.gone]
    keys = [path.removeprefix(_RUNS) for path in paths if path.startswith(_RUNS)]
    editions = [path.removeprefix(_EDITIONS) for path in paths if path.startswith(_EDITIONS)]
    ingest.forget(connection, ("runs", "records", "predictions"), "key", keys)
    ingest.forget(connection, edition.TABLES, "edition", editions)
    ingest.forget(connection, ["sources"], "path", news.gone)


def _damage(store: Store) -> tuple[str, ...]:
    with connect(store) as connection:
        rows = connection.execute("select error from runs where state = 'damaged' order by key").fetchall()
    return tuple(text for (text,) in rows)


def _remove(paths: Iterable[Path]) -> None:
    # What cannot be removed is in nobody's way, and `study clean` lists it; an error that led here matters more.
    for path in paths:
        with suppress(OSError):
            path.unlink()


@contextmanager
def _lock(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time do the work.

    Only work is saved by it: on a file system without locks, two syncs make the same database from the same files.
    """
    with writing(path), path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{path}: another sync is at work; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except FileNotFoundError:
        return []


@cache
def _code_digest() -> str:
    """Hash the code that decides what the tables hold: a database that other code made is made anew."""
    modules = (attempt, edition, finals, ingest, plan, record, run, sql, state)
    paths = [SCHEMA, *(Path(str(module.__file__)) for module in modules)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
