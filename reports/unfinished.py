"""Trials that were planned and have no result: failed, blocked by a failed phase, pruned, stopped, or not begun."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports import query

if TYPE_CHECKING:
    import duckdb

FINISHED = "select distinct arm, seed, replicate from finals where edition = $edition and not pruned"
FAILURES = """
select key, kind, state, error, attempt, ended_at
from failures
where edition = $edition
order by ended_at
"""


@dataclass(frozen=True)
class Unfinished:
    """A planned trial without a result.

    Attributes:
        state: failed, pruned, stopped, blocked, or waiting.
        phase: the kind of phase that holds it up; empty where none was begun.
        why: the error, or the reason, in the words of the run.
    """

    arm: str
    seed: int
    replicate: int
    state: str
    phase: str
    why: str


def unfinished(connection: "duckdb.DuckDBPyConnection", edition: str, plan: Mapping[str, Any]) -> list[Unfinished]:
    """List the planned trials that have no result, in the plan's order."""
    finished = {tuple(row) for row in query.table(connection, FINISHED, edition=edition).iter_rows()}
    failures = {row["key"]: row for row in query.table(connection, FAILURES, edition=edition).to_dicts()}
    open_trials = [trial for trial in plan["trials"] if _name(trial) not in finished]
    return [_trial(trial, failures) for trial in open_trials]


def _trial(trial: Mapping[str, Any], failures: Mapping[str, Mapping[str, Any]]) -> Unfinished:
    for kind, key in trial["phases"].items():
        if key in failures:
            failure = failures[key]
            blocked = key != trial["final"] and failure["state"] == "failed"
            why = failure["error"] or "no reason recorded"
            state = "blocked" if blocked else failure["state"]
            return Unfinished(*_name(trial), state, kind, f"its {kind} phase failed: {why}" if blocked else why)
    return Unfinished(*_name(trial), "waiting", "", "not trained yet, or still running")


def _name(trial: Mapping[str, Any]) -> tuple[str, int, int]:
    return trial["arm"], trial["seed"], trial["replicate"]
