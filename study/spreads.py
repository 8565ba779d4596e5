"""How far differences scatter in a study before it has a result: by what the store holds, or by assumption."""

from collections.abc import Iterator
from math import fsum
from typing import Any

from results.claim import Claim
from results.files import StoreError, read_json
from results.plan import PlanFile, read_plans
from results.record import read_records
from results.spread import ASSUMED, Detectable, Spread, detectable, spread_of_contrasts, spread_of_control
from study.preparation import Prepared


def foresee(prepared: Prepared, assumed: float | None = None) -> Detectable:
    """Say what the planned seeds of a study, or those of its looks, can detect.

    Args:
        assumed: standard deviation of a difference from seed to seed, in place of what the store holds.
    """
    edition = prepared.plan.edition
    repeated = [arm.name for arm in edition.arms if arm.replicate]
    claimed = edition.claim.claimed(tuple(arm.name for arm in edition.arms), repeated)
    spread = Spread(assumed, (), "as given by --spread") if assumed is not None else find_spread(prepared)
    return detectable(spread, edition.claim, len(claimed), edition.claim.looks or (len(edition.seeds),))


def find_spread(prepared: Prepared) -> Spread:
    """Find the spread in this study's last answer, in those of studies like it, or among its control's seeds.

    Like it is what has the same profile and data and claims the same of the same splits. `study verify` names files
    that cannot be read.
    """
    own = prepared.plan.edition.name
    alike = [name for name, plan in read_plans(prepared.store).whole.items() if _is_like(plan, prepared)]
    for name in sorted(alike, key=lambda name: name != own):
        found = spread_of_contrasts(_contrasts(prepared, name), f"by the arms of {name}")
        if found:
            return found
    finals = list(_control_finals(prepared))
    found = spread_of_control(finals, f"by {len(finals)} seeds of the control, each arm as if it scattered alike")
    return found or Spread(ASSUMED, (), "assumed, for want of results; --spread gives another")


def _is_like(plan: PlanFile, prepared: Prepared) -> bool:
    edition = prepared.plan.edition
    here = edition.claim.model_dump()
    same = all(plan["claim"].get(name) == here[name] for name in ("metric", "split", "over"))
    return same and (plan["profile"], plan["data"]) == (edition.profile, edition.data)


def _contrasts(prepared: Prepared, edition: str) -> list[dict[str, Any]]:
    try:
        contrasts: list[dict[str, Any]] = read_json(prepared.store.editions / edition / "answer.json")["contrasts"]
    except (FileNotFoundError, StoreError, KeyError):
        return []
    return contrasts


def _control_finals(prepared: Prepared) -> Iterator[float]:
    """Give what the finished seeds of the control measured: points, or percent of the mean cost."""
    plan, claim = prepared.plan, prepared.plan.edition.claim
    finals = [trial.final.key for trial in plan.trials if trial.arm.is_control]
    measured = [value for key in finals if (value := _measured(prepared, key, claim)) is not None]
    scale = 100 * len(measured) / fsum(measured) if claim.is_about_cost and measured else 1.0
    yield from (scale * value for value in measured)


def _measured(prepared: Prepared, key: str, claim: Claim) -> float | None:
    """Give the last value of the claim's metric, as the mean of its splits; None if there is none, or it is sealed."""
    try:
        result = prepared.store.result(key)
        records = list(read_records(result.records)) if result else []
    except (StoreError, FileNotFoundError):
        return None
    last = {one.split: one.value for one in records if one.metric == claim.facts.record and one.split in claim.splits}
    return fsum(last.values()) / len(last) if last else None
