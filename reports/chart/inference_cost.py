"""What a pass through each arm's network costs at inference: latency, memory, parameters and operations."""

from collections.abc import Callable
from typing import Any, NamedTuple

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "What inference costs"
SHORT = "Inference"
PLACE = 15
READING = (
    "One row an arm, its mean over seeds; the line marks the control. Latency is the median of the repeats of a seed "
    "(small marks), the bar their middle half. Memory is the most that torch holds for a pass: weights, clips and what "
    "is computed. Left is less, on a logarithmic axis where arms differ much."
)
SQL = """
with repeats as (
    select arm, seed, replicate, quantile_cont(value, 0.25) as low_ms, quantile_cont(value, 0.75) as high_ms
    from curves
    where edition = $edition and metric = 'latency'
    group by arm, seed, replicate
)
select arm, is_control, seed, replicate, latency_ms, low_ms, high_ms,
       inference_memory_bytes / 1e6 as memory_mb, parameters / 1e6 as parameters_m, gflops
from finals
join repeats using (arm, seed, replicate)
where edition = $edition and split = 'inference' and not pruned
order by arm, seed, replicate
"""

ROW = 22
WIDE = 8.0
"""The largest over the smallest number from which an axis is logarithmic: equal steps are then equal shares."""


class Panel(NamedTuple):
    """One cost: its column, what its axis says, how a number of it is told."""

    column: str
    title: str
    worded: Callable[[float], str]

    def told(self, value: float | None) -> str:
        """Tell a number of it, or that there is none: some devices count no memory."""
        return words.MISSING if value is None else self.worded(value)


PANELS = (
    Panel("latency_ms", "latency of a clip (ms)", lambda value: f"{words.significant(value)} ms"),
    Panel("memory_mb", "peak memory of a pass (MB)", lambda value: words.size(1e6 * value)),
    Panel("parameters_m", "parameters (millions)", lambda value: f"{words.significant(value)} M parameters"),
    Panel("gflops", "GFLOPs of a clip", lambda value: f"{words.significant(value)} GFLOPs"),
)


def applies(plan: dict[str, Any]) -> bool:
    """Ask for a claim about what inference costs."""
    return not marks.shows_scores(plan)


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw one panel a cost, one row an arm."""
    means = _means(frame)
    shown = [panel for panel in PANELS if means[panel.column].is_not_null().any()]
    return marks.panels([_panel(panel, frame, means, plan) for panel in shown], columns=2)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell each arm's costs in words."""
    means = {row["arm"]: row for row in _means(frame).to_dicts()}
    told = [
        f"{arm['name']}: {', '.join(panel.told(means[arm['name']][panel.column]) for panel in PANELS)}"
        for arm in marks.arms_in(frame, plan)
    ]
    return f"Mean over seeds. {'; '.join(told)}."


def _means(frame: pl.DataFrame) -> pl.DataFrame:
    """Average an arm's costs, and the ends of the middle half of its latencies, over seeds."""
    numbers = pl.col(*(panel.column for panel in PANELS), "low_ms", "high_ms").mean()
    return frame.group_by("arm", "is_control", maintain_order=True).agg(numbers)


def _scale(values: pl.Series) -> alt.Scale:
    low, high = (float(end) if isinstance(end, int | float) else 0.0 for end in (values.min(), values.max()))
    if 0 < low < high / WIDE:
        return alt.Scale(type="log", nice=False, domain=[0.8 * low, 1.25 * high], clamp=True)
    return alt.Scale(zero=True, nice=True)


def _panel(panel: Panel, frame: pl.DataFrame, means: pl.DataFrame, plan: dict[str, Any]) -> Any:
    arms = [arm["name"] for arm in marks.arms_in(frame, plan)]
    y = alt.Y("arm:N", sort=arms, title=None, axis=marks.arm_axis(plan))
    x = alt.X(f"{panel.column}:Q", title=panel.title, scale=_scale(frame[panel.column]))
    columns = ["arm", panel.column, *(["low_ms", "high_ms"] if panel.column == "latency_ms" else [])]
    told = [panel.told(value) for value in means[panel.column]]
    base = alt.Chart(marks.data(means.select(columns).with_columns(pl.Series("told", told, dtype=pl.String)))).encode(
        y=y
    )
    tooltip = [alt.Tooltip("arm:N"), alt.Tooltip("told:N", title=panel.title)]
    control = means.filter(pl.col("is_control")).select(panel.column)
    rule = alt.Chart(marks.data(control)).mark_rule(color=theme.colour("control"), strokeDash=[4, 3])
    points = base.mark_point(filled=True, size=70, opacity=1, shape="square", color=theme.colour("seen"))
    layers = [rule.encode(x=x)]
    if panel.column == "latency_ms":
        bars = base.mark_rule(strokeWidth=4, opacity=0.45, color=theme.colour("seen"))
        seeds = alt.Chart(marks.data(frame.select("arm", "seed", "latency_ms"))).encode(y=y, x=x)
        ticks = seeds.mark_tick(thickness=1.5, size=12, opacity=0.8, color=theme.colour("muted"))
        layers += [
            bars.encode(x="low_ms:Q", x2="high_ms:Q"),
            ticks.encode(tooltip=["arm:N", *marks.seed_tooltip("latency_ms", "median, ms")]),
        ]
    return alt.layer(*layers, points.encode(x=x, tooltip=tooltip)).properties(height=ROW * len(arms))
