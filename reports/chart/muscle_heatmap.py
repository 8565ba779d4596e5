"""Muscle group x arm: where does an arm gain and where does it lose?

Cells hold the paired difference to the control in average precision; the control's own column holds its value.
"""

from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "Muscle groups: gains and losses against the control"
SHORT = "Muscles"
PLACE = 50
READING = (
    "Average precision of each muscle group minus the control's, mean over the seeds both have, in points. With few "
    "arms the control's column holds its own value. Single cells rest on few clips: read rows and columns, not cells."
)
GAINS = """
with precision as (
    unpivot (select arm, is_control, seed, split, columns('^ap\\.') from finals where edition = $edition and not pruned)
    on columns('^ap\\.') into name label value ap
), gains as (
    select comparisons.arm, seed, split, label, any_value(ap) filter (term = comparisons.arm) as ap,
        sum(sign * ap) as gain
    from comparisons
    join precision on precision.arm = term
    where edition = $edition and not isnan(ap)
    group by comparisons.arm, seed, split, label
    having count(*) = (
        select count(*) from comparisons as terms where terms.edition = $edition and terms.arm = comparisons.arm)
)
"""
"""What each arm gains over what it is compared with, a row a seed, split and muscle group; the question follows."""
SQL = f"""{GAINS}select arm, false as is_control, split, substr(label, 4) as muscle, count(*) as seeds, avg(ap) as ap,
    avg(gain) as difference
from gains
group by arm, split, label
union all
select arm, true, split, substr(label, 4), count(*), avg(ap), 0.0
from precision
where is_control and not isnan(ap)
group by arm, split, label
order by split, arm, muscle
"""

ROW = 20
MOST_TOLD = 8  # arms with numbers in their cells


def applies(plan: dict[str, Any]) -> bool:
    """Ask for scores, and an arm beside the control."""
    return marks.shows_scores(plan) and len(plan["arms"]) > 1


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw one panel a split: muscles down, arms across."""
    if frame["is_control"].all():
        return None
    step = marks.difference_step(frame.filter(~pl.col("is_control"))["difference"])
    arms = marks.arms_in(frame, plan)
    splits = marks.splits(frame)
    charts = [_panel(frame.filter(pl.col("split") == split), plan, split, step) for split in splits]
    few = len(arms) <= MOST_TOLD
    column = max(40, 7 * max(len(arm["name"]) for arm in arms) + 8) if _short([arm["name"] for arm in arms]) else 18
    chart: Any = marks.panels(charts, columns=2 if few else 1)
    return chart.properties(usermeta={"narrowest": 110 + column * len(arms), "panel": column * len(arms)})


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell the largest gains and losses in words."""
    told = []
    for (split,), group in frame.filter(~pl.col("is_control")).group_by("split", maintain_order=True):
        ranked = group.sort("difference", "arm", "muscle")
        low, high = ranked.row(0, named=True), ranked.row(-1, named=True)
        told.append(f"On {words.split(str(split))} the largest gain is {_cell(high)}, the largest loss {_cell(low)}.")
    return " ".join(told)


def _cell(row: dict[str, Any]) -> str:
    return f"{words.muscle(row['muscle'])} with {row['arm']} ({words.signed(row['difference'])})"


def _panel(frame: pl.DataFrame, plan: dict[str, Any], split: str, step: float) -> Any:
    arms = [arm["name"] for arm in marks.arms_in(frame, plan)]
    there = set(frame["muscle"].to_list())
    muscles = [words.muscle(label) for label in plan["labels"] if label in there]
    told = [
        words.points(row["ap"]) if row["is_control"] else words.signed(row["difference"]) for row in frame.to_dicts()
    ]
    cells = frame.with_columns(
        pl.col("muscle").str.replace_all("_", " ", literal=True), pl.Series("told", told, dtype=pl.String)
    )
    turned = {"labelAngle": 0, "labelPadding": 18} if _short(arms) else {"labelAngle": -60}
    axis = marks.arm_axis(plan, lines=_short(arms), orient="top", **turned)
    x = alt.X("arm:N", sort=arms, title=None, axis=axis, scale=alt.Scale(paddingInner=0.04))
    y = alt.Y("muscle:N", sort=muscles, title=None, axis=alt.Axis(grid=False), scale=alt.Scale(paddingInner=0.06))
    tooltip = [
        alt.Tooltip("muscle:N"),
        alt.Tooltip("arm:N"),
        alt.Tooltip("difference:Q", format="+.1f"),
        alt.Tooltip("ap:Q", title="average precision", format=".1f"),
        alt.Tooltip("seeds:Q"),
    ]
    rects = alt.Chart(marks.data(cells.filter(~pl.col("is_control")))).mark_rect(cornerRadius=3)
    layers = [rects.encode(x=x, y=y, color=marks.difference_colour(step), tooltip=tooltip)]
    if len(arms) <= MOST_TOLD:
        layers.append(_text(cells, x, y, 3 * step).encode(tooltip=tooltip))
    return alt.layer(*layers).properties(height=ROW * len(muscles), title=words.split(split))


def _text(cells: pl.DataFrame, x: alt.X, y: alt.Y, strong: float) -> Any:
    on_strong = f"!datum.is_control && abs(datum.difference) >= {strong}"
    colour = alt.condition(on_strong, alt.value(theme.colour("on_strong")), alt.value(theme.colour("ink")))
    return alt.Chart(marks.data(cells)).mark_text(fontSize=11).encode(x=x, y=y, text="told:N", color=colour)


def _short(arms: list[str]) -> bool:
    return len(arms) <= MOST_TOLD and max(map(len, arms)) <= 9
