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
    "the time that training it again for each arm would have taken."
)
SQL = """
select phase, count(distinct key) as trainings, count(*) as needed,
       sum(epochs / shared_by) as epochs, sum(epochs) - sum(epochs / shared_by) as epochs_saved,
       sum(seconds / shared_by) as seconds, sum(seconds) - sum(seconds / shared_by) as seconds_saved
from costs
where edition = $edition and seconds is not null
group by phase
order by min(case phase when 'rgb' then 0 when 'sender' then 1 else 2 end)
"""

ROW = 46
UNITS = ((2 * 3600.0, "hours", 3600.0), (180.0, "minutes", 60.0), (0.0, "seconds", 1.0))


def applies(plan: dict[str, Any]) -> bool:
    """Always: every training takes time."""
    return True


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any:
    """Draw one bar a kind of phase: spent, and saved."""
    most = max(row["seconds"] + row["seconds_saved"] for row in frame.to_dicts())
    unit, scale = next((unit, scale) for least, unit, scale in UNITS if most >= least)
    told = pl.Series("told", [_told(row) for row in frame.to_dicts()], dtype=pl.String)
    bars = frame.with_columns(told).unpivot(
        on=["seconds", "seconds_saved"], index=["phase", "told"], variable_name="part", value_name="time"
    )
    spent = pl.when(pl.col("part") == "seconds").then(pl.lit("spent")).otherwise(pl.lit("saved by sharing"))
    bars = bars.with_columns(spent.alias("part"), pl.col("time") / scale)
    order = frame["phase"].to_list()
    axis = alt.Axis(grid=False, labelColor=theme.colour("ink"))
    y = alt.Y("phase:N", sort=order, title=None, axis=axis, scale=alt.Scale(paddingInner=0.55, paddingOuter=0.4))
    parts = alt.Scale(domain=["spent", "saved by sharing"], range=[theme.colour("seen"), theme.colour("up1")])
    tooltip = [alt.Tooltip("phase:N"), alt.Tooltip("part:N"), alt.Tooltip("time:Q", title=unit, format=",.1f")]
    base = alt.Chart(marks.data(bars.filter(pl.col("time") > 0))).encode(y=y)
    drawn = base.mark_bar(cornerRadius=2).encode(
        x=alt.X("sum(time):Q", title=f"time ({unit})", stack=True),
        color=alt.Color("part:N", scale=parts),
        order=alt.Order("part:N", sort="descending"),
        tooltip=tooltip,
    )
    text = alt.Chart(marks.data(frame.with_columns(told))).mark_text(align="left", dy=-18, fontSize=11)
    text = text.encode(y=y, x=alt.value(0), text="told:N", color=alt.value(theme.colour("muted")))
    return alt.layer(drawn, text).properties(width="container", height=ROW * len(order) + 10)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell the cost of each kind of phase in words."""
    return " ".join(f"{row['phase']}: {_told(row)}." for row in frame.to_dicts())


def _told(row: dict[str, Any]) -> str:
    spent = f"{words.count(row['trainings'], 'training')}, {words.count(row['epochs'], 'epoch')}"
    told = f"{spent}, {words.duration(row['seconds'])}"
    if row["needed"] == row["trainings"]:
        return told
    saved = f"{words.duration(row['seconds_saved'])} ({words.count(row['epochs_saved'], 'epoch')})"
    return f"{told}; sharing saved {saved}"
