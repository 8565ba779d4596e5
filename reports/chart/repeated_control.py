"""The control against itself (A/A): how large is a difference between two trainings of the same thing?"""

from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "The control against itself"
SHORT = "A/A"
PLACE = 12
READING = (
    "The control trained once more, from other random numbers, minus the control, seed by seed; below it the same of "
    "the other arms. The shaded band reaches as far as the control differs from itself: no difference there is one. "
    "Dashed lines are the smallest difference that matters."
)
SQL = """
select differences.arm, differences.replicate > 0 as is_control_again, seed, split, difference
from differences
where edition = $edition and difference is not null and exists (
    from arms where arms.edition = $edition and arms.replicate > 0)
order by differences.arm, seed, split
"""

ROW, DENSE_ROW = 26, 16


def applies(plan: dict[str, Any]) -> bool:
    """Ask for scores, and a control that is trained once more."""
    return marks.shows_scores(plan) and any(arm["replicate"] for arm in plan["arms"])


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw one row an arm, the control again on top, and the reach of its differences."""
    seeds = _on_claim(frame, plan)
    again = seeds.filter(pl.col("is_control_again"))
    if again.is_empty():
        return None
    arms = [arm["name"] for arm in sorted(marks.arms_in(seeds, plan), key=lambda arm: not arm["replicate"])]
    y = alt.Y("arm:N", sort=arms, title=None, axis=alt.Axis(grid=False, labelColor=theme.colour("ink")))
    x = alt.X("difference:Q", title="difference (points)")
    reach, smallest = _reach(again), float(plan["claim"]["smallest"])
    band = alt.Chart(marks.row(low=-reach, high=reach)).mark_rect(color=theme.colour("band"), opacity=0.2)
    ends = alt.Chart(marks.data(pl.DataFrame({"margin": [-smallest, smallest]})))
    margin = ends.mark_rule(color=theme.colour("muted"), strokeDash=[4, 3]).encode(x="margin:Q")
    zero = alt.Chart(marks.row(zero=0)).mark_rule(color=theme.colour("muted"), strokeWidth=1.2).encode(x="zero:Q")
    colours = alt.condition(
        "datum.is_control_again", alt.value(theme.colour("control")), alt.value(theme.colour("seen"))
    )
    ticks = alt.Chart(marks.data(seeds)).mark_tick(thickness=2.5, size=14).encode(x=x, y=y, color=colours)
    ticks = ticks.encode(tooltip=["arm:N", *marks.seed_tooltip("difference", "difference")])
    layers = [band.encode(x="low:Q", x2="high:Q"), *([margin] if smallest else []), zero, ticks]
    height = (ROW if len(arms) <= marks.MOST_TOLD else DENSE_ROW) * len(arms)
    return alt.layer(*layers).properties(width="container", height=height)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell how far the control differs from itself, and how many single seeds of other arms differ by more."""
    seeds = _on_claim(frame, plan)
    again = seeds.filter(pl.col("is_control_again"))
    if again.is_empty():
        return "0 seeds of the control that was trained once more have a counterpart."
    others = seeds.filter(~pl.col("is_control_again"))
    beyond = others.filter(pl.col("difference").abs() > _reach(again))
    return (
        f"Trained once more, the control differs from itself by {words.points(_reach(again))} points of mAP at most, "
        f"over {words.count(len(again), 'seed')}; {len(beyond)} of {len(others)} differences of single seeds of other "
        "arms are larger."
    )


def _reach(again: pl.DataFrame) -> float:
    return max(abs(float(difference)) for difference in again["difference"])


def _on_claim(frame: pl.DataFrame, plan: dict[str, Any]) -> pl.DataFrame:
    """Average each seed's difference over the claim's splits."""
    return marks.on_claim(frame, plan, "difference", ["arm", "is_control_again", "seed"])
