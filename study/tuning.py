"""Tuning: which levels each arm chooses by its own small search, before arms are compared.

Whoever plans the next round chooses: a run, or on SLURM the look after the tuning. The choice follows from the store's
files alone: of the combinations all of whose trainings are done, the one with the highest mean mAP of the validation
splits, whatever split the claim is about; of equal ones the first. Nothing is chosen before every arm can choose; what
was chosen is written once for each claim, in `chosen/`.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import fmean

from results.attempt import Store
from results.chosen import Choice, fix_choice, read_choice
from results.plan import PlanFile, chosen_of
from results.state import FAILED, with_blocked
from results.tuned import sum_up
from results.validation import last_measured
from study.declaration import describe_so_far, digest_of
from study.planner import Plan, Trial
from study.preparation import Prepared


def choose_once(prepared: Prepared, claim_hash: str) -> Choice | None:
    """Give what the arms of a claim have chosen, for ever, or choose now; None if they cannot yet."""
    store, edition = prepared.store, prepared.plan.edition.name
    before = read_choice(store, edition, claim_hash)
    made = before or choose(prepared)
    return fix_choice(store, edition, claim_hash, made) if made and not before else made


def choose(prepared: Prepared) -> Choice | None:
    """Give the levels that each arm chooses, in words.

    None if trainings of the tuning are still to come, or if an arm has no combination that was trained to its end.
    """
    plan, store = prepared.plan, prepared.store
    tuning = plan.before_comparison
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
        if len(tries) > 1 and max(own) == -math.inf:
            return None
        chosen[arm.name] = tries[own.index(max(own))]
    return {"chosen": chosen, "failed": [key for key in finals if states[key] in FAILED]}


def _scores(trials: Iterable[Trial], store: Store, done: set[str]) -> Mapping[tuple[str, str], float]:
    """Average the last mAP of each arm and combination over its seeds, where all are done and measured a number."""
    found: dict[tuple[str, str], list[float]] = {}
    for trial in trials:
        own = found.setdefault((trial.arm.name, trial.arm.tried), [])
        own.append(last_measured(store.result(trial.final.key) if trial.final.key in done else None))
    means = {name: fmean(own) for name, own in found.items()}
    return {name: mean for name, mean in means.items() if math.isfinite(mean)}


def planned_so_far(plan: Plan, declared: PlanFile, seeds: Mapping[str, int]) -> Plan:
    """Take of `plan` the first so many `seeds` of each arm under the levels that `declared` says it has chosen, and of
    its tuning what had not failed by then."""
    failed = declared["tuning"].get("failed", ()) if "tuning" in declared else ()
    return plan.first(seeds, chosen_of(declared)).without_tries(failed)


def chosen_so_far(prepared: Prepared) -> Prepared:
    """Leave out what arms did not choose, if they have chosen already."""
    plan, choice = prepared.plan, _choice(prepared)
    if choice is None:
        return prepared
    chosen = plan.first(plan.edition.asked_at_most, choice["chosen"])
    return replace(prepared, plan=chosen.without_tries(choice["failed"]))


def tuned_so_far(prepared: Prepared) -> str:
    """Say what arms have chosen already, and what that cost; empty if they have not."""
    return sum_up(describe_so_far(prepared)) if _choice(prepared) else ""


def _choice(prepared: Prepared) -> Choice | None:
    edition = prepared.plan.edition
    if edition.tuning is None:
        return None
    return read_choice(prepared.store, edition.name, digest_of(prepared.plan))
