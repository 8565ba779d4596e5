"""What each arm scored under each level that it was tuned over, before the comparison, and which one it chose."""

from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "Tuning: what each arm chose its levels by"
SHORT = "Tuning"
PLACE = 37
READING = (
    "Mean mAP over the validation splits and the seeds of the tuning, which the comparison does not use. A frame marks "
    "what the arm chose, and is compared with; cells without a number failed, or lack a seed. These scores lean "
    "upwards and decide nothing: the answer rests on other seeds."
)
SQL = """
with trials as (
    select arm, is_control, tried, position, chosen, seed, avg(map) as map
    from tuned
    where edition = $edition
    group by all
),
planned as (select count(distinct seed) as seeds from tuning where edition = $edition)
select arm, is_control, tried, position, coalesce(chosen, false) as chosen, count(*) as seeds, avg(map) as map
from trials
group by all
having count(*) = (select seeds from planned) and bool_and(isfinite(map))
order by arm, position
"""

ROW = 26
SHADES = ["level", "up1", "up2", "up3"]


def applies(plan: dict[str, Any]) -> bool:
    """Ask for arms that are tuned."""
    return "tuning" in plan


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any:
    """Draw a table: arms down, combinations of levels across, the higher the darker within a row."""
    arms = [arm["name"] for arm in marks.arms_in(frame, plan)]
    tried = frame.sort("position")["tried"].unique(maintain_order=True).to_list()
    low, high = pl.col("map").min().over("arm"), pl.col("map").max().over("arm")
    shade = pl.when(high > low).then((pl.col("map") - low) / (high - low)).otherwise(1.0)
    told = pl.Series("told", [words.points(value) for value in frame["map"]], dtype=pl.String)
    cells = frame.with_columns(shade.alias("shade"), told)
    x = alt.X("tried:N", sort=tried, title=None, axis=alt.Axis(orient="top", labelAngle=0, grid=False, labelLimit=240))
    y = alt.Y("arm:N", sort=arms, title=None, axis=marks.arm_axis(plan))
    scale = alt.Scale(type="threshold", domain=[0.25, 0.5, 0.75], range=[theme.colour(name) for name in SHADES])
    tooltip = [
        alt.Tooltip("arm:N"),
        alt.Tooltip("tried:N", title="levels"),
        alt.Tooltip("map:Q", title="mean mAP", format=".2f"),
        alt.Tooltip("seeds:Q"),
        alt.Tooltip("chosen:N"),
    ]
    base = alt.Chart(marks.data(cells)).encode(x=x, y=y, tooltip=tooltip)
    rects = base.mark_rect(cornerRadius=3).encode(color=alt.Color("shade:Q", scale=scale, legend=None))
    frames = base.transform_filter("datum.chosen").mark_rect(
        filled=False, cornerRadius=3, strokeWidth=3, stroke=theme.colour("ink")
    )
    on_strong = alt.condition(
        "datum.shade >= 0.75", alt.value(theme.colour("on_strong")), alt.value(theme.colour("ink"))
    )
    text = base.mark_text(fontSize=11).encode(text="told:N", color=on_strong)
    widest = max(40, 7 * max(map(len, tried)) + 8)
    chart: Any = alt.layer(rects, frames, text).properties(width="container", height=ROW * len(arms))
    return chart.properties(usermeta={"narrowest": 110 + widest * len(tried)})


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell what each arm chose, with its score, and its best and worst."""
    is_chosen, told = "chosen" in plan["tuning"], []
    for arm in marks.arms_in(frame, plan):
        own = frame.filter(pl.col("arm") == arm["name"]).sort("map", "tried")
        chosen = [f"chose {row['tried']} ({words.points(row['map'])})" for row in own.to_dicts() if row["chosen"]]
        choice = ", ".join(chosen) or ("has no score of its choice" if is_chosen else "chose none yet")
        told.append(
            f"{arm['name']} {choice}, with {words.points(own['map'][0])} to {words.points(own['map'][-1])} "
            f"under {words.count(len(own), 'combination')} of levels"
        )
    return f"Mean mAP of the tuning: {'; '.join(told)}."
