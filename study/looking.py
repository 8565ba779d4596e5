"""Seeds until decided, and searches: what of a study is planned so far, and what a look asks for next.

`plan.json` holds what was asked for so far. It only grows, and it is made from the results alone: it does not matter
who takes a look, or how often.
"""

from collections.abc import Mapping

from results.plan import PlanFile, seeds_of
from study.declaration import write_plan
from study.planner import Plan
from study.preparation import Prepared
from study.reporting import Report
from study.search import pick_next


def planned_so_far(plan: Plan, declared: PlanFile) -> Plan:
    """Take of `plan` what `declared` holds."""
    return plan.first(seeds_of(declared))


def plan_next(prepared: Prepared, declared: PlanFile, report: Report) -> PlanFile | None:
    """Write the plan for the look that `report` asks for; None if the study is over, or this look is not taken yet."""
    planned, asked = seeds_of(declared), _asked(prepared, declared, report)
    if asked is None or all(asked[arm] <= planned.get(arm, 0) for arm in asked):
        return None
    return write_plan(prepared, asked, declared["claim_hash"], declared["command"])


def _asked(prepared: Prepared, declared: PlanFile, report: Report) -> Mapping[str, int] | None:
    """Give the seeds of each arm for the next look, or of those that a search has picked."""
    if prepared.plan.edition.search is None:
        return report.asked
    return pick_next(prepared, declared)
