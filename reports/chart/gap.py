"""Seen against unseen activities: how much of the score does an arm lose on activities it was never trained on?"""

from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "From seen to unseen activities"
SHORT = "Gap"
PLACE = 30
READING = (
    "One arrow an arm: from the mean on activities seen in training to that on activities never seen, with the gap "
    "between them in points. The two sets hold different clips, so compare gaps between arms, not a gap with zero."
)
SQL = """
select arm, is_control, seed, replicate, split, map
from finals
where edition = $edition and map is not null and not isnan(map) and not pruned
  and (split like '%_seen' or split like '%_unseen')
order by arm, split, seed, replicate
"""

ROW, DENSE_ROW = 34, 22
HEADS = (("triangle-left", 10, pl.col("gap") < 0), ("triangle-right", -10, pl.col("gap") >= 0))
"""Arrow heads before the unseen mean: shape, pixels from it, and for which gaps."""
LEAST_SHARE = 0.12  # of the axis that a gap takes; a shorter one has no room for a head


def applies(plan: dict[str, Any]) -> bool:
    """Ask for scores; every data set has both kinds of activities."""
    return marks.shows_scores(plan)


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw one arrow an arm and stage, from the seen mean to the unseen mean."""
    drawn = marks.with_activities(frame)
    stages = marks.stages(drawn)
    charts = [_panel(drawn.filter(pl.col("stage") == stage), plan, stage) for stage in stages]
    return marks.panels(charts, columns=2)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell each arm's gap in words."""
    gaps = _gaps(marks.with_activities(frame))
    sentences = []
    for (stage,), group in gaps.group_by("stage", maintain_order=True):
        told = "; ".join(
            f"{row['arm']}: {words.points(row['seen'])} seen, {words.points(row['unseen'])} unseen, gap "
            f"{words.signed(row['gap'])}"
            for row in group.to_dicts()
        )
        sentences.append(f"Mean mAP on {stage}. {told}.")
    return " ".join(sentences)


def _gaps(frame: pl.DataFrame) -> pl.DataFrame:
    """Give stage, arm, seen, unseen (mean points) and gap, for arms that have both."""
    means = frame.group_by("stage", "arm", "activities", maintain_order=True).agg(pl.col("map").mean())
    wide = means.pivot(on="activities", on_columns=marks.ACTIVITIES, index=["stage", "arm"], values="map")
    wide = wide.rename(dict(zip(marks.ACTIVITIES, ("seen", "unseen"), strict=True)))
    return wide.drop_nulls(["seen", "unseen"]).with_columns((pl.col("unseen") - pl.col("seen")).alias("gap"))


def _panel(frame: pl.DataFrame, plan: dict[str, Any], stage: str) -> Any:
    arms = [arm["name"] for arm in marks.arms_in(frame, plan)]
    gaps = _gaps(frame).with_columns(
        pl.col("gap").map_elements(words.signed, return_dtype=pl.String).alias("told"),
        ((pl.col("seen") + pl.col("unseen")) / 2).alias("middle"),
    )
    means = marks.over_seeds(frame, ["arm", "activities"])
    y = alt.Y("arm:N", sort=arms, title=None, axis=marks.arm_axis(plan))
    x = alt.X("mean:Q", title="mAP (points)", scale=alt.Scale(zero=False, nice=True))
    joined = alt.Chart(marks.data(gaps)).encode(y=y)
    rule = joined.mark_rule(color=theme.colour("band"), strokeWidth=2).encode(x="seen:Q", x2="unseen:Q")
    span = max(frame["map"]) - min(frame["map"])
    long = gaps.filter(pl.col("gap").abs() > LEAST_SHARE * span)
    heads = [
        alt.Chart(marks.data(long.filter(is_there)))
        .mark_point(filled=True, opacity=1, size=70, color=theme.colour("band"), shape=shape, xOffset=offset)
        .encode(x="unseen:Q", y=y)
        for shape, offset, is_there in HEADS
        if not long.filter(is_there).is_empty()
    ]
    label = joined.mark_text(dy=-9, fontSize=11, color=theme.colour("muted")).encode(x="middle:Q", text="told:N")
    tooltip = ["arm:N", "activities:N", *marks.score_tooltip()]
    points = (
        alt.Chart(marks.data(means))
        .mark_point(filled=True, size=110, opacity=1)
        .encode(x=x, y=y, color=marks.activities_colour(), shape=marks.activities_shape(), tooltip=tooltip)
    )
    seeds = (
        alt.Chart(marks.data(frame))
        .mark_tick(thickness=1.5, size=10, opacity=0.7)
        .encode(x="map:Q", y=y, color=marks.activities_colour())
        .encode(tooltip=["arm:N", "activities:N", *marks.seed_tooltip()])
    )
    if len(arms) > marks.MOST_TOLD:
        return alt.layer(rule, *heads, seeds, points).properties(height=DENSE_ROW * len(arms), title=stage)
    return alt.layer(rule, *heads, seeds, points, label).properties(height=ROW * len(arms), title=stage)
