"""Score against what a network costs: which arms has no other one that is both better and cheaper?

What inference costs is measured by studies about it (`inference_cost`). Where the ledger holds such a measurement of
the same network on clips of the same size, it is taken; distillation, losses and weights at the start change neither.
"""

from typing import Any, NamedTuple

import altair as alt
import polars as pl

from reports import marks, theme, words
from reports.chart import seeds
from results.front import front

TITLE = "Score against cost"
SHORT = "Pareto"
PLACE = 28
READING = (
    "One mark an arm: its mean on the claim's splits with the 95 % t interval over seeds, against what it costs. The "
    "line is the Pareto front: no other arm is both better and cheaper than those on it, as far as means can tell. "
    "Latency, memory of a pass and GFLOPs are those that a study of inference measured of the same network, of all in "
    "the same way (device, threads, precision, batch, repeats); arms that were not measured so are not drawn."
)
SQL = """
with networks as (
    select key, phase, json_object('device', device, 'threads', threads, 'settings',
            json_merge_patch(settings, '{"data": null, "model": null, "skeleton": null}')) as measured_with,
        settings -> 'data' ->> 'frames' as frames, settings -> 'data' ->> 'size' as size,
        cast(json_merge_patch(settings -> 'model',
            '{"distill": null, "loss": null, "weights": null, "head_dropout": null}') as varchar) as network
    from runs
    where state = 'done'
), measured as (
    select network, frames, size, measured_with,
        avg(value) filter (metric = 'latency_median') as latency_ms,
        avg(value) filter (metric = 'peak_memory') / 1e6 as pass_mb,
        avg(value) filter (metric = 'gflops') as gflops
    from networks
    join records using (key)
    where phase = 'profile'
    group by network, frames, size, measured_with
), costs_here as (
    select networks.key, latency_ms, pass_mb, gflops
    from networks
    join measured using (network, frames, size)
    where measured.measured_with = (
        select measured_with from measured group by measured_with order by count(*) desc, measured_with limit 1)
)
select arm, is_control, seed, replicate, split, map, costs_here.latency_ms, pass_mb, costs_here.gflops,
    parameters / 1e6 as parameters_m, peak_memory_bytes / 1e6 as training_mb
from finals
left join costs_here using (key)
where edition = $edition and map is not null and not isnan(map) and not pruned
order by arm, seed, replicate, split
"""

HEIGHT = 280
LEAST_RATIO = 1.02  # of the largest to the smallest cost; below it what differs is the noise of measuring


class Cost(NamedTuple):
    """One cost: its column, what its axis says, and its unit in a sentence."""

    column: str
    title: str
    unit: str


AT_INFERENCE = (
    Cost("latency_ms", "latency of a clip (ms)", "ms"),
    Cost("pass_mb", "peak memory of a pass (MB)", "MB"),
    Cost("gflops", "GFLOPs of a clip", "GFLOPs"),
)
OTHERWISE = (
    Cost("parameters_m", "parameters (millions)", "M parameters"),
    Cost("training_mb", "peak memory of training (MB)", "MB in training"),
)
"""What every training tells, where no study measured what inference costs."""


def applies(plan: dict[str, Any]) -> bool:
    """Ask for scores, and an arm beside the control."""
    return marks.shows_scores(plan) and len(plan["arms"]) > 1


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw one panel a cost in which arms differ."""
    arms = _arms(frame, plan)
    highlight = marks.highlighting("arm")
    return marks.panels([_panel(arms, cost, plan, highlight) for cost in _shown(arms)], 3, highlight)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell the arms on each front."""
    arms, told = _arms(frame, plan), []
    for cost in _shown(arms):
        best = [
            f"{row['arm']} ({words.points(row['mean'])} at {words.significant(row[cost.column])} {cost.unit})"
            for row in _front(arms, cost.column).to_dicts()
        ]
        told.append(f"On the front of mAP against {cost.title}: {', '.join(best)}.")
        unknown = arms.filter(pl.col(cost.column).is_null())["arm"].to_list()
        told += [f"Not measured: {words.listing(unknown)}."] if unknown else []
    return " ".join(told) or f"As far as it is known, all {len(arms)} arms cost the same."


def _arms(frame: pl.DataFrame, plan: dict[str, Any]) -> pl.DataFrame:
    """Give arm, mean, low, high, seeds and costs."""
    costs = frame.group_by("arm").agg(pl.col(*(cost.column for cost in (*AT_INFERENCE, *OTHERWISE))).mean())
    return marks.over_seeds(seeds.on_claim(frame, plan), ["arm"]).join(costs, on="arm", maintain_order="left")


def _shown(arms: pl.DataFrame) -> list[Cost]:
    """Choose the costs in which arms differ: those of inference, where there are any."""
    differing = [cost for cost in (*AT_INFERENCE, *OTHERWISE) if _is_varied(arms[cost.column].drop_nulls())]
    return [cost for cost in differing if cost in AT_INFERENCE] or differing


def _is_varied(costs: pl.Series) -> bool:
    return not costs.is_empty() and max(costs) > LEAST_RATIO * min(costs)


def _front(arms: pl.DataFrame, cost: str) -> pl.DataFrame:
    """Give the arms that no other one beats in score and cost, cheapest first."""
    there = arms.drop_nulls(cost)
    best = front({arm: (mean, -value) for arm, mean, value in there.select("arm", "mean", cost).iter_rows()})
    return there.filter(pl.col("arm").is_in(best)).sort([cost, "mean"], descending=[False, True])


def _panel(arms: pl.DataFrame, cost: Cost, plan: dict[str, Any], highlight: Any) -> Any:
    there = arms.drop_nulls(cost.column)
    x = alt.X(f"{cost.column}:Q", title=cost.title, scale=alt.Scale(zero=False, nice=True, padding=12))
    y = marks.score_axis()
    columns = ["arm", "mean", "low", "high", "seeds", cost.column]
    base = alt.Chart(marks.data(there.select(columns))).encode(x=x, color=marks.arm_colour(arms, plan))
    tooltip = ["arm:N", alt.Tooltip(f"{cost.column}:Q", title=cost.title, format=".3~r"), *marks.score_tooltip()]
    bars = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.5)
    bars = bars.encode(y=alt.Y("low:Q"), y2="high:Q", opacity=marks.faded(highlight, 0.6))
    points = base.mark_point(filled=True, size=110).encode(y=y, opacity=marks.faded(highlight), tooltip=tooltip)
    on_front = alt.Chart(marks.data(_front(there, cost.column).select("arm", "mean", cost.column)))
    line = on_front.mark_line(interpolate="step-after", strokeDash=[5, 3], color=theme.colour("muted")).encode(x=x, y=y)
    shown = [bars, points] if marks.has_interval(there) else [points]
    return alt.layer(line, *shown).properties(height=HEIGHT)
