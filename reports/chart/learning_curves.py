"""Score and loss over the epochs of a trial: did the training converge, and do seen and unseen part ways?

The RGB phase comes first, the joint phase goes on from it. The sender is another network and is not drawn.
"""

from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "Learning curves"
SHORT = "Learning"
PLACE = 40
READING = (
    "Thick lines are means over seeds, thin lines single seeds. Where a rule stands, the joint phase takes over from "
    "the RGB phase. A cross marks where a training was pruned; it counts in no mean."
)
SQL = """
select arm, is_control, seed, replicate, phase, split, metric, step, value, pruned
from curves
where edition = $edition and phase in ('rgb', 'joint') and value is not null and not isnan(value)
  and (metric = 'map' and split like 'val%' or metric = 'loss' and split = 'train')
order by metric desc, split, arm, seed, replicate, phase desc, step
"""

MOST_SEEDS_DRAWN = 8  # arms; with more of them single seeds only hide the means
HEIGHT = 240


def applies(plan: dict[str, Any]) -> bool:
    """Always: every training has epochs."""
    return True


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw one panel a validation split, and one for the training loss."""
    curves = _over_trial(frame)
    highlight = marks.highlighting("arm")
    start = _joint_start(frame)
    kinds = curves.select("metric", "split").unique(maintain_order=True).iter_rows()
    charts = [_panel(curves, plan, (metric, split), start, highlight) for metric, split in kinds]
    return marks.panels(charts, 3, highlight)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell where the curves of the control begin and end."""
    curves = _over_trial(frame).filter(pl.col("is_control") & ~pl.col("pruned"))
    told = []
    for (metric, split), group in curves.group_by("metric", "split", maintain_order=True):
        means = group.group_by("epoch").agg(pl.col("value").mean()).sort("epoch")["value"]
        values = f"{means[0]:.3g} to {means[-1]:.3g}"
        told.append(f"{words.metric(str(metric))}, {words.split(str(split))}: from {values}")
    arms = len(marks.arms_in(frame, plan))
    return f"Learning curves of {words.count(arms, 'arm')}. Control, first to last epoch: {'; '.join(told) or 'none'}."


def _joint_start(frame: pl.DataFrame) -> int:
    """Give the number of epochs of the RGB phase."""
    steps = frame.filter(pl.col("phase") == "rgb")["step"]
    return 0 if steps.is_empty() else int(steps.max())  # type: ignore[arg-type]  # an integer column


def _over_trial(frame: pl.DataFrame) -> pl.DataFrame:
    """Count epochs through the phases of a trial."""
    start = _joint_start(frame)
    shift = pl.when(pl.col("phase") == "joint").then(start).otherwise(0)
    trial = pl.format("{}/{}", "seed", "replicate").alias("trial")
    return frame.with_columns((pl.col("step") + shift).alias("epoch"), trial)


def _panel(curves: pl.DataFrame, plan: dict[str, Any], kind: tuple[str, str], start: int, highlight: Any) -> Any:
    metric, split = kind
    lines = curves.filter((pl.col("metric") == metric) & (pl.col("split") == split))
    finished = lines.filter(~pl.col("pruned")).group_by("arm", "epoch", maintain_order=True)
    means = finished.agg(pl.col("value").mean(), pl.len().alias("seeds"))
    ends = lines.filter(pl.col("pruned")).group_by("arm", "trial", maintain_order=True).last()
    colour, dash = marks.arm_colour(curves, plan), marks.arm_dash(curves, plan)
    title = "mAP (points)" if metric == "map" else "loss"
    axis = alt.Axis(tickMinStep=1, tickCount=6, grid=False)
    x = alt.X("epoch:Q", title="epoch", axis=axis, scale=alt.Scale(zero=False))
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False, nice=6), axis=alt.Axis(tickCount=6))
    tooltip = [alt.Tooltip("arm:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", title=title, format=".3~f")]
    mean = alt.Chart(marks.data(means)).encode(x=x, y=y, color=colour, strokeDash=dash)
    layers = [
        *_boundary(start),
        *_seeds(lines, plan, colour, highlight),
        mean.mark_line(strokeWidth=2.4).encode(opacity=marks.faded(highlight)),
        alt.Chart(marks.data(means)).mark_point(size=70, opacity=0, filled=True).encode(x=x, y=y, tooltip=tooltip),
    ]
    if not ends.is_empty():
        crosses = alt.Chart(marks.data(ends)).mark_point(shape="cross", angle=45, size=70, strokeWidth=2)
        layers.append(crosses.encode(x=x, y=y, color=colour, tooltip=["arm:N", "trial:N", "epoch:Q"]))
    name = words.split(split) if metric == "map" else f"{title}, {split}ing clips" if split == "train" else title
    return alt.layer(*layers).properties(height=HEIGHT, title=name)


def _seeds(lines: pl.DataFrame, plan: dict[str, Any], colour: alt.Color, highlight: Any) -> list[Any]:
    if len(marks.arms_in(lines, plan)) > MOST_SEEDS_DRAWN:
        lines = lines.filter(pl.col("pruned"))
    if lines.is_empty():
        return []
    drawn = alt.Chart(marks.data(lines.select("arm", "trial", "epoch", "value"))).mark_line(strokeWidth=1)
    opacity = marks.faded(highlight, 0.4)
    return [drawn.encode(x="epoch:Q", y="value:Q", color=colour, detail="trial:N", opacity=opacity)]


def _boundary(start: int) -> list[Any]:
    if not start:
        return []
    rule = alt.Chart(marks.rows({"epoch": start + 0.5})).mark_rule(strokeDash=[3, 3])
    return [rule.encode(x="epoch:Q", color=alt.value(theme.colour("band")))]
