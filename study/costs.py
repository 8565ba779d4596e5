"""What a plan costs before it is run: epochs with and without sharing, hours, disk."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from results.spread import Detectable
from results.state import OVER
from study import cache, rates
from study.declaration import states_of
from study.phase import Phase
from study.planner import Plan
from study.preparation import Prepared
from study.settings import workers_of
from study.spreads import foresee
from study.tuning import chosen_so_far, tuned_so_far


@dataclass(frozen=True)
class PlanReport:
    """A plan and what it costs.

    Attributes:
        states: kind -> state -> how many phases.
        left_hours: of one device, for what is not done; None if nothing is known.
        wall_hours: `left_hours` over the workers of this machine, but for phases that run alone.
        cache_folder: where decoded clips are kept.
        first_look: what is trained first, where results decide what follows; the rest is the most that it can cost.
        detectable: what the planned seeds can detect.
        tuned: what arms have chosen already, and what that cost, or empty.
        cache_bytes: decoded clips that are still to be written; `free_bytes` is what the disk there has left.
    """

    plan: Plan
    states: Mapping[str, Counter[str]]
    left_hours: float | None
    wall_hours: float | None
    cache_folder: Path
    cache_bytes: int
    free_bytes: int
    detectable: Detectable
    first_look: "PlanReport | None" = None
    tuned: str = ""

    def refuse_too_large(self) -> None:
        """Refuse a plan whose decoded clips do not fit on the disk.

        Raises:
            DataError: they do not.
        """
        cache.refuse_too_large(self.cache_bytes, self.cache_folder)


def report_plan(prepared: Prepared, *, measure: bool = False, spread: float | None = None) -> PlanReport:
    """Count and estimate what `prepared` costs: by earlier runs, or to `measure` by timing a few steps.

    Args:
        spread: assumed of a difference from seed to seed, in place of what the store holds.
    """
    known = rates.timed(prepared, left(prepared)) if measure else rates.recorded(prepared)
    most = at_most(prepared)
    foreseen = foresee(most, spread)
    report = _report(most, known, foreseen)
    first = _first(prepared)
    report = replace(report, tuned=tuned_so_far(prepared))
    return replace(report, first_look=_report(first, known, foreseen)) if first else report


def _first(prepared: Prepared) -> Prepared | None:
    """Give what is trained before results decide what follows; None if they decide nothing more."""
    plan, possible = prepared.plan, chosen_so_far(prepared)
    edition = plan.edition
    if edition.tuning is not None and possible is prepared:
        return replace(prepared, plan=plan.before_comparison)
    if not (edition.claim.looks or edition.search):
        return None
    seeds = edition.asked_first
    trials = [one for one in possible.plan.trials if one.seed in edition.seeds[: seeds.get(one.arm.name, 0)]]
    return replace(possible, plan=replace(possible.plan, trials=trials))


def at_most(prepared: Prepared) -> Prepared:
    """Give as much of a plan as may be trained in the end; of arms that have not chosen their levels yet, the first."""
    plan, possible = prepared.plan, chosen_so_far(prepared)
    edition = plan.edition
    if possible is not prepared or not (edition.search or edition.tuning):
        return possible
    chosen = {arm.name: edition.tries_of(arm)[0].tried for arm in edition.arms}
    return replace(prepared, plan=plan.first(edition.asked_at_most, chosen))


def _report(prepared: Prepared, known: rates.Rates, foreseen: Detectable) -> PlanReport:
    plan, store = prepared.plan, prepared.store
    states: dict[str, Counter[str]] = {}
    for key, state in states_of(plan, store).items():
        states.setdefault(plan.phases[key].kind, Counter())[state.name] += 1
    hours = _hours(prepared, left(prepared), known)
    alone = _hours(prepared, [phase for phase in left(prepared) if phase.is_alone], known)
    workers = workers_of(plan.edition.settings.resources)
    return PlanReport(
        plan,
        states,
        hours,
        None if hours is None or alone is None else alone + (hours - alone) / workers,
        store.cache,
        cache_bytes(prepared),
        cache.free_bytes(store.cache),
        foreseen,
    )


def left_hours(prepared: Prepared) -> float:
    """Estimate the hours of one device for what is not done: from earlier runs, else from a few timed steps."""
    phases = left(prepared)
    hours = _hours(prepared, phases, rates.recorded(prepared))
    if hours is None:
        hours = _hours(prepared, phases, rates.timed(prepared, phases))
    assert hours is not None, "every phase was timed"
    return hours


def left(prepared: Prepared) -> list[Phase]:
    """List the phases that are neither done nor given up."""
    plan = prepared.plan
    return [plan.phases[key] for key, state in states_of(plan, prepared.store).items() if state.name not in OVER]


def cache_bytes(prepared: Prepared) -> int:
    """Tell how much disk the clips that are still to be decoded take."""
    folder = prepared.store.cache
    return sum(
        cache.missing_bytes(way.source.dataset(), way.frames, folder, way.streams) for way in prepared.distinct_ways()
    )


def _hours(prepared: Prepared, phases: list[Phase], known: rates.Rates) -> float | None:
    seconds = rates.seconds(phases, known, rates.training_clips(prepared))
    return None if seconds is None else seconds / 3600
