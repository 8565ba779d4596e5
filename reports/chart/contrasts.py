"""Forest of contrasts: each arm against the control, with the interval that the answer rests on.

The differences of single seeds come from the SQL; difference and interval are those of `results.contrast`, which also
knows the spread over activities and clips. The page hands them over as ``plan["answer"]["contrasts"]``.
"""

from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words
from results.metric.facts import METRICS, Facts

TITLE = "Difference to the control"
SHORT = "Differences"
PLACE = 10
READING = (
    "Each arm minus the control on the claim's splits, paired by seed and clip; or what it costs at inference, in "
    "percent more or less than the control with the same seed. The bar is the claim's interval; small marks are single "
    "seeds, left out if there are many arms. In the shaded band lie differences too small to matter."
)
SQL = """
select arm, seed, replicate, split, difference, latency_percent, peak_memory_percent
from differences
where edition = $edition
order by arm, seed, replicate, split
"""

ROW, DENSE_ROW = 40, 24
ALIGNED = (  # numbers near an edge grow away from it, so that a narrow page does not cut them
    "scale('x', datum.difference) > 0.65 * width ? 'right' : "
    "scale('x', datum.difference) < 0.35 * width ? 'left' : 'center'"
)
SCHEMA = {"arm": pl.String, "difference": pl.Float64, "low": pl.Float64, "high": pl.Float64, "p_adjusted": pl.Float64}


def applies(plan: dict[str, Any]) -> bool:
    """Ask for an arm beside the control."""
    return len(plan["arms"]) > 1


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any:
    """Draw one row an arm: seeds, difference, interval, margin."""
    compared = set(_contrasts(plan)["arm"].to_list())
    arms = [arm["name"] for arm in plan["arms"] if arm["name"] in compared]
    colours = theme.arm_colours(plan["arms"])
    y = alt.Y("arm:N", sort=arms, title=None, axis=alt.Axis(grid=False, labelColor=theme.colour("ink")))
    colour = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=[colours[arm] for arm in arms]), legend=None)
    rows = _contrasts(plan).drop_nans("difference")
    contrasts = alt.Chart(marks.data(rows)).encode(y=y)
    bars, points = _intervals(contrasts.encode(color=colour), METRICS[plan["claim"]["metric"]])
    shown = [bars, points] if marks.has_interval(rows) else [points]
    if len(arms) > marks.MOST_TOLD:
        return alt.layer(*_margin(plan), *shown).properties(width="container", height=DENSE_ROW * len(arms))
    text = contrasts.mark_text(dy=-13, fontSize=11, align=alt.ExprRef(ALIGNED))
    text = text.encode(x="difference:Q", text="told:N", color=alt.value(theme.colour("muted")))
    seeds = alt.Chart(marks.data(_seeds(frame, plan))).mark_point(size=30, strokeWidth=1.2, yOffset=11)
    seeds = seeds.encode(x="difference:Q", y=y, color=colour)
    seeds = seeds.encode(tooltip=["arm:N", *marks.seed_tooltip("difference", "difference")])
    layers = [*_margin(plan), *marks.haloed(text), seeds, *shown]
    return alt.layer(*layers).properties(width="container", height=ROW * len(arms) + 10)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell each arm's difference and interval in words."""
    told = [
        f"{row['arm']} {words.signed(row['difference'])} ({words.interval(row['low'], row['high'])})"
        for row in _contrasts(plan).to_dicts()
    ]
    facts = METRICS[plan["claim"]["metric"]]
    unit = f"in {facts.unit}" if facts.is_cost else f"in {facts.unit} of {facts.word}"
    what = f"Difference to {words.compared_with(plan['claim'])} {unit}, with interval"
    return f"{what}: {'; '.join(told) or 'none'}."


def _contrasts(plan: dict[str, Any]) -> pl.DataFrame:
    rows = [{name: contrast.get(name) for name in SCHEMA} for contrast in plan.get("answer", {}).get("contrasts", [])]
    frame = pl.DataFrame(rows, schema=SCHEMA)
    told = [
        f"{words.signed(row['difference'])} ({words.interval(row['low'], row['high'])})" for row in frame.to_dicts()
    ]
    return frame.with_columns(pl.Series("told", told, dtype=pl.String))


def _seeds(frame: pl.DataFrame, plan: dict[str, Any]) -> pl.DataFrame:
    """Give one difference a seed on the claim's split."""
    metric = plan["claim"]["metric"]
    column = f"{metric}_percent" if METRICS[metric].is_cost else "difference"
    return marks.on_claim(frame, plan, column, ["arm", "seed", "replicate"]).rename({column: "difference"})


def _intervals(base: Any, facts: Facts) -> tuple[Any, Any]:
    """Draw the bars of the intervals that there are, and the differences."""
    tooltip = [
        alt.Tooltip("arm:N"),
        alt.Tooltip("difference:Q", format="+.1f"),
        alt.Tooltip("low:Q", title="interval from", format="+.1f"),
        alt.Tooltip("high:Q", title="to", format="+.1f"),
        alt.Tooltip("p_adjusted:Q", title="adjusted p", format=".3f"),
    ]
    bars = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=3, strokeCap="round")
    points = base.mark_point(filled=True, size=130, opacity=1, shape="square")
    x = alt.X(
        "difference:Q", title=f"{facts.word} {'against the control (%)' if facts.is_cost else 'difference (points)'}"
    )
    return bars.encode(x=alt.X("low:Q"), x2="high:Q", tooltip=tooltip), points.encode(x=x, tooltip=tooltip)


def _margin(plan: dict[str, Any]) -> list[Any]:
    smallest = plan["claim"]["smallest"]
    zero = alt.Chart(marks.row(zero=0)).mark_rule(color=theme.colour("muted"), strokeWidth=1.2)
    layers = [zero.encode(x=alt.X("zero:Q"))]
    if smallest > 0:
        band = alt.Chart(marks.row(low=-smallest, high=smallest))
        layers.insert(0, band.mark_rect(color=theme.colour("band"), opacity=0.16).encode(x="low:Q", x2="high:Q"))
    return layers
