"""What a search says: which of the arms that it picked did best. It decides no claim, whatever its numbers are.

It chose its arms by the numbers that it would be judged by; so the best ones look better than they are.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from results.answer import Answer
from results.claim import Claim
from results.contrast import Contrast
from results.front import front
from results.metric.facts import COST_SPLIT, METRICS
from results.pruned import censored

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_WHOLE = "(select count(*) from trials where trials.edition = $edition and trials.arm = {arm})"
"""The seeds that are planned of an arm: with fewer it is still in training, and its mean is of other seeds."""
_MAPS = f"""
select arm, avg(map) as map from finals
where edition = $edition and not pruned and split like 'val%' group by arm
having not isnan(avg(map)) and count(distinct seed) = {_WHOLE.format(arm="finals.arm")} order by map desc, arm
"""
_COSTS = f"""
select arm, avg(value) from phases join records using (key)
where edition = $edition and phase = 'profile' and metric = $metric and split = $split group by arm
having count(distinct seed) = {_WHOLE.format(arm="phases.arm")}
"""


def answer_search(
    connection: "DuckDBPyConnection",
    edition: str,
    claim: Claim,
    search: Mapping[str, Any],
    compared: Sequence[Contrast],
) -> Answer:
    """Name the best arms that have all their seeds: the one with the most mAP, or all that none beats in both.

    Args:
        search: its settings, as the plan keeps them.
        compared: the arms against the control; they lose their intervals.
    """
    maps = dict(connection.execute(_MAPS, {"edition": edition}).fetchall())
    contrasts = tuple(censored(compared, [one.arm for one in compared]))
    if not maps:
        return Answer("undecided", "Undecided: the search has no results yet.", contrasts)
    named, against = {arm: f"map {value:.1f}" for arm, value in maps.items()}, search["against"]
    best = list(maps)[:1]
    if against is not None:
        asked = {"edition": edition, "metric": METRICS[against].record, "split": COST_SPLIT}
        costs = dict(connection.execute(_COSTS, asked).fetchall())
        best = front({arm: (value, -costs[arm]) for arm, value in maps.items() if arm in costs})
        named |= {arm: f"{named[arm]}, {_cost(against, costs[arm])}" for arm in maps if arm in costs}
    found = "; ".join(f"{arm} ({named[arm]})" for arm in best)
    who = "best" if against is None else f"with no other better in both mAP and {METRICS[against].word}"
    control = f"; the control {claim.control} has {named[claim.control]}" if claim.control in maps else ""
    sentence = f"Undecided: a search decides no claim; {who} of {len(maps)} arms: {found}{control}."
    note = "The best arms of a search look better than they are. Ask about them in a study, whose seeds are others."
    return Answer("undecided", sentence, contrasts, note=note)


def _cost(against: str, value: float) -> str:
    return f"{value:.3g} ms" if against == "latency" else f"{value / 1e6:.3g} MB"
