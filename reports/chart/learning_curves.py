"""Score and loss over the epochs of a trial: did the training converge, and do seen and unseen part ways?

The RGB phase comes first, the joint phase goes on from it. The sender is another network and is not drawn.
"""

import math
from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "Learning curves"
SHORT = "Learning"
PLACE = 40
MOST_ARMS = 8  # with more of them single seeds only hide the means
READING = (
    "Thick lines are means over seeds, thin lines single seeds. Where a rule stands, the joint phase takes over from "
    f"the RGB phase. A cross marks where a training was pruned; it counts in no mean. With more than {MOST_ARMS} arms "
    "single seeds are left out, but for pruned ones."
)
SQL = """
select arm, seed, replicate, phase, step, pruned,
       max(value) filter (metric = 'map' and split = 'val_seen') as map_seen,
       max(value) filter (metric = 'map' and split = 'val_unseen') as map_unseen,
       max(value) filter (metric = 'loss' and split = 'train') as loss
from curves
where edition = $edition and phase in ('rgb', 'joint', 'baseline') and tuning is null and not isnan(value)
group by all
order by arm, seed, replicate, phase desc, step
"""

PANELS = {
    "map_seen": (words.split("val_seen"), "mAP (points)"),
    "map_unseen": (words.split("val_unseen"), "mAP (points)"),
    "loss": ("training loss", "loss"),
}
TRIAL = ["arm", "seed", "replicate"]
HEIGHT, MOST_TICKS = 240, 7


def applies(plan: dict[str, Any]) -> bool:
    """Ask for scores; every training has epochs."""
    return marks.shows_scores(plan)


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw one panel for each validation split that was measured, and one for the training loss."""
    curves = _over_trial(frame)
    highlight = marks.highlighting("arm")
    charts = [_panel(curves, measure, plan, highlight) for measure in PANELS if curves[measure].is_not_null().any()]
    return marks.panels(charts, 3, highlight)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell where the curves of the control begin and end."""
    control = next(arm["name"] for arm in plan["arms"] if arm["is_control"])
    curves = _over_trial(frame).filter((pl.col("arm") == control) & ~pl.col("pruned"))
    told = []
    for measure, (title, unit) in PANELS.items():
        means = curves.drop_nulls(measure).group_by("epoch").agg(pl.col(measure).mean()).sort("epoch")[measure]
        if len(means):
            told.append(f"{unit}, {title}: from {means[0]:.3g} to {means[-1]:.3g}")
    arms = words.count(len(marks.arms_in(frame, plan)), "arm")
    return f"Learning curves of {arms}. {control}, first to last epoch: {'; '.join(told) or 'not measured'}."


def _over_trial(frame: pl.DataFrame) -> pl.DataFrame:
    """Count epochs through the phases of a trial: `begins` is how many the RGB phase had.

    A trial whose joint phase was pruned is pruned as a whole: its RGB phase counts in no mean either.
    """
    rgb = pl.when(pl.col("phase") == "rgb").then(pl.col("step"))
    counted = frame.with_columns(rgb.max().over(TRIAL).fill_null(0).alias("begins"))
    epoch = pl.col("step") + pl.when(pl.col("phase") == "joint").then(pl.col("begins")).otherwise(0)
    return counted.with_columns(
        epoch.alias("epoch"), pl.format("{}/{}", "seed", "replicate").alias("trial"), pl.col("pruned").any().over(TRIAL)
    )


def _panel(curves: pl.DataFrame, measure: str, plan: dict[str, Any], highlight: Any) -> Any:
    title, unit = PANELS[measure]
    lines = curves.drop_nulls(measure)
    means = lines.filter(~pl.col("pruned")).group_by("arm", "epoch", maintain_order=True).agg(pl.col(measure).mean())
    x = alt.X(
        "epoch:Q",
        axis=alt.Axis(values=_ticks(lines), tickCount=MOST_TICKS, format="d", grid=False),
        scale=alt.Scale(zero=False),
    )
    y = alt.Y(f"{measure}:Q", title=unit, scale=alt.Scale(zero=False, nice=6), axis=alt.Axis(tickCount=6))
    colour = marks.arm_colour(curves, plan)  # of all panels, which share it
    tooltip = ["arm:N", "epoch:Q", alt.Tooltip(f"{measure}:Q", title=unit, format=".3~f")]
    base = alt.Chart(marks.data(means)).encode(x=x, y=y)
    mean = base.mark_line(strokeWidth=2.4).encode(color=colour, strokeDash=marks.arm_dash(curves, plan))
    layers = [
        *_boundary(lines),
        *_seeds(lines, measure, colour, highlight),
        mean.encode(opacity=marks.faded(highlight)),
        base.mark_point(size=70, opacity=0, filled=True).encode(tooltip=tooltip),
        *_pruned(lines, measure, colour),
    ]
    return alt.layer(*layers).properties(height=HEIGHT, title=title)


def _seeds(lines: pl.DataFrame, measure: str, colour: alt.Color, highlight: Any) -> list[Any]:
    """Draw single seeds where there are few arms, and pruned ones always."""
    if lines["arm"].n_unique() > MOST_ARMS:
        lines = lines.filter(pl.col("pruned"))
    if lines.is_empty():
        return []
    seeds = alt.Chart(marks.data(lines.select("arm", "trial", "epoch", measure))).mark_line(strokeWidth=1)
    seeds = seeds.encode(x="epoch:Q", y=f"{measure}:Q", color=colour, detail="trial:N")
    return [seeds.encode(opacity=marks.faded(highlight, 0.4))]


def _pruned(lines: pl.DataFrame, measure: str, colour: alt.Color) -> list[Any]:
    ends = lines.filter(pl.col("pruned")).group_by(TRIAL, maintain_order=True).last()
    if ends.is_empty():
        return []
    crosses = alt.Chart(marks.data(ends)).mark_point(shape="cross", angle=45, size=80, filled=True)
    tooltip = ["arm:N", "seed:O", alt.Tooltip("epoch:Q", title="pruned after epoch")]
    return [crosses.encode(x="epoch:Q", y=f"{measure}:Q", color=colour, tooltip=tooltip)]


def _ticks(lines: pl.DataFrame) -> list[int]:
    """Choose whole epochs, at most `MOST_TICKS` of them, the last one among them."""
    epochs = sorted(lines["epoch"].unique().to_list())
    return epochs[-1 :: -math.ceil(len(epochs) / MOST_TICKS)][::-1]


def _boundary(lines: pl.DataFrame) -> list[Any]:
    """Draw where the joint phase begins, if it begins at the same epoch for all."""
    begins = lines["begins"].unique().to_list()
    if len(begins) > 1 or not begins[0]:
        return []
    rule = alt.Chart(marks.row(epoch=begins[0] + 0.5)).mark_rule(strokeDash=[3, 3])
    return [rule.encode(x="epoch:Q", color=alt.value(theme.colour("band")))]
