"""What the study cost, and what sharing phases between arms saved."""

from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "Cost, and what sharing saved"
SHORT = "Cost"
PLACE = 60
READING = (
    "Time spent by kind of phase. Where several arms start from the same phase it is trained once; the pale part is "
    "the time that training it again for each arm would have taken. What chose each arm's levels stands apart."
)
SQL = """
with spent as (
    select * replace (case when tuning is null then phase else 'tuning: ' || phase end as phase), phase as kind
    from costs
)
select phase, count(distinct key) as trainings, count(*) as needed,
       sum(epochs / shared_by) as epochs, sum(epochs) - sum(epochs / shared_by) as epochs_saved,
       sum(seconds / shared_by) as seconds, sum(seconds) - sum(seconds / shared_by) as seconds_saved
from spent
where edition = $edition and seconds is not null
group by phase
order by any_value(tuning) is null, min(case kind when 'rgb' then 0 when 'sender' then 1 else 2 end)
"""

ROW = 68
BAR = 20
PARTS = ["spent", "saved by sharing"]
UNITS = ((2 * 3600.0, "hours", 3600.0), (180.0, "minutes", 60.0), (0.0, "seconds", 1.0))


def applies(plan: dict[str, Any]) -> bool:
    """Always: every training takes time."""
    return True


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any:
    """Draw one bar a kind of phase: spent, and saved."""
    most = max(row["seconds"] + row["seconds_saved"] for row in frame.to_dicts())
    unit, scale = next((unit, scale) for least, unit, scale in UNITS if most >= least)
    axis = alt.Axis(grid=False, labelColor=theme.colour("ink"))
    rows = alt.Scale(paddingInner=0.7, paddingOuter=0.55)
    y = alt.Y("phase:N", sort=frame["phase"].to_list(), title=None, axis=axis, scale=rows)
    colours = alt.Scale(domain=PARTS, range=[theme.colour("seen"), theme.colour("up1")])
    bars = (
        alt.Chart(marks.data(_parts(frame, scale)))
        .mark_bar(cornerRadius=2, height=BAR)
        .encode(
            x=alt.X("sum(time):Q", title=f"time ({unit})", stack=True),
            y=y,
            color=alt.Color("part:N", scale=colours, legend=marks.LEGEND),
            order=alt.Order("part:N", sort="descending"),
            tooltip=["phase:N", "part:N", alt.Tooltip("time:Q", title=unit, format=",.1f")],
        )
    )
    told = frame.with_columns(
        pl.Series("spent", [_spent(row) for row in frame.to_dicts()], dtype=pl.String),
        pl.Series("saved", [_saved(row) for row in frame.to_dicts()], dtype=pl.String),
    )
    text = alt.Chart(marks.data(told)).encode(y=y, x=alt.value(0), color=alt.value(theme.colour("muted")))
    above = text.mark_text(align="left", baseline="bottom", dy=-BAR / 2 - 2, fontSize=11).encode(text="spent:N")
    below = text.mark_text(align="left", baseline="top", dy=BAR / 2 + 3, fontSize=11).encode(text="saved:N")
    return alt.layer(bars, above, below).properties(width="container", height=ROW * len(frame) + 10)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell the cost of each kind of phase in words."""
    told = [": ".join([row["phase"], "; ".join(filter(None, (_spent(row), _saved(row))))]) for row in frame.to_dicts()]
    return f"{'. '.join(told)}."


def _parts(frame: pl.DataFrame, scale: float) -> pl.DataFrame:
    """Give one row a bar's part: phase, part, time (in units of `scale` seconds)."""
    parts = dict(zip(("seconds", "seconds_saved"), PARTS, strict=True))
    long = frame.unpivot(on=list(parts), index="phase", variable_name="part", value_name="time")
    return long.filter(pl.col("time") > 0).with_columns(pl.col("part").replace(parts), pl.col("time") / scale)


def _spent(row: dict[str, Any]) -> str:
    if not row["epochs"]:
        return f"{words.count(row['trainings'], 'measurement')}, {words.duration(row['seconds'])}"
    trainings, epochs = words.count(row["trainings"], "training"), words.count(row["epochs"], "epoch")
    return f"{trainings}, {epochs}, {words.duration(row['seconds'])}"


def _saved(row: dict[str, Any]) -> str:
    """Say what sharing saved; empty if nothing was shared."""
    if row["needed"] == row["trainings"]:
        return ""
    return f"sharing saved {words.duration(row['seconds_saved'])} ({words.count(row['epochs_saved'], 'epoch')})"
