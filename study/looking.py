"""Tuning, seeds until decided, searches: what of a study is planned so far, and what a look asks for next.

`plan.json` holds what was asked for so far. It only grows, and it is made from the results alone: it does not matter
who takes a look, or how often.
"""

from collections.abc import Mapping

from results.chosen import Choice, read_choice
from results.plan import PlanFile, is_tuning, seeds_of
from study import tuning
from study.declaration import write_plan
from study.planner import Plan
from study.preparation import Prepared
from study.reporting import Report
from study.search import pick_next


def planned_so_far(plan: Plan, declared: PlanFile) -> Plan:
    """Take of `plan` what `declared` holds."""
    return tuning.planned_so_far(plan, declared, seeds_of(declared))


def plan_next(prepared: Prepared, declared: PlanFile, report: Report) -> PlanFile | None:
    """Write the plan for the look that `report` asks for; None if the study is over, or this look is not taken yet.

    The first look at a study that is tuned chooses the levels of its arms, and asks for the comparison.
    """
    if is_tuning(declared):
        made = tuning.choose_once(prepared, declared["claim_hash"])
        return None if made is None else _write(prepared, declared, prepared.plan.edition.asked_first, made)
    planned, asked = seeds_of(declared), _asked(prepared, declared, report)
    if asked is None or all(asked[arm] <= planned.get(arm, 0) for arm in asked):
        return None
    choice = read_choice(prepared.store, declared["edition"], declared["claim_hash"])
    return _write(prepared, declared, asked, choice)


def _write(prepared: Prepared, declared: PlanFile, seeds: Mapping[str, int], choice: Choice | None) -> PlanFile:
    return write_plan(prepared, seeds, declared["claim_hash"], declared["command"], choice)


def _asked(prepared: Prepared, declared: PlanFile, report: Report) -> Mapping[str, int] | None:
    """Give the seeds of each arm for the next look, or of those that a search has picked."""
    if prepared.plan.edition.search is None:
        return report.asked
    return pick_next(prepared, declared)
