"""The table of a study in the paper's layout: seen, unseen, mean; test columns once they are revealed.

M. Peng et al., Towards Activated Muscle Group Estimation in the Wild, arXiv:2303.00952.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from reports import marks, query, table, words
from reports.typeset import Typeset
from results import answer
from results.claim import Claim
from results.plan import PlanFile

if TYPE_CHECKING:
    import duckdb

    from results.contrast import Contrast

COLUMNS = ("Seen", "Unseen", "Mean")
COSTS = ("Latency (ms)", "Memory (MB)", "GFLOPs", "Parameters (M)")
BEYOND = " \N{DAGGER}"


def set_table(
    connection: "duckdb.DuckDBPyConnection", edition: str, plan: PlanFile, contrasts: "Sequence[Contrast]"
) -> Typeset:
    """Set the table of an edition, the control first."""
    finals = query.table(connection, table.SQL, edition=edition)
    claim = Claim.model_validate(plan["claim"])
    differences = {contrast.arm: _difference(contrast, claim) for contrast in contrasts}
    stages = [] if claim.is_about_cost else _stages(finals)
    rows = []
    for arm in sorted(plan["arms"], key=lambda arm: not arm["is_control"]):
        own = finals.filter(pl.col("arm") == arm["name"])
        cells = _costs(own) if claim.is_about_cost else [cell for stage in stages for cell in _scores(own, stage)]
        name = f"{arm['name']} (control)" if arm["is_control"] else arm["name"]
        rows.append([name, *cells, differences.get(arm["name"], words.MISSING)])
    difference = f"Difference ({'%' if claim.is_about_cost else 'points'})"
    columns = COSTS if claim.is_about_cost else COLUMNS * len(stages)
    groups = [("", 1), *((marks.NAMES[stage].capitalize(), len(COLUMNS)) for stage in stages), ("", 1)]
    return Typeset(_caption(plan, claim), edition, ["Arm", *columns, difference], rows, groups if stages else ())


def _stages(finals: pl.DataFrame) -> list[str]:
    there = {split.partition("_")[0] for split in finals["split"]}
    return [stage for stage in marks.NAMES if stage in there]


def _scores(own: pl.DataFrame, stage: str) -> list[str]:
    """Write the scores of an arm on seen and unseen activities, and each trial's mean of the two."""
    wide = [own.filter(pl.col("split") == f"{stage}_{kind}").select("seed", "map") for kind in ("seen", "unseen")]
    both = wide[0].join(wide[1], on="seed", suffix="_unseen")
    means = both.select((pl.col("map") + pl.col("map_unseen")) / 2)["map"]
    return [_spread(scores) for scores in (*(part["map"] for part in wide), means)]


def _spread(numbers: pl.Series) -> str:
    """Write a mean and the standard deviation over seeds: ``41.3 ± 0.8``."""
    cell = table.score_cell(numbers)
    return f"{cell.mean} ± {cell.spread}" if cell.spread else cell.mean


def _costs(own: pl.DataFrame) -> list[str]:
    columns: dict[str, float] = {"latency_ms": 1, "inference_memory_bytes": 1e6, "gflops": 1, "parameters": 1e6}
    means: list[Any] = [own[column].mean() for column in columns]
    return [
        words.MISSING if mean is None else words.significant(mean / unit)
        for mean, unit in zip(means, columns.values(), strict=True)
    ]


def _difference(contrast: "Contrast", claim: Claim) -> str:
    """Write a difference and its interval: ``+2.4 [+0.3, +4.5] †``."""
    if not contrast.has_interval:
        return words.signed(contrast.difference)
    ends = f"[{words.signed(contrast.low)}, {words.signed(contrast.high)}]"
    is_claimed = contrast.is_claimed and answer.place(claim, contrast.low, contrast.high) == "claimed"
    return f"{words.signed(contrast.difference)} {ends}{BEYOND if is_claimed else ''}"


def _caption(plan: PlanFile, claim: Claim) -> str:
    what = (
        "Means over seeds of what a pass costs at inference"
        if claim.is_about_cost
        else "mAP in points, mean ± standard deviation over seeds"
    )
    return (
        f"{plan['question']['ask']} {what}. Difference to {words.compared_with(plan['claim'])} on "
        f"{words.split(claim.split)}, with the interval corrected for the number of arms;{BEYOND} marks what the "
        "claim says."
    )
