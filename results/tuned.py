"""What tuning came to: which levels each arm has chosen, what that cost, and what a reader must know of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from results.plan import PlanFile, PlannedTuning, chosen_levels, chosen_of, is_tuning
from results.wording import percent

if TYPE_CHECKING:
    import duckdb

    from results.answer import Answer

SAME_CLIPS = (
    "The levels were chosen on the same clips that the arms are compared on, with other seeds: no interval covers that "
    "choice."
)
_ABLE = """
with trainings as (select arm, tried, seed, avg(map) as map from tuned where edition = $edition group by all)
select distinct arm from trainings group by arm, tried having count(*) = $seeds and bool_and(isfinite(map))
"""


@dataclass(frozen=True)
class Edge:
    """The best level of a setting is the smallest or the largest that was tried: a better one may lie beyond.

    Attributes:
        end: ``smallest`` or ``largest``.
        arms: that have chosen it.
    """

    setting: str
    end: str
    level: float
    arms: tuple[str, ...]


def answer_tuning(plan: PlanFile, ended: Collection[str], untuned: Sequence[str]) -> Answer:
    """Say that nothing can be said yet, because arms are still to choose their levels.

    Args:
        ended: keys of the phases that are done, or have failed.
        untuned: arms that cannot choose.
    """
    from results.answer import Answer  # which imports numpy, and whoever lists studies need not

    trials = plan["tuning"]["trials"]
    there = sum(trial["final"] in ended for trial in trials)
    sentence = (
        f"Undecided: each arm is tuned first ({there} of {len(trials)} trainings of that have ended); the comparison "
        "follows."
    )
    note = (
        f"Nothing is chosen, for no combination was trained to its end with every seed: {', '.join(untuned)}. "
        "The same command (on SLURM also `study retry`) tries again what failed; where every combination fails again, "
        "other levels under `tune` are needed, which is another claim."
    )
    return Answer("undecided", sentence, (), note=note if untuned else "")


def list_untuned(connection: duckdb.DuckDBPyConnection, plan: PlanFile, ended: Collection[str]) -> tuple[str, ...]:
    """Name the arms that cannot choose: all of the tuning has ended, and no combination has a number for every seed."""
    trials = plan["tuning"]["trials"]
    if any(trial["final"] not in ended for trial in trials):
        return ()
    named = {"edition": plan["edition"], "seeds": len(plan["tuning"]["seeds"])}
    able = {arm for (arm,) in connection.execute(_ABLE, named).fetchall()}
    return tuple(arm for arm in dict.fromkeys(trial["arm"] for trial in trials) if arm not in able)


def count_failed(plan: PlanFile) -> int:
    """Count the trainings of the tuning that had failed when arms chose, and so could not be chosen."""
    return len(plan["tuning"].get("failed", ())) if "tuning" in plan else 0


def is_on_clips_of_choice(plan: PlanFile) -> bool:
    """Tell whether arms are compared on the clips that they have chosen their levels by: on a validation split."""
    return chosen_of(plan) is not None and plan["claim"]["split"].startswith("val")


def share_of_epochs(plan: PlanFile) -> float:
    """Tell which share of all epochs that are planned so far is the tuning's."""
    tuning = plan["tuning"]["phases"]
    spent = sum(phase["epochs"] for phase in tuning.values())
    compared = sum(phase["epochs"] for key, phase in plan["phases"].items() if key not in tuning)
    return spent / max(1, spent + compared)


def sum_up(plan: PlanFile) -> str:
    """Say what is tuned, what that costs and what was chosen, in a line; empty if nothing is tuned.

    Example:
        ``tuned: optim.lr per arm over 3 levels, 1 seed each: 15 trainings, 45 % of all epochs; chosen: lr=0.001 (...)``
    """
    if "tuning" not in plan:
        return ""
    tuning = plan["tuning"]
    seeds = f"{len(tuning['seeds'])} {'seed' if len(tuning['seeds']) == 1 else 'seeds'} each"
    cost = f"{what_is_tuned(tuning)}, {seeds}: {len(tuning['trials'])} trainings"
    if is_tuning(plan):
        return f"tuning: {cost}; nothing is chosen yet, and the comparison follows"
    chosen = ", ".join(f"{tried} ({', '.join(arms)})" for tried, arms in arms_by_choice(plan).items())
    return f"tuned: {cost}, {percent(share_of_epochs(plan))} of all epochs; chosen: {chosen}"


def what_is_tuned(tuning: PlannedTuning) -> str:
    """Name what is tuned: ``optim.lr per arm over 3 levels``."""
    levels = tuning["levels"]
    if len(levels) == 1:
        return " ".join(f"{name} per arm over {len(own)} levels" for name, own in levels.items())
    counts = " and ".join(f"{name} ({len(own)})" for name, own in levels.items())
    return f"{counts} per arm over all combinations of levels"


def arms_by_choice(plan: PlanFile) -> dict[str, list[str]]:
    """Group the arms that chose by what they chose, in words."""
    chosen = chosen_of(plan) or {}
    groups: dict[str, list[str]] = {}
    for arm in (arm["name"] for arm in plan["arms"] if arm["name"] in chosen):
        groups.setdefault(chosen[arm], []).append(arm)
    return groups


def list_edges(plan: PlanFile) -> list[Edge]:
    """List the chosen levels that lie at an end of their numbers, each with the arms that chose among them."""
    found: dict[tuple[str, str, float], list[str]] = {}
    repeated = {arm["name"] for arm in plan["arms"] if arm["replicate"]}
    for arm, levels in chosen_levels(plan).items():
        for setting, end, level in [] if arm in repeated else _ends(plan["tuning"]["levels"], levels):
            found.setdefault((setting, end, level), []).append(arm)
    return [Edge(setting, end, level, tuple(arms)) for (setting, end, level), arms in found.items()]


def _ends(levels: Mapping[str, list[Any]], own: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    told = []
    for setting, tried in levels.items():
        if len(tried) > 1 and all(isinstance(one, int | float) and not isinstance(one, bool) for one in tried):
            ends = {"smallest": min(tried), "largest": max(tried)}
            told += [(setting, end, level) for end, level in ends.items() if own[setting] == level]
    return told
