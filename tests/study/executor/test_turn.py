"""Whose turn it is to plan and submit: one at a time, and nobody waits for the dead."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from results.attempt import Store
from results.files import read_json
from results.owner import Owner, this_machine
from study.executor import turn as turns
from study.executor.turn import turn

ELSEWHERE = Owner("elsewhere", 1, 0.0).content() | {"token": "theirs"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(turns, "POLL_S", 0.01)
    monkeypatch.setattr(turns, "TOUCH_S", 0.01)
    return Store(tmp_path / "store")


def file(store: Store) -> Path:
    return store.root / "submissions" / "asked.turn.json"


def make_turn(store: Store, holder: Mapping[str, Any], age_s: float = 0.0) -> None:
    """Let somebody else have the turn, who touched it last so long ago."""
    file(store).parent.mkdir(parents=True)
    file(store).write_text(json.dumps(holder))
    os.utime(file(store), (time.time() - age_s,) * 2)


def host(store: Store) -> str:
    return str(json.loads(file(store).read_text())["host"])


def files(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def silent(said: str) -> None:
    raise AssertionError(said)


def test_the_second_waits_for_the_first_and_for_no_other_edition(store: Store) -> None:
    order: list[str] = []
    said: list[str] = []

    def second() -> None:
        with turn(store, "asked", said.append):
            order.append("second")

    waiting = threading.Thread(target=second)
    with turn(store, "asked", silent):
        waiting.start()
        with turn(store, "other", silent):
            time.sleep(0.2)
            order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]
    here = Owner.current()
    assert said == [f"waits for {here.host} {here.pid}, which plans asked ({file(store)})"], "and says so once"
    assert files(store) == []


def test_one_that_waits_writes_nothing(store: Store) -> None:
    told = threading.Event()

    def second() -> None:
        with turn(store, "asked", lambda _: told.set()):
            pass

    waiting = threading.Thread(target=second)
    with turn(store, "asked", silent):
        waiting.start()
        assert told.wait(10)
        before = store.root.stat().st_mtime_ns, file(store).parent.stat().st_mtime_ns
        time.sleep(0.2)
        assert (store.root.stat().st_mtime_ns, file(store).parent.stat().st_mtime_ns) == before
    waiting.join(10)


def test_the_turn_of_another_machine_is_passed_over_when_nobody_has_touched_it_for_long(store: Store) -> None:
    make_turn(store, ELSEWHERE, age_s=2 * turns.STALE_S)
    with turn(store, "asked", silent):
        assert host(store) == Owner.current().host
    assert files(store) == []


def test_the_turn_of_another_machine_that_is_touched_is_waited_for(store: Store) -> None:
    make_turn(store, ELSEWHERE, age_s=turns.STALE_S / 2)
    threading.Timer(0.2, file(store).unlink).start()
    said: list[str] = []
    with turn(store, "asked", said.append):
        assert host(store) == Owner.current().host
    assert said == [f"waits for elsewhere 1, which plans asked ({file(store)})"]


def test_the_turn_of_a_process_of_this_machine_is_passed_over_once_that_is_gone(store: Store) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    began = psutil.Process(gone.pid).create_time()
    gone.wait()
    make_turn(store, Owner("here", gone.pid, began, machine=this_machine()).content() | {"token": "theirs"})
    with turn(store, "asked", silent):
        assert host(store) == Owner.current().host


def test_a_turn_is_touched_while_it_is_held(store: Store) -> None:
    with turn(store, "asked", silent):
        os.utime(file(store), (0, 0))
        until = time.monotonic() + 10
        while not file(store).stat().st_mtime:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_one_that_lost_its_turn_leaves_that_of_its_successor_alone(store: Store) -> None:
    with turn(store, "asked", silent):
        file(store).unlink()
        file(store).write_text(json.dumps(ELSEWHERE))
        os.utime(file(store), (0, 0))
        time.sleep(0.1)
        assert file(store).stat().st_mtime == 0
    assert files(store) == [file(store)]
    assert host(store) == "elsewhere"


def test_a_turn_that_was_passed_over_by_another_is_put_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at a stale turn and its removal another one has passed over it and has the turn."""
    make_turn(store, ELSEWHERE)
    stale, aside = ELSEWHERE | {"token": "stale"}, store.root / "aside"
    seen = iter([stale])
    monkeypatch.setattr(turns, "_read", lambda path: next(seen, None) or read_json(path))
    turns._take_away(file(store), stale, aside)
    assert json.loads(file(store).read_text()) == ELSEWHERE
    assert not aside.exists()
