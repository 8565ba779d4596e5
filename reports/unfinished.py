"""Trials that were planned and have no result: failed, blocked by a failed phase, pruned, stopped, or not begun."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports import query
from results.plan import PlanFile, labels, parents
from results.state import with_blocked

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
        phase: label of the phase that holds it up; empty where none was begun.
        why: the error, or the reason, in the words of the run.
    """

    arm: str
    seed: int
    replicate: int
    state: str
    phase: str
    why: str


def list_unfinished(connection: "duckdb.DuckDBPyConnection", edition: str, plan: PlanFile) -> list[Unfinished]:
    """List the planned trials that have no result, in the plan's order."""
    finished = {tuple(row) for row in query.table(connection, FINISHED, edition=edition).iter_rows()}
    failures = {row["key"]: row for row in query.table(connection, FAILURES, edition=edition).to_dicts()}
    known = {key: failures[key]["state"] if key in failures else "absent" for key in plan["phases"]}
    states = with_blocked(known, parents(plan))
    open_trials = [trial for trial in plan["trials"] if _name(trial) not in finished]
    names = labels(plan)
    return [_trial(plan, trial, failures, states[trial["final"]], names) for trial in open_trials]


def _trial(
    plan: PlanFile,
    trial: Mapping[str, Any],
    failures: Mapping[str, Mapping[str, Any]],
    final: str,
    names: Mapping[str, str],
) -> Unfinished:
    """Describe an open trial by the first of its phases that has no result; `final` is the state of its last one."""
    for key in trial["phases"].values():
        if key in failures:
            state = "blocked" if final == "blocked" else failures[key]["state"]
            return Unfinished(*_name(trial), state, names[key], _why(failures[key]))
    measures = plan["phases"][trial["final"]]["kind"] == "profile"
    return Unfinished(
        *_name(trial), "waiting", "", f"not {'measured' if measures else 'trained'} yet, or still running"
    )


def _why(failure: Mapping[str, Any]) -> str:
    error = failure["error"] or REASONS.get(failure["state"], "no reason was recorded")
    return f"{error} (log: {failure['log']})" if failure["log"] else error


def _name(trial: Mapping[str, Any]) -> tuple[str, int, int]:
    return trial["arm"], trial["seed"], trial["replicate"]
