"""Whose turn it is to submit: one at a time, and nobody waits for the dead."""

import json
import threading
import time
from pathlib import Path

import pytest

from results.attempt import Store
from results.owner import Owner, alive_here
from study.executor import turn as turns
from study.executor.turn import turn


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(turns, "POLL_S", 0.01)
    return Store(tmp_path / "store")


def file(store: Store) -> Path:
    return store.root / "submissions" / "asked.turn.json"


def test_the_second_waits_for_the_first_and_for_no_other_edition(store: Store) -> None:
    order: list[str] = []

    def second() -> None:
        with turn(store, "asked", alive_here):
            order.append("second")

    waiting = threading.Thread(target=second)
    with turn(store, "asked", alive_here):
        waiting.start()
        with turn(store, "other", alive_here):
            time.sleep(0.1)
            order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]
    assert list(file(store).parent.iterdir()) == []


@pytest.mark.parametrize(("alive", "age_s"), [(False, 0.0), (None, 2 * turns.STALE_S)])
def test_the_turn_of_one_that_is_gone_is_passed_over(
    store: Store, alive: bool | None, age_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    file(store).parent.mkdir(parents=True)
    file(store).write_text(json.dumps(Owner("elsewhere", 1, 0.0).content()))
    now = time.time()
    monkeypatch.setattr(turns.time, "time", lambda: now + age_s)
    with turn(store, "asked", lambda owner: alive):
        assert Owner.of(json.loads(file(store).read_text())).host != "elsewhere"
    assert not file(store).exists()
