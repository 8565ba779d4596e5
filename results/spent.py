"""What phases have cost: the time of every attempt, also of those that failed, were stopped or lost, times its devices.

An attempt begins with its claim. It ends when it says so, or else with its last heartbeat.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from results.attempt import Attempt, Store
from results.files import StoreError, read_json
from results.state import ENDINGS, State

HOUR_S = 3600.0


class Spent(NamedTuple):
    """Seconds of GPUs and of processors."""

    gpu_s: float = 0.0
    processor_s: float = 0.0

    def __str__(self) -> str:
        if self.gpu_s:
            return f"{self.gpu_s / HOUR_S:.2f} GPU hours"
        return f"{self.processor_s / HOUR_S:.2f} processor hours"


def total(costs: Iterable[Spent]) -> Spent:
    """Add costs up."""
    gpu_s = processor_s = 0.0
    for one in costs:
        gpu_s += one.gpu_s
        processor_s += one.processor_s
    return Spent(gpu_s, processor_s)


class Meter:
    """Adds up what phases have cost; what has ended is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ended: dict[str, tuple[State, Spent]] = {}

    def of(self, key: str, state: State) -> Spent:
        """Give what `key`, which is in `state`, has cost until now."""
        if state.name == "absent":
            return Spent()
        known, spent = self._ended.get(key, (None, Spent()))
        if known == state:
            return spent
        try:
            spent = self._read(key, state)
        except StoreError:  # a damaged file says nothing here; `study verify` names it
            return Spent()
        if state.name not in ("running", "stopped"):
            self._ended[key] = (state, spent)
        return spent

    def _read(self, key: str, state: State) -> Spent:
        done = self._store.done(key) if state.name == "done" else None
        costs = []
        for attempt in self._store.attempts(key):
            if done and attempt.number == done["attempt"]:
                until = _seconds(done["at"])
            elif state.name == "running" and attempt.number == state.attempt:
                until = datetime.now(UTC).timestamp()
            else:
                until = _end(attempt)
            costs.append(_cost(attempt, until))
        return total(costs)


def _cost(attempt: Attempt, until: float) -> Spent:
    """Give the cost of an attempt; none, if it was killed before it said who it is."""
    try:
        claim: dict[str, Any] = read_json(attempt.folder / "claim.json")
    except FileNotFoundError:
        return Spent()
    took_s = max(0.0, until - _seconds(claim["claimed_at"]))
    return Spent(took_s * claim.get("gpus", 0), took_s * claim.get("processors", 1))


def _end(attempt: Attempt) -> float:
    for ending in ENDINGS:
        try:
            return _seconds(read_json(attempt.folder / f"{ending}.json")["at"])
        except FileNotFoundError:
            continue
    try:
        return (attempt.folder / "heartbeat").stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
