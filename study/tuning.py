"""Tuning: which levels each arm chooses by its own small search, before arms are compared.

Whoever plans the next round chooses: a run, or on SLURM the look after the tuning. The choice follows from the store's
files alone: of the combinations all of whose trainings are done, the one with the highest mean mAP of the validation
splits, whatever split the claim is about; of equal ones the first. What was chosen stands in `plan.json`, and stays.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import fmean

from results.attempt import Store
from results.plan import PlanFile, chosen_of, plan_of
from results.state import FAILED, with_blocked
from results.tuned import sum_up
from study.declaration import digest_of
from study.planner import Plan, Trial
from study.preparation import Prepared
from study.pruning import read_measured


def choose(prepared: Prepared) -> dict[str, str] | None:
    """Give the levels that each arm chooses, in words; None if trainings of the tuning are still to come.

    An arm of which no combination was trained to its end chooses none.
    """
    plan, store = prepared.plan, prepared.store
    tuning = replace(plan, trials=())
    parents = {key: list(phase.parents.values()) for key, phase in tuning.phases.items()}
    states = with_blocked({key: state.name for key, state in tuning.states(store).items()}, parents)
    finals = [trial.final.key for trial in plan.tuning]
    if any(states[key] not in ("done", *FAILED) for key in finals):
        return None
    scores = _scores(plan.tuning, store, {key for key in finals if states[key] == "done"})
    chosen: dict[str, str] = {}
    for arm in plan.edition.arms:
        tries = [one.tried for one in plan.edition.tries_of(arm)]
        name = plan.edition.control.name if arm.replicate else arm.name
        own = [scores.get((name, tried), -math.inf) for tried in tries]
        if len(tries) == 1 or max(own) > -math.inf:
            chosen[arm.name] = tries[own.index(max(own))]
    return chosen


def _scores(trials: Iterable[Trial], store: Store, done: set[str]) -> Mapping[tuple[str, str], float]:
    """Average the last mAP of each arm and combination over its seeds, where all are done and measured a number."""
    found: dict[tuple[str, str], list[float]] = {}
    for trial in trials:
        own = found.setdefault((trial.arm.name, trial.arm.tried), [])
        result = store.result(trial.final.key) if trial.final.key in done else None
        measured = read_measured(result) if result else {}
        own.append(measured[max(measured)] if measured else math.nan)
    means = {name: fmean(own) for name, own in found.items()}
    return {name: mean for name, mean in means.items() if math.isfinite(mean)}


def planned_so_far(plan: Plan, declared: PlanFile, seeds: Mapping[str, int]) -> Plan:
    """Take of `plan` the first so many `seeds` of each arm under the levels it has chosen, and of its tuning what
    `declared` still plans."""
    so_far = plan.first(seeds, chosen_of(declared))
    there = declared["phases"].keys()
    tuning = [trial for trial in plan.tuning if {phase.key for phase in trial.phases.values()} <= there]
    return replace(so_far, tuning=tuning)


def chosen_so_far(prepared: Prepared) -> Prepared:
    """Leave out what arms did not choose, if they have chosen already."""
    before = _before(prepared)
    if before is None:
        return prepared
    return replace(prepared, plan=planned_so_far(prepared.plan, before, prepared.plan.edition.asked_at_most))


def tuned_so_far(prepared: Prepared) -> str:
    """Say what arms have chosen already, and what that cost; empty if they have not."""
    before = _before(prepared)
    return sum_up(before) if before else ""


def _before(prepared: Prepared) -> PlanFile | None:
    """Read the plan of the same claim that says what arms have chosen, if there is one."""
    edition = prepared.plan.edition
    if edition.tuning is None:
        return None
    before = plan_of(prepared.store, edition.name, digest_of(prepared.plan))
    return before if before and chosen_of(before) is not None else None
