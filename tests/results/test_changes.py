"""Looking again and again gives what a fresh look gives, and reads little."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from results.attempt import Store
from results.changes import Changes
from results.state import State
from study.key import key_of
from tests import made_store as made

CONTENT = made.contents(1, 0)["rgb"]
KEY = key_of(CONTENT)


class CountingStore(Store):
    """A store that counts the states it reads."""

    read = 0

    def states(self, keys: Iterable[str]) -> dict[str, State]:
        self.read += 1
        return super().states(keys)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path)


def test_each_change_of_a_run_is_seen(store: CountingStore) -> None:
    changes = Changes(store)

    def seen() -> State:
        (state,) = changes.look([KEY]).values()
        assert state == Store(store.root).states([KEY])[KEY]
        return state

    assert seen() == State("absent")
    attempt = made.claim(store, CONTENT)
    assert attempt is not None
    assert seen() == State("running", 1)
    attempt.fail(ArithmeticError("diverged"))
    assert seen() == State("failed", 1)
    again = made.claim(store, CONTENT)
    assert again is not None
    assert seen() == State("running", 2)
    again.stop("told to")
    assert seen() == State("stopped", 2)
    made.train(store, CONTENT)
    assert seen() == State("done")


def test_what_has_ended_is_read_once_and_what_is_not_there_never(store: CountingStore) -> None:
    failed = made.contents(5, 0)["rgb"] | {"seed": 7}
    attempt = made.claim(store, failed)
    assert attempt is not None
    attempt.fail(ArithmeticError("diverged"))
    made.train(store, CONTENT)
    changes, keys = Changes(store), [KEY, key_of(failed), "f" * 64]
    first, read = changes.look(keys), store.read
    assert read == 2
    assert changes.look(keys) == first
    assert store.read == read


def test_a_run_that_is_removed_is_absent(store: CountingStore) -> None:
    made.train(store, CONTENT)
    changes = Changes(store)
    assert changes.look([KEY])[KEY].name == "done"
    (store.runs / KEY).rename(store.root / "away")
    assert changes.look([KEY])[KEY].name == "absent"
