"""Cleaning frees what nobody will read again, and never a result or the trace of a failure."""

import json
import os
import time
from pathlib import Path

import pytest

from results import ledger, query
from results.attempt import Attempt, Store
from results.clean import clean, leftovers
from results.files import replace_json
from results.owner import Owner
from results.verify import verify
from study.key import key_of
from tests import made_store as made

CONTENT = made.contents(5, 9)["joint"]
DEAD = Owner("here", 1, 0.0, machine=Owner.current().machine)


def dead_attempt(store: Store) -> Attempt:
    attempt = made.claim(store, CONTENT, DEAD)
    assert attempt is not None
    made.measure(attempt, CONTENT)
    return attempt


def abandon(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(100))
    os.utime(path, (time.time() - 7200,) * 2)
    return path


def test_a_finished_store_has_nothing_to_clean(made_store: Store) -> None:
    assert leftovers(made_store, caches_in_use=[]) == []


def test_a_dry_run_lists_and_changes_nothing(made_store: Store) -> None:
    path = abandon(made_store.root / "study.duckdb.7.tmp")
    (item,) = clean(made_store, dry_run=True)
    assert (item.path, item.size_bytes, item.reason) == (path, 100, "write that was cut off")
    assert path.exists()
    assert clean(made_store, dry_run=False) == [item]
    assert not path.exists()
    assert leftovers(made_store) == []


def test_a_write_of_a_dead_attempt_goes_at_once(made_store: Store) -> None:
    attempt = dead_attempt(made_store)
    cut_off = attempt.folder / "resume.safetensors.7.tmp"
    cut_off.write_bytes(bytes(100))
    assert [(item.path, item.reason) for item in leftovers(made_store)] == [(cut_off, "write that was cut off")]


def test_a_stray_file_among_the_runs_is_nobodys(made_store: Store) -> None:
    (made_store.runs / ".DS_Store").touch()
    assert leftovers(made_store) == []
    assert made_store.state(".DS_Store") == "absent"


def test_a_run_whose_result_cannot_be_read_is_left_alone(made_store: Store) -> None:
    folder = made_store.runs / key_of(made.contents(5, 0)["joint"])
    (folder / "done.json").write_text("garbage")
    (folder / "1" / "resume.safetensors").touch()
    assert leftovers(made_store) == []


def test_attempts_that_another_one_finished_go_but_a_failure_keeps_its_trace(made_store: Store) -> None:
    killed, failed = dead_attempt(made_store), dead_attempt(made_store)
    failed.fail(RuntimeError("out of memory"))
    for content in made.contents(5, 9).values():
        made.train(made_store, content)
    ledger.sync(made_store)
    history = f"select attempt, state, traceback from runs where key = '{failed.key}' order by attempt"
    before = query.query(made_store, history).rows()
    freed = {item.path for item in clean(made_store, dry_run=False)}
    assert freed == {killed.folder, failed.resume, failed.checkpoint, failed.predictions}
    assert failed.log.exists()
    assert [problem for problem in verify(made_store, key_of) if problem.is_damage] == []
    made_store.database.unlink()
    ledger.sync(made_store)
    assert query.query(made_store, history).rows() == before
    assert [row[:2] for row in before] == [(2, "failed"), (3, "done")]


def test_of_an_unfinished_run_only_the_newest_state_stays(made_store: Store) -> None:
    attempts = [dead_attempt(made_store) for _ in range(3)]
    freed = {item.path for item in clean(made_store, dry_run=False)}
    assert freed == {attempts[0].resume, attempts[1].resume}
    following = made.claim(made_store, CONTENT)
    assert following is not None
    assert following.previous() == attempts[2]


def test_what_a_living_process_writes_is_left_alone(made_store: Store) -> None:
    attempt = made.claim(made_store, CONTENT)
    assert attempt is not None
    made.measure(attempt, CONTENT)
    (attempt.folder / "resume.safetensors.7.tmp").touch()
    assert leftovers(made_store) == []


@pytest.mark.parametrize(
    ("name", "in_use", "goes"),
    [
        ("clips-rgb-1.npy", None, False),
        ("clips-rgb-1.npy", ["clips-rgb-1.npy"], False),
        ("clips-rgb-1.npy", ["clips-rgb-2.npy"], True),
        ("clips-rgb-1.npy.host.7.part", None, True),
    ],
)
def test_a_cache_goes_when_no_edition_needs_it(
    made_store: Store, name: str, in_use: list[str] | None, goes: bool
) -> None:
    path = abandon(made_store.cache / name)
    assert [item.path for item in leftovers(made_store, in_use)] == ([path] if goes else [])


def test_sizes_count_a_folder_once(made_store: Store) -> None:
    killed = dead_attempt(made_store)
    abandon(killed.folder / "resume.safetensors.7.tmp")
    made.train(made_store, CONTENT)
    (item,) = leftovers(made_store)
    assert item.path == killed.folder
    assert item.size_bytes == sum(path.stat().st_size for path in killed.folder.iterdir())


def test_where_the_published_attempt_is_unknown_every_attempt_stays(made_store: Store) -> None:
    published = made_store.result(key_of(made.contents(5, 0)["joint"]))
    assert published is not None
    replace_json(published.done, json.loads(published.done.read_text()) | {"attempt": 3})
    assert leftovers(made_store) == []
