"""The states of many runs, looked at again and again: what cannot have changed since is not read again."""

import os
from collections.abc import Iterable
from typing import NamedTuple

from results.attempt import Store
from results.state import ABSENT, State

FINAL = ("failed", "pruned")
"""States that end with a new attempt only, whose folder is new in that of the run; a lost claimant may come back."""


class _Seen(NamedTuple):
    state: State
    changed_ns: int


class Changes:
    """Looks at runs: a look lists the folder of runs, asks for one time of each that failed, and reads what is open."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs = str(store.runs)
        self._seen: dict[str, _Seen] = {}

    def look(self, keys: Iterable[str]) -> dict[str, State]:
        """Give the states of `keys` as they are now; nothing is written."""
        try:
            there = set(os.listdir(self._runs))
        except FileNotFoundError:
            there = set()
        return {key: self._look(key) if key in there else ABSENT for key in keys}

    def _look(self, key: str) -> State:
        seen = self._seen.get(key)
        if seen and seen.state.name == "done":
            return seen.state
        try:
            changed_ns = os.stat(f"{self._runs}/{key}").st_mtime_ns
        except FileNotFoundError:  # removed meanwhile
            return ABSENT
        if seen and seen.state.name in FINAL and seen.changed_ns == changed_ns:
            return seen.state
        state = self._store.states([key])[key]
        self._seen[key] = _Seen(state, changed_ns)
        return state
