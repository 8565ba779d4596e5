"""Signs of failure that the paper names, in words: each is told only where it holds.

They are those of the chart of signatures, and are looked for in every study of scores, whether it draws that chart.
Arms from different commits are told among the cautions.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl

from reports import marks, query, words
from reports.chart import signatures
from results.plan import PlanFile

if TYPE_CHECKING:
    import duckdb


def list_signs(connection: "duckdb.DuckDBPyConnection", edition: str, plan: PlanFile) -> list[str]:
    """Tell every signature that is beyond its threshold, as the mean over seeds."""
    if not marks.shows_scores(plan):
        return []
    found = query.table(connection, signatures.SQL, edition=edition)
    if found.is_empty():
        return []
    beyond = signatures.over_seeds(found).filter(pl.col("value") > pl.col("threshold"))
    seeds = {name: len(group) for (name,), group in found.group_by("name")}
    return [f"{SAID[row['signature']](row)} {_held(row, seeds[row['name']])}" for row in beyond.to_dicts()]


def _overfitting(row: dict[str, Any]) -> str:
    gap = words.points(row["value"])
    return (
        f"Overfitting to seen activities: above chance, the control scores {gap} points more on activities that it was "
        "trained on than on others"
    )


def _reliance(row: dict[str, Any]) -> str:
    gain, arm = words.points(row["value"]), row["name"].partition(": ")[2]
    return (
        f"Reliance on the auxiliary modality: with the true tokens of the sender ({arm}), which are not there at "
        f"inference, it scores {gain} points more than with those that it learned"
    )


def _instability(row: dict[str, Any]) -> str:
    return (
        "Unstable predictions between similar activities: where two of them agree about a muscle group, its scores "
        f"differ by {row['value']:.3f} all the same"
    )


def _damage(row: dict[str, Any]) -> str:
    return f"Fragile: {row['name'].partition(': ')[2]} costs {words.points(row['value'])} points"


SAID: dict[str, Callable[[dict[str, Any]], str]] = {
    "overfitting": _overfitting,
    "reliance": _reliance,
    "instability": _instability,
    "damage": _damage,
}
"""Signature -> its sentence, without the end."""


def _held(row: dict[str, Any], seeds: int) -> str:
    threshold = f"{row['threshold']:.2f}" if row["signature"] == "instability" else words.points(row["threshold"])
    return f"(threshold {threshold}; mean of {words.count(seeds, 'seed')})."
