"""What each arm gains on each activity, against how much moves in it.

Within one activity most clips have the same muscle groups, so that average precision over clips means nothing there.
The score is label ranking average precision: for each muscle group that works, the share of the groups scored at least
as high that work too; the mean over groups, clips and seeds, in points.
"""

import math
import warnings
from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "Gain on each activity against its motion"
SHORT = "Activities"
PLACE = 45
READING = (
    "One point an activity: across, how much a pixel changes from frame to frame; up, what the arm ranks better than "
    "the control (label ranking average precision, in points, mean over clips and seeds). The line is a straight fit. "
    "Drag across a panel to mark activities of some motion in all of them."
)
SQL = """
with trained as (
    select distinct arm, seed, replicate, key
    from finals
    where edition = $edition and not pruned
), scored as (
    select key, clip, activity, split, motion, unnest(scores) as score, unnest(labels) as works
    from predictions
    where key in (select key from trained) and split like 'val%'
), ranked as (
    select *, sum(works) over above / count(*) over above as share
    from scored
    where not isnan(score)
    window above as (partition by key, clip order by score desc)
), clips as (
    select key, clip, activity, split, min(motion) as motion, 100 * avg(share) as ranking
    from ranked
    where works = 1
    group by key, clip, activity, split
), activities as (
    select key, activity, split, avg(motion) as motion, avg(ranking) as ranking
    from clips
    group by key, activity, split
)
select comparisons.arm, trained.seed, split, activity, min(motion) as motion, sum(sign * ranking) as gain
from comparisons
join trained on trained.arm = comparisons.term
join activities using (key)
where edition = $edition
group by comparisons.arm, trained.seed, split, activity
having count(*) = (
    select count(*) from comparisons as terms where terms.edition = $edition and terms.arm = comparisons.arm)
order by comparisons.arm, split, activity, trained.seed
"""

MOST_ARMS = 4
HEIGHT = 300


def applies(plan: dict[str, Any]) -> bool:
    """Ask for scores, and a few arms to compare: each has a panel."""
    return marks.shows_scores(plan) and 2 <= len(plan["arms"]) <= MOST_ARMS + 1


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw one panel an arm."""
    gains = _over_seeds(frame)
    arms = [arm["name"] for arm in marks.arms_in(gains, plan)]
    brushed = alt.selection_interval(name="motion", encodings=["x"])
    charts = [_panel(gains.filter(pl.col("arm") == arm), brushed).properties(title=arm) for arm in arms]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Automatically deduplicated")  # one range for all panels is what is meant
        return marks.panels(charts, columns=2)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell each arm's mean gain, and how it goes with motion."""
    sentences = []
    for (arm,), group in _over_seeds(frame).group_by("arm", maintain_order=True):
        means = group.group_by("activities", maintain_order=True).agg(pl.col("gain").mean(), pl.len())
        told = ", ".join(
            f"{words.signed(row['gain'])} points on {row['len']} {row['activities']}" for row in means.to_dicts()
        )
        moving = group.filter(pl.col("motion").is_finite())
        rank = moving.select(pl.corr("motion", "gain", method="spearman")).item() if len(moving) > 2 else None
        goes = "" if rank is None or math.isnan(rank) else f"; rank correlation with motion {words.share(rank)}"
        sentences.append(f"{arm}: {told}{goes}.")
    return f"Mean gain over {words.compared_with(plan['claim'])}. {' '.join(sentences)}"


def _over_seeds(frame: pl.DataFrame) -> pl.DataFrame:
    """Give the mean over seeds: arm, activities (seen or unseen), activity, motion, gain."""
    named = marks.with_activities(frame)
    means = named.group_by("arm", "activities", "activity", maintain_order=True)
    return means.agg(pl.col("motion").mean(), pl.col("gain").mean())


def _panel(gains: pl.DataFrame, brushed: alt.Parameter) -> Any:
    base = alt.Chart(marks.data(gains)).encode(
        x=alt.X("motion:Q", title="motion (grey levels a frame)", scale=alt.Scale(zero=False, nice=True)),
        y=alt.Y("gain:Q", title="gain (points)"),
    )
    zero = alt.Chart(marks.row(zero=0)).mark_rule(color=theme.colour("muted"), strokeWidth=1.2).encode(y="zero:Q")
    tooltip = [
        "activity:N",
        "activities:N",
        alt.Tooltip("motion:Q", format=".1f"),
        alt.Tooltip("gain:Q", format="+.1f"),
    ]
    points = base.mark_point(filled=True, size=70).encode(
        color=marks.activities_colour(),
        shape=marks.activities_shape(),
        opacity=marks.faded(brushed, 0.85),
        tooltip=tooltip,
    )
    fit = base.transform_regression("motion", "gain").mark_line(color=theme.colour("band"), strokeWidth=2)
    return alt.layer(zero, fit, points.add_params(brushed)).properties(height=HEIGHT)
