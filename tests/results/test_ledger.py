"""The database says what the files say: no more, no less, however and whenever it was made."""

import errno
import fcntl
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from results import edition, ledger, query
from results.attempt import Store
from results.files import StoreError
from results.record import Record, RecordWriter
from study.key import key_of
from tests import made_store as made

TABLES = ("editions", "claims", "arms", "trials", "phases", "runs", "records", "predictions", "sources")
VIEWS = ("finals", "differences", "curves", "costs", "failures")


def dump(store: Store, tables: tuple[str, ...] = TABLES + VIEWS) -> dict[str, list[Any]]:
    with query.connect(store) as connection:
        return {name: connection.execute(f"from {name} order by all").fetchall() for name in tables}


def test_a_second_sync_does_nothing(made_store: Store) -> None:
    ledger.sync(made_store)
    before = made_store.database.stat()
    assert ledger.sync(made_store) == ledger.Synced()
    after = made_store.database.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_database_made_step_by_step_equals_one_made_anew(made_store: Store) -> None:
    store = made_store
    ledger.sync(store)
    failed, stopped, pruned = made.open_attempt(store, 1), made.open_attempt(store, 5), made.open_attempt(store, 20)
    with RecordWriter(stopped.records) as writer:
        writer.write([Record("loss", "train", 1, 0.5)])
    ledger.sync(store)
    failed.fail(RuntimeError("out of memory"))
    stopped.stop("preempted")
    pruned.prune(made.EDITION, "c0", step=1, reason="hopeless")
    made.write_plan(store, seeds=(0, 1, 9))
    ledger.sync(store)
    made.train(store, made.contents(5, 9)["joint"])
    made.train(store, made.contents(20, 9)["joint"])
    ledger.sync(store)
    edition.reveal(store, made.EDITION, "me", "study reveal")
    made.make_store(store.root, edition="other", levels=(1, 40), seeds=(0,))
    ledger.sync(store)
    shutil.rmtree(store.runs / key_of(made.contents(1, 1)["joint"]))
    ledger.sync(store)
    step_by_step = dump(store)
    store.database.unlink()
    ledger.sync(store)
    assert dump(store) == step_by_step
    assert {name: len(some) for name, some in step_by_step.items() if not some} == {}


def test_a_reader_keeps_what_it_opened_while_others_sync(made_store: Store) -> None:
    ledger.sync(made_store)
    with query.connect(made_store) as reader, made_store.database.open("rb") as file:
        content = file.read()
        before = reader.execute("select count(*) from runs").fetchall()
        made.train(made_store, made.contents(5, 9)["rgb"])
        ledger.sync(made_store)
        assert reader.execute("select count(*) from runs").fetchall() == before == [(8,)]
        file.seek(0)
        assert file.read() == content
        assert made.rows(made_store, "select count(*) from runs") == [(9,)]


def sync_often(root: Path, times: int) -> None:
    for _ in range(times):
        ledger.sync(Store(root))


def test_two_syncs_at_once_make_the_same_database(made_store: Store) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=sync_often, args=(made_store.root, 5)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for seed in range(20, 26):
        made.train(made_store, made.contents(5, seed)["rgb"])
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    ledger.sync(made_store)
    assert made.rows(made_store, "select count(*), count(distinct key) from runs") == [(14, 14)]
    together = dump(made_store)
    made_store.database.unlink()
    ledger.sync(made_store)
    assert dump(made_store) == together


def test_a_sync_that_waits_says_so(made_store: Store) -> None:
    said: list[str] = []
    with ledger._lock(made_store.root / "study.lock", said.append):
        waiting = threading.Thread(target=ledger.sync, args=(made_store, said.append))
        waiting.start()
        while not said:
            time.sleep(0.01)
    waiting.join()
    assert "another sync is at work; waiting for it" in said[0]
    assert made.rows(made_store, "select count(*) from runs") == [(8,)]


def damaged_in_the_middle(whole: bytes) -> bytes:
    return whole[:12_288] + bytes(len(whole) - 12_288)


@pytest.mark.parametrize("damage", [lambda _: b"", lambda _: b"no database" * 1000, damaged_in_the_middle])
@pytest.mark.parametrize("folder", ["store", "blocks"])
def test_a_damaged_database_is_made_anew(
    made_store: Store, tmp_path: Path, damage: Callable[[bytes], bytes], folder: str
) -> None:
    ledger.sync(made_store)
    made_store = Store(made_store.root.rename(tmp_path / folder))  # "lock" is what DuckDB says of locks
    made_store.database.write_bytes(damage(made_store.database.read_bytes()))
    cut_off, at_work = (made_store.root / f"study.duckdb.node{number}.1.tmp" for number in (1, 2))
    for path in (cut_off, at_work):
        path.write_bytes(b"of another node")
    os.utime(cut_off, (0, 0))
    assert ledger.sync(made_store).runs == 8
    left = sorted(path.name for path in made_store.root.glob("study.*"))
    assert left == ["study.duckdb", at_work.name, "study.lock"], "what a sync on another node writes stays"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_locks_serves(made_store: Store, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: object, mode: int) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert ledger.sync(made_store).runs == 8


def test_a_store_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no store yet.*Run one .*\$STUDY_HOME"):
        ledger.sync(Store(tmp_path / "store"))
    assert not (tmp_path / "store").exists()


def test_a_store_of_a_newer_version_is_refused(made_store: Store) -> None:
    (made_store.root / "VERSION").write_text("2")
    with pytest.raises(StoreError, match="newer version"):
        ledger.sync(made_store)


FULL = """
import sys
from pathlib import Path
from results import ledger
from results.attempt import Store
from results.files import StoreError
store = Store(Path(sys.argv[1]) / "store")
store.root.mkdir()
for name in ("VERSION", "runs", "editions"):
    (store.root / name).symlink_to(Path(SOURCE) / name)
try:
    ledger.sync(store)
except StoreError as error:
    print(str(error).replace("\\n", " "))
print(sorted(path.name for path in store.root.glob("study.*")))
"""


def test_a_full_disk_is_named_and_no_half_database_is_left(
    made_store: Store, run_on_small_disk: Callable[[str], str]
) -> None:
    message, names = run_on_small_disk(FULL.replace("SOURCE", repr(str(made_store.root)))).splitlines()
    assert "study.duckdb: cannot be brought up to date" in message
    assert "The database is as it was" in message
    assert "Free some space (`study clean --dry-run` lists what may go), then `study sync`" in message
    assert names == "['study.lock']"
