"""What several charts share: means with intervals over seeds, colour scales, axes and legends that highlight.

A chart file draws from the frame that its SQL gives. Its data are written into the chart as plain rows, so that the
same drawing stands alone, on a page or exported.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl
from scipy.special import stdtrit

from reports import theme, words

HEIGHT = 300
NAMES = {"val": "validation", "test": "test"}


def data(frame: pl.DataFrame) -> alt.Data:
    """Write a frame's rows into a chart."""
    rounded = frame.with_columns(pl.selectors.float().round(4))
    return rows(*rounded.to_dicts())


def rows(*values: dict[str, Any]) -> alt.Data:
    """Write single rows into a chart."""
    return alt.Data(values=list(values))  # type: ignore[no-untyped-call]


def over_seeds(frame: pl.DataFrame, by: Sequence[str], value: str = "map") -> pl.DataFrame:
    """Give the mean of `value` in each group and its 95 % t interval over seeds.

    Returns:
        `by`, mean, low, high, seeds; low and high are null where there is but one seed: one seed has no spread.
    """
    groups = frame.group_by(by, maintain_order=True).agg(
        pl.col(value).mean().alias("mean"), pl.col(value).std().alias("spread"), pl.len().alias("seeds")
    )
    half = [
        stdtrit(seeds - 1, 0.975) * spread / seeds**0.5 if seeds > 1 and spread is not None else None
        for seeds, spread in groups.select("seeds", "spread").iter_rows()
    ]
    return groups.with_columns(pl.Series("half", half, dtype=pl.Float64)).with_columns(
        (pl.col("mean") - pl.col("half")).alias("low"), (pl.col("mean") + pl.col("half")).alias("high")
    )


def arms_in(frame: pl.DataFrame, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the plan's arms that the frame has rows of, in the plan's order."""
    there = set(frame["arm"].to_list())
    return [arm for arm in plan["arms"] if arm["name"] in there]


def arm_colour(frame: pl.DataFrame, plan: Mapping[str, Any]) -> alt.Color:
    """Colour marks by arm, with the same colours in every chart of a page."""
    names = [arm["name"] for arm in arms_in(frame, plan)]
    colours = theme.arm_colours(plan["arms"])
    scale = alt.Scale(domain=names, range=[colours[name] for name in names])
    return alt.Color("arm:N", scale=scale, legend=_legend(len(names)))


def arm_dash(frame: pl.DataFrame, plan: Mapping[str, Any]) -> alt.StrokeDash:
    """Dash lines by arm, where there are more arms than hues."""
    names = [arm["name"] for arm in arms_in(frame, plan)]
    dashes = theme.arm_dashes(plan["arms"])
    legend = _legend(len(names)) if len({tuple(dash) for dash in dashes.values()}) > 1 else None
    return alt.StrokeDash("arm:N", scale=alt.Scale(domain=names, range=[dashes[name] for name in names]), legend=legend)


def activities_colour(title: str | None = None) -> alt.Color:
    """Colour marks by whether the activities were seen in training."""
    scale = alt.Scale(domain=["seen", "unseen"], range=[theme.colour("seen"), theme.colour("unseen")])
    legend = alt.Legend(labelExpr="datum.label + ' activities'")
    return alt.Color("activities:N", scale=scale, title=title, legend=legend)


def activities_shape() -> alt.Shape:
    """Shape marks by whether the activities were seen, so that colour is not the only sign."""
    return alt.Shape("activities:N", scale=alt.Scale(domain=["seen", "unseen"], range=["circle", "diamond"]))


def with_activities(frame: pl.DataFrame) -> pl.DataFrame:
    """Split ``val_unseen`` into its stage (validation) and its activities (unseen)."""
    parts = pl.col("split").str.split_exact("_", 1).struct
    stage = parts.field("field_0").replace(NAMES)
    return frame.with_columns(stage.alias("stage"), parts.field("field_1").alias("activities"))


def arm_axis(plan: Mapping[str, Any], lines: bool = False, **more: Any) -> alt.Axis:
    """Label rows or columns with arms, and say which one is the control.

    Args:
        lines: say it on a second line.
    """
    control = json.dumps(next(arm["name"] for arm in plan["arms"] if arm["is_control"]))
    marked = "[datum.label, 'control']" if lines else "datum.label + ' (control)'"
    expression = f"datum.label === {control} ? {marked} : datum.label"
    return alt.Axis(grid=False, labelColor=theme.colour("ink"), labelExpr=expression, **more)


def haloed(text: Any) -> list[Any]:
    """Set a text on a halo of the page's ground, so that lines behind it do not cross it out."""
    ground = text.encode(color=alt.value(theme.colour("card")), stroke=alt.value(theme.colour("card")))
    return [ground.encode(strokeWidth=alt.value(4)), text]


def highlighting(field: str) -> alt.Parameter:
    """Make the legend's entries for `field` switches that highlight their marks."""
    return alt.selection_point(name=f"highlight_{field}", fields=[field], bind="legend")


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


def panels(charts: Sequence[Any], columns: int) -> Any:
    """Set charts side by side; one chart alone fills the width of the page."""
    if len(charts) == 1:
        return charts[0].properties(width="container")
    return alt.concat(*charts, columns=columns, spacing=28)


def best(groups: pl.DataFrame) -> tuple[str, float]:
    """Give the arm with the highest mean, and that mean."""
    top = groups.sort("mean", descending=True).row(0, named=True)
    return top["arm"], top["mean"]


def mean_text(mean: float, low: float | None, high: float | None) -> str:
    """Say a mean with its interval: ``41.3 (39.0 to 43.6)``."""
    return words.points(mean) if low is None else f"{words.points(mean)} ({words.points(low)} to {words.points(high)})"


def _legend(entries: int) -> alt.Legend:
    return alt.Legend(symbolLimit=0) if entries <= 8 else alt.Legend(symbolLimit=0, columns=8)
