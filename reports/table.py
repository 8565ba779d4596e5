"""The table of arms: means and spreads of every split that is open, the difference to the control, and what it cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from reports import marks, query, theme, words
from results.plan import PlanFile

if TYPE_CHECKING:
    import duckdb

    from results.contrast import Contrast

SQL = """
select arm, seed, replicate, split, map, parameters, peak_memory_bytes, seconds
from finals
where edition = $edition and not pruned
"""


@dataclass(frozen=True)
class Cell:
    """Mean of a split over seeds and the standard deviation between them (empty for one seed)."""

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
    """Rows in the plan's order, the control first; `splits` heads the columns of scores."""

    reading: str
    splits: list[str]
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
    rows = [_row(arm, colours, finals.filter(pl.col("arm") == arm["name"]), splits, by_arm) for arm in ordered]
    return Table(_reading(plan), [_heading(split) for split in splits], rows)


def _row(
    arm: Mapping[str, Any],
    colours: Mapping[str, str],
    finals: pl.DataFrame,
    splits: Sequence[str],
    contrasts: "Mapping[str, Contrast]",
) -> Row:
    contrast = contrasts.get(arm["name"])
    trials = finals.unique(["seed", "replicate"])
    return Row(
        name=arm["name"],
        is_control=arm["is_control"],
        colour=colours[arm["name"]],
        scores=[_cell(finals.filter(pl.col("split") == split)["map"]) for split in splits],
        difference=words.signed(contrast.difference) if contrast else words.MISSING,
        interval=words.interval(contrast.low, contrast.high) if contrast else "",
        p=words.probability(contrast.p_adjusted) if contrast else words.MISSING,
        seeds=words.count(len(trials)),
        parameters=words.count(_mean(trials["parameters"])),
        memory=words.size(_mean(trials["peak_memory_bytes"])),
        seconds=words.duration(_mean(trials["seconds"])),
    )


def _cell(scores: pl.Series) -> Cell:
    """Average the scores of one split; a score that is NaN is told, not dropped."""
    measured = scores.drop_nulls()
    if measured.is_empty():
        return Cell(words.MISSING)
    if measured.is_nan().any():
        return Cell("NaN")
    spread = measured.std()
    return Cell(words.points(_mean(measured)), "" if spread is None else words.points(float(spread)))  # type: ignore[arg-type]


def _mean(values: pl.Series) -> float | None:
    mean = values.mean()
    return float(mean) if isinstance(mean, int | float) else None


def _heading(split: str) -> str:
    stage, _, activities = split.partition("_")
    return f"{activities.capitalize()} ({stage})" if activities else stage


def _reading(plan: PlanFile) -> str:
    claim = plan["claim"]
    return (
        f"mAP in points, mean ± standard deviation over seeds. Difference: to {words.compared_with(claim)}, on "
        f"{words.split(claim['split'])}, paired by seed and clip, with the interval that the answer uses."
    )
