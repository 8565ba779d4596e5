"""The score against a number that the study varies: the shape that answers "how many?".

One panel for each such factor and stage. Arms that differ in other factors too are joined only with arms that share
these, one line each.
"""

from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "Score against the number that was varied"
SHORT = "Response"
PLACE = 20
READING = (
    "Small marks are single seeds, lines join the means, bars are 95 % t intervals over seeds. "
    "They show the spread of each arm; the answer rests on paired differences, which vary less."
)
SQL = """
select arm, is_control, seed, replicate, split, map
from finals
where edition = $edition and map is not null and not isnan(map) and not pruned
order by arm, split, seed, replicate
"""

FEWEST_LEVELS = 3
RATIO_FOR_LOG = 8.0
MOST_LABELS = 8
BESIDE = alt.ExprRef(f"datum.activities === {marks.ACTIVITIES[0]!r} ? -4 : 4")  # px, so that bars do not overlap


def applies(plan: dict[str, Any]) -> bool:
    """Ask for scores, and a factor with three or more numbers as levels."""
    return marks.shows_scores(plan) and bool(_numeric(plan))


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw seeds, means and intervals for seen and unseen activities."""
    drawn = marks.with_activities(frame)
    highlight = marks.highlighting("activities")
    control = next(arm["levels"] for arm in plan["arms"] if arm["is_control"])
    charts = []
    for stage in marks.stages(drawn):
        for factor in _numeric(plan):
            seeds = drawn.filter(pl.col("stage") == stage).join(_series(plan, factor), on="arm")
            if not seeds.is_empty():
                title = stage if len(plan["factors"]) == 1 else f"{stage}, {factor}"
                charts.append(_panel(seeds, factor, control.get(factor), highlight).properties(title=title))
    return marks.panels(charts, 2, highlight)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell the means at each level in words."""
    sentences = []
    for factor in _numeric(plan):
        levels = _series(plan, factor).select("arm", "level").unique(maintain_order=True)
        means = marks.over_seeds(frame, ["arm", "split"]).join(levels, on="arm").sort("split", "level")
        for (split,), group in means.group_by("split", maintain_order=True):
            values = ", ".join(f"{words.points(row['mean'])} at {row['level']:g}" for row in group.to_dicts())
            sentences.append(f"mAP on {words.split(str(split))} against {factor}: {values}.")
    return " ".join(sentences)


def _numeric(plan: dict[str, Any]) -> list[str]:
    numeric = [
        factor
        for factor, levels in plan["factors"].items()
        if all(theme.is_number(level) for level in levels) and len(set(levels)) >= FEWEST_LEVELS
    ]
    return [factor for factor in numeric if not _series(plan, factor).is_empty()]


def _series(plan: dict[str, Any], factor: str) -> pl.DataFrame:
    """Give arm, level and series: the levels of the other factors, which the arms of one line share."""
    rows = []
    for arm in plan["arms"]:
        others = {name: level for name, level in arm["levels"].items() if name != factor}
        series = ", ".join(f"{name.rpartition('.')[2]}={words.setting(level)}" for name, level in others.items())
        if theme.is_number(arm["levels"].get(factor)) and not arm.get("replicate"):
            rows.append({"arm": arm["name"], "level": float(arm["levels"][factor]), "series": series})
    frame = pl.DataFrame(rows, schema={"arm": pl.String, "level": pl.Float64, "series": pl.String})
    return frame.filter(pl.col("level").n_unique().over("series") > 1)


def _panel(seeds: pl.DataFrame, factor: str, control: float | None, highlight: Any) -> Any:
    means = marks.over_seeds(seeds, ["arm", "level", "series", "activities"])
    x = _x(sorted(set(seeds["level"].to_list())), factor, control)
    y = marks.score_axis()
    colour, shape = marks.activities_colour(), marks.activities_shape()
    tooltip = [alt.Tooltip("arm:N"), alt.Tooltip("activities:N"), *marks.score_tooltip()]
    base = alt.Chart(marks.data(means)).encode(x=x, color=colour, opacity=marks.faded(highlight))
    bars = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.5, xOffset=BESIDE)
    line = base.mark_line(strokeWidth=2, xOffset=BESIDE).encode(y=y, strokeDash=_dash(seeds))
    points = base.mark_point(filled=True, size=90, xOffset=BESIDE).encode(y=y, shape=shape, tooltip=tooltip)
    single = alt.Chart(marks.data(seeds)).mark_point(filled=False, size=26, strokeWidth=1.2, xOffset=BESIDE)
    single = single.encode(x=x, y="map:Q", color=colour, shape=shape, opacity=marks.faded(highlight, 0.75))
    single = single.encode(tooltip=["arm:N", "activities:N", *marks.seed_tooltip()])
    bars = bars.encode(y=alt.Y("low:Q"), y2="high:Q", tooltip=tooltip)
    layers = [*([bars] if marks.has_interval(means) else []), line, single, points]
    return alt.layer(*layers).properties(height=marks.HEIGHT)


def _x(values: list[float], factor: str, control: float | None) -> alt.X:
    wide = values[0] > 0 and values[-1] / values[0] >= RATIO_FOR_LOG
    expression = "datum.label"
    if control is not None:
        expression = f"datum.value === {control:g} ? [datum.label, 'control'] : datum.label"
    axis = alt.Axis(
        values=values,
        tickCount=len(values),  # Vega thins out `values` to the count
        format="~g",
        grid=False,
        labelExpr=expression,
        labelOverlap="greedy" if len(values) > MOST_LABELS else False,
    )
    span = [values[0] * 0.85, values[-1] * 1.15] if wide else _linear_span(values)
    scale = alt.Scale(type="log", domain=span, nice=False) if wide else alt.Scale(domain=span, nice=False, zero=False)
    return alt.X("level:Q", title=f"{factor}{' (log scale)' if wide else ''}", scale=scale, axis=axis)


def _linear_span(values: list[float]) -> list[float]:
    room = 0.04 * (values[-1] - values[0])
    return [values[0] - room, values[-1] + room]


def _dash(seeds: pl.DataFrame) -> Any:
    names = seeds["series"].unique(maintain_order=True).to_list()
    if len(names) == 1:
        return alt.value([1, 0])
    return alt.StrokeDash("series:N", sort=names, title=None)
