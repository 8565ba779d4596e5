"""Trials that were planned and have no result: failed, blocked by a failed phase, pruned, stopped, or not begun."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports import query

if TYPE_CHECKING:
    import duckdb

FINISHED = "select distinct arm, seed, replicate from finals where edition = $edition and not pruned"
REASONS = {
    "stopped": "interrupted; running the study again goes on from there",
    "pruned": "given up by the pruner: a censored observation",
    "damaged": "its files are torn or missing; `study verify` names them",
}
FAILURES = """
select arm, seed, replicate, phase, key, state, error, log
from failures
where edition = $edition
order by finished_at, attempt
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
    for phase, key in trial["phases"].items():
        if key in failures:
            failure = failures[key]
            blocked = failure["state"] == "failed" and key != trial["final"]
            return Unfinished(*_name(trial), "blocked" if blocked else failure["state"], phase, _why(failure))
    return Unfinished(*_name(trial), "waiting", "", "not trained yet, or still running")


def _why(failure: Mapping[str, Any]) -> str:
    error = failure["error"] or REASONS.get(failure["state"], "no reason was recorded")
    return f"{error} (log: {failure['log']})" if failure["log"] else error


def _name(trial: Mapping[str, Any]) -> tuple[str, int, int]:
    return trial["arm"], trial["seed"], trial["replicate"]
