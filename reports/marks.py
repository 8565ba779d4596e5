"""What several charts share: means with intervals over seeds, colour scales, axes and legends that highlight.

A chart file draws from the frame that its SQL gives. Its data are written into the chart as plain rows, so that the
same drawing stands alone, on a page or exported.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from reports import theme
from results.claim import Claim
from results.interval import quantile
from results.metric.facts import METRICS

HEIGHT = 300
MOST_TOLD = 12  # arms; with more of them numbers beside the marks would overlap
NAMES = {"val": "validation", "test": "test"}
SPLITS = ("val_seen", "val_unseen", "test_seen", "test_unseen")
ACTIVITIES = ["seen activities", "unseen activities"]
STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0)
DIFFERENCES = ("down3", "down2", "down1", "level", "up1", "up2", "up3")
HIGHLIGHT = "highlight_"
LEGEND = alt.Legend(symbolLimit=0, symbolOpacity=1)


def shows_scores(plan: Mapping[str, Any]) -> bool:
    """Tell whether a study measures scores of clips, and not what inference costs."""
    return not METRICS[plan["claim"]["metric"]].is_cost


def data(frame: pl.DataFrame) -> alt.InlineData:
    """Write a frame's rows into a chart, as CSV: a third of the size of JSON, and the same frame only once a chart.

    Missing numbers and NaN are empty cells, which a chart leaves out.
    """
    floats = pl.selectors.float()
    plain = frame.with_columns(floats.fill_nan(None).round(4))
    parse = {name: _kind(kind) for name, kind in frame.schema.items()}
    return alt.InlineData(values=plain.write_csv(), format={"type": "csv", "parse": parse})


def _kind(kind: pl.DataType) -> str:
    if kind.is_numeric():
        return "number"
    return "boolean" if kind == pl.Boolean else "string"


def row(**columns: float) -> alt.InlineData:
    """Write a single row into a chart."""
    return data(pl.DataFrame([columns]))


def has_interval(frame: pl.DataFrame) -> bool:
    """Tell whether any row has an interval to be drawn; bars that are all left out have no extent."""
    return bool(frame["low"].is_not_nan().any())


def on_claim(frame: pl.DataFrame, plan: Mapping[str, Any], column: str, by: Sequence[str]) -> pl.DataFrame:
    """Average `column` over the claim's splits, where a group has a number on all of those that there are.

    Args:
        by: columns whose values make a group.
    """
    there = frame.filter(pl.col("split").is_in(Claim.model_validate(plan["claim"]).splits))
    there = there.filter(pl.col(column).is_not_null() & pl.col(column).is_not_nan())
    means = there.group_by(*by, maintain_order=True).agg(pl.col(column).mean(), pl.len().alias("splits"))
    return means.filter(pl.col("splits") == there["split"].n_unique()).drop("splits")


def over_seeds(frame: pl.DataFrame, by: Sequence[str], value: str = "map") -> pl.DataFrame:
    """Give the mean of `value` (points) in each group and its 95 % t interval over seeds, cut to 0-100.

    Returns:
        `by`, mean, low, high, seeds; low and high are null where there is but one seed: one seed has no spread.
    """
    groups = frame.group_by(by, maintain_order=True).agg(
        pl.col(value).mean().alias("mean"), pl.col(value).std().alias("spread"), pl.len().alias("seeds")
    )
    quantiles = [quantile(seeds - 1, 0.975) if seeds > 1 else None for seeds in groups["seeds"]]
    half = pl.Series(quantiles, dtype=pl.Float64) * pl.col("spread") / pl.col("seeds").sqrt()
    ends = {"low": pl.col("mean") - half, "high": pl.col("mean") + half}
    return groups.with_columns(**{name: end.clip(0, 100) for name, end in ends.items()}).drop("spread")


def arms_in(frame: pl.DataFrame, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the plan's arms that the frame has rows of, in the plan's order."""
    there = set(frame["arm"].to_list())
    return [arm for arm in plan["arms"] if arm["name"] in there]


def arm_colour(frame: pl.DataFrame, plan: Mapping[str, Any]) -> alt.Color:
    """Colour marks by arm, with the same colours in every chart of a page."""
    names = [arm["name"] for arm in arms_in(frame, plan)]
    colours = theme.arm_colours(plan["arms"])
    scale = alt.Scale(domain=names, range=[colours[name] for name in names])
    return alt.Color("arm:N", scale=scale, legend=LEGEND)


def arm_dash(frame: pl.DataFrame, plan: Mapping[str, Any]) -> Any:
    """Dash lines by arm, where there are more arms than hues."""
    names = [arm["name"] for arm in arms_in(frame, plan)]
    dashes = theme.arm_dashes(plan["arms"])
    if all(dash == theme.DASHES[0] for dash in dashes.values()):
        return alt.value(theme.DASHES[0])
    scale = alt.Scale(domain=names, range=[dashes[name] for name in names])
    return alt.StrokeDash("arm:N", scale=scale, legend=LEGEND)


def activities_colour() -> alt.Color:
    """Colour marks by whether the activities were seen in training."""
    scale = alt.Scale(domain=ACTIVITIES, range=[theme.colour("seen"), theme.colour("unseen")])
    return alt.Color("activities:N", scale=scale, legend=LEGEND)


def activities_shape() -> alt.Shape:
    """Shape marks by whether the activities were seen, so that colour is not the only sign."""
    return alt.Shape("activities:N", scale=alt.Scale(domain=ACTIVITIES, range=["circle", "diamond"]), legend=LEGEND)


def difference_step(differences: pl.Series) -> float:
    """Choose the first bound of the colours of differences so that three of it reach most of them."""
    reach = differences.abs().quantile(0.9) or 0.0
    return next((step for step in STEPS if 3 * step >= reach), STEPS[-1])


def difference_colour(step: float) -> alt.Color:
    """Colour marks by a difference in points: losses one way, gains the other, in steps that can be told apart."""
    bounds = [times * step for times in (-3, -2, -1, 1, 2, 3)]
    scale = alt.Scale(type="threshold", domain=bounds, range=[theme.colour(name) for name in DIFFERENCES])
    legend = alt.Legend(title="Difference (points)", gradientLength=240, format="+~g")
    return alt.Color("difference:Q", scale=scale, legend=legend)


def splits(frame: pl.DataFrame) -> list[str]:
    """Give the splits of a frame as they are read: validation before test, seen before unseen."""
    there = set(frame["split"].to_list())
    return [split for split in SPLITS if split in there] + sorted(there - set(SPLITS))


def stages(frame: pl.DataFrame) -> list[str]:
    """Give the stages of a frame that `with_activities` made: validation before test."""
    there = set(frame["stage"].to_list())
    return [stage for stage in NAMES.values() if stage in there]


def with_activities(frame: pl.DataFrame) -> pl.DataFrame:
    """Split ``val_unseen`` into its stage (validation) and its activities (unseen activities)."""
    parts = pl.col("split").str.split_exact("_", 1).struct
    stage = parts.field("field_0").replace(NAMES)
    return frame.with_columns(stage.alias("stage"), (parts.field("field_1") + " activities").alias("activities"))


def arm_axis(plan: Mapping[str, Any], lines: bool = False, **more: Any) -> alt.Axis:
    """Label rows or columns with arms, and say which one is the control.

    Args:
        lines: say it on a line above the name.
    """
    control = json.dumps(next(arm["name"] for arm in plan["arms"] if arm["is_control"]))
    expression = f"datum.label === {control} ? datum.label + ' (control)' : datum.label"
    if lines:
        expression = f"[datum.label === {control} ? 'control' : '', datum.label]"
    return alt.Axis(grid=False, labelColor=theme.colour("ink"), labelExpr=expression, **more)


def haloed(text: Any) -> list[Any]:
    """Set a text on a halo of the page's ground, so that lines behind it do not cross it out."""
    ground = text.encode(color=alt.value(theme.colour("card")), stroke=alt.value(theme.colour("card")))
    return [ground.encode(strokeWidth=alt.value(4)), text]


def highlighting(field: str) -> alt.Parameter:
    """Make the legend's entries for `field` switches that highlight their marks."""
    return alt.selection_point(name=f"{HIGHLIGHT}{field}", fields=[field], bind="legend")


def faded(parameter: alt.Parameter, opacity: float = 1.0) -> Any:
    """Fade what the legend's choice leaves out."""
    return alt.condition(parameter, alt.value(opacity), alt.value(0.12))


def score_tooltip() -> list[alt.Tooltip]:
    """Tell a mean and its interval in a tooltip."""
    return [
        alt.Tooltip("mean:Q", title="mean mAP", format=".1f"),
        alt.Tooltip("low:Q", title="interval from", format=".1f"),
        alt.Tooltip("high:Q", title="to", format=".1f"),
        alt.Tooltip("seeds:Q", title="seeds"),
    ]


def seed_tooltip(field: str = "map", title: str = "mAP") -> list[alt.Tooltip]:
    """Tell one seed's number in a tooltip."""
    return [alt.Tooltip("seed:O"), alt.Tooltip(f"{field}:Q", title=title, format=".1f")]


def score_axis() -> alt.Y:
    """Give the axis of scores; it need not begin at zero, for what counts are differences."""
    return alt.Y("mean:Q", title="mAP (points)", scale=alt.Scale(zero=False, nice=6), axis=alt.Axis(tickCount=6))


def panels(charts: Sequence[Any], columns: int, highlight: alt.Parameter | None = None) -> Any | None:
    """Set charts side by side; one chart alone fills the width of the page; none gives None.

    Args:
        highlight: the legend's switches; they stand once and hold for all panels, as the legend does.
    """
    if not charts:
        return None
    first, *others = charts
    first = first if highlight is None else _switched(first, highlight)
    if not others:
        return first.properties(width="container")
    return alt.concat(first, *others, columns=columns, spacing=28)


def _switched(chart: Any, highlight: alt.Parameter) -> Any:
    """Add the legend's switches to the layer that the legend is of: in any other one they would do nothing."""
    field = highlight.name.removeprefix(HIGHLIGHT)
    colours = [getattr(layer.encoding, "color", None) for layer in chart.layer]
    owner = next(place for place, colour in enumerate(colours) if getattr(colour, "shorthand", "") == f"{field}:N")
    switched = chart.copy()
    switched.layer[owner] = switched.layer[owner].add_params(highlight)
    return switched.copy()
