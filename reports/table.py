"""The table of arms: means and spreads of what was measured, the difference to the control, and what it cost.

What was measured is the score on every split that is open, or what a pass costs at inference.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from reports import marks, query, theme, words
from results.metric.facts import METRICS
from results.plan import PlanFile

if TYPE_CHECKING:
    import duckdb

    from results.contrast import Contrast

COSTS: dict[str, tuple[str, Callable[[float | None], str]]] = {
    "latency_ms": ("Latency, ms", words.significant),
    "inference_memory_bytes": ("Memory of a pass", words.size),
    "gflops": ("GFLOPs a clip", words.significant),
}
"""Column -> heading, and how its numbers are written."""
SQL = """
select arm, seed, replicate, split, map, parameters, peak_memory_bytes, seconds,
       latency_ms, inference_memory_bytes, gflops
from finals
where edition = $edition and not pruned
"""


@dataclass(frozen=True)
class Cell:
    """Mean of what was measured over seeds and the standard deviation between them (empty for one seed)."""

    mean: str
    spread: str = ""


@dataclass(frozen=True)
class Row:
    """One arm, as text."""

    name: str
    is_control: bool
    colour: str
    scores: list[Cell]
    difference: str
    interval: str
    p: str
    seeds: str
    parameters: str
    memory: str
    seconds: str


@dataclass(frozen=True)
class Table:
    """Rows in the plan's order, the control first; `splits` heads the columns of scores, or of costs at inference."""

    reading: str
    splits: list[str]
    is_about_cost: bool
    rows: list[Row]


def tabulate_arms(
    connection: "duckdb.DuckDBPyConnection", edition: str, plan: PlanFile, contrasts: "Sequence[Contrast]"
) -> Table:
    """Collect the table of arms; an arm without results keeps its row."""
    finals = query.table(connection, SQL, edition=edition)
    splits = marks.splits(finals)
    by_arm = {contrast.arm: contrast for contrast in contrasts}
    colours = theme.arm_colours(plan["arms"])
    ordered = sorted(plan["arms"], key=lambda arm: not arm["is_control"])
    is_about_cost = METRICS[plan["claim"]["metric"]].is_cost

    def measured(own: pl.DataFrame) -> list[Cell]:
        if is_about_cost:
            return [_cost_cell(own[column], write) for column, (_, write) in COSTS.items()]
        return [score_cell(own.filter(pl.col("split") == split)["map"]) for split in splits]

    rows = []
    for arm in ordered:
        own = finals.filter(pl.col("arm") == arm["name"])
        rows.append(_row(arm, colours[arm["name"]], own, measured(own), by_arm.get(arm["name"])))
    heads = [heading for heading, _ in COSTS.values()] if is_about_cost else [_heading(split) for split in splits]
    return Table(_reading(plan), heads, is_about_cost, rows)


def _row(
    arm: Mapping[str, Any],
    colour: str,
    finals: pl.DataFrame,
    scores: list[Cell],
    contrast: "Contrast | None",
) -> Row:
    trials = finals.unique(["seed", "replicate"])
    return Row(
        name=arm["name"],
        is_control=arm["is_control"],
        colour=colour,
        scores=scores,
        difference=words.signed(contrast.difference) if contrast else words.MISSING,
        interval=words.interval(contrast.low, contrast.high) if contrast else "",
        p=words.probability(contrast.p_adjusted) if contrast else words.MISSING,
        seeds=words.count(len(trials)),
        parameters=words.count(_mean(trials["parameters"])),
        memory=words.size(_mean(trials["peak_memory_bytes"])),
        seconds=words.duration(_mean(trials["seconds"])),
    )


def score_cell(scores: pl.Series) -> Cell:
    """Average scores over seeds; a score that is NaN is told, not dropped."""
    measured = scores.drop_nulls()
    if measured.is_empty():
        return Cell(words.MISSING)
    if measured.is_nan().any():
        return Cell("NaN")
    spread = measured.std()
    return Cell(words.points(_mean(measured)), "" if spread is None else words.points(float(spread)))  # type: ignore[arg-type]


def _cost_cell(costs: pl.Series, write: Callable[[float | None], str]) -> Cell:
    """Average a cost; what is counted and not timed has no spread worth telling."""
    mean, spread = _mean(costs), costs.std()
    if mean is None or not isinstance(spread, float) or spread < 1e-6 * mean:
        return Cell(write(mean))
    return Cell(write(mean), write(spread))


def _mean(values: pl.Series) -> float | None:
    mean = values.mean()
    return float(mean) if isinstance(mean, int | float) else None


def _heading(split: str) -> str:
    stage, _, activities = split.partition("_")
    return f"{activities.capitalize()} ({stage})" if activities else stage


def _reading(plan: PlanFile) -> str:
    claim = plan["claim"]
    facts = METRICS[claim["metric"]]
    if facts.is_cost:
        return (
            "Mean ± standard deviation over seeds, each of which is another measurement; its latency is the median of "
            "its repeats. The memory of a pass is the most that torch holds: weights, clips and what is computed. "
            f"Difference: to {words.compared_with(claim)}, in {facts.unit}, seed by seed, with the interval that the "
            "answer uses."
        )
    return (
        f"mAP in points, mean ± standard deviation over seeds. Difference: to {words.compared_with(claim)}, on "
        f"{words.split(claim['split'])}, paired by seed and clip, with the interval that the answer uses."
    )
