"""Every seed of every arm: do arms differ by more than their seeds do, and is a seed good or bad for all of them?"""

from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "Every seed of every arm"
SHORT = "Seeds"
PLACE = 35
READING = (
    "One mark a seed, on the mean of the claim's splits; the bar is the arm's mean. Thin lines join a seed through the "
    "arms: where they run alike, pairing by seed pays. Point at a mark to follow its seed; drag to mark a range."
)
SQL = """
select arm, is_control, seed, replicate, split, map
from finals
where edition = $edition and map is not null and not isnan(map) and not pruned
order by arm, seed, replicate, split
"""

ROW, DENSE_ROW = 30, 18


def applies(plan: dict[str, Any]) -> bool:
    """Ask for scores; every trial has a seed."""
    return marks.shows_scores(plan)


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw one row an arm: its seeds, their mean, and each seed's way through the arms."""
    seeds = on_claim(frame, plan)
    if seeds.is_empty():
        return None
    arms = [arm["name"] for arm in marks.arms_in(seeds, plan)]
    ranked = seeds.with_columns(pl.col("arm").replace_strict(arms, range(len(arms))).alias("rank"))
    followed = alt.selection_point(name="seed", fields=["seed"], on="pointerover", clear="pointerout", empty=False)
    brushed = alt.selection_interval(name="range", encodings=["x"])
    y = alt.Y("arm:N", sort=arms, title=None, axis=marks.arm_axis(plan))
    x = alt.X("map:Q", title="mAP (points)", scale=alt.Scale(zero=False, nice=True))
    base = alt.Chart(marks.data(ranked)).encode(x=x, y=y)
    lines = base.mark_line(strokeWidth=1.2, color=theme.colour("band")).encode(
        detail="seed:N", order="rank:Q", opacity=alt.condition(followed, alt.value(1), alt.value(0.25))
    )
    points = base.mark_point(filled=True, size=70).encode(
        color=alt.condition(followed, alt.value(theme.colour("unseen")), alt.value(theme.colour("seen"))),
        opacity=marks.faded(brushed, 0.9),
        tooltip=["arm:N", *marks.seed_tooltip()],
    )
    means = seeds.group_by("arm", maintain_order=True).agg(pl.col("map").mean(), pl.len().alias("seeds"))
    bars = alt.Chart(marks.data(means)).mark_tick(thickness=2.5, size=18, color=theme.colour("ink")).encode(x=x, y=y)
    bars = bars.encode(tooltip=["arm:N", alt.Tooltip("map:Q", title="mean mAP", format=".1f"), "seeds:Q"])
    height = (ROW if len(arms) <= marks.MOST_TOLD else DENSE_ROW) * len(arms)
    layers = alt.layer(lines, bars, points.add_params(followed, brushed))
    return layers.properties(width="container", height=height)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell each arm's lowest and highest seed."""
    seeds = on_claim(frame, plan)
    told = []
    for arm in marks.arms_in(seeds, plan):
        own = seeds.filter(pl.col("arm") == arm["name"]).sort("map", "seed")
        low, high = own.row(0, named=True), own.row(-1, named=True)
        told.append(
            f"{arm['name']} from {words.points(low['map'])} (seed {low['seed']}) "
            f"to {words.points(high['map'])} (seed {high['seed']})"
        )
    where = words.split(plan["claim"]["split"])
    return f"mAP of single seeds on {where}. {'; '.join(told) or 'No seed has all splits'}."


def on_claim(frame: pl.DataFrame, plan: dict[str, Any]) -> pl.DataFrame:
    """Average each trial's score over the claim's splits."""
    return marks.on_claim(frame, plan, "map", ["arm", "is_control", "seed", "replicate"])
