"""The failures that the paper warns of, each held against its threshold.

overfitting     mAP on seen activities minus that on unseen ones, each above chance: the two sets hold other clips, and
                an estimate that gives every clip the same scores reaches the mean share of clips in which a group works
reliance        mAP with true sender tokens in place of the receivers minus that with RGB alone
instability     how much scores differ between two activities with nearly the same muscle groups, on the groups that
                they agree about; the mean over all such pairs
damage          mAP on clean clips minus that on damaged ones

A probe is compared with the training that it probes: the same network and seed, whatever the control is.
"""

from typing import Any

import altair as alt
import polars as pl

from reports import marks, theme, words

TITLE = "Signatures of failure"
SHORT = "Signatures"
PLACE = 25
READING = (
    "How far each failure goes on its way to the threshold, which is 1: beyond it the page speaks of one. Small marks "
    "are single seeds, the bar is their mean. Thresholds are settings (signatures), fixed before the numbers are seen."
)
SQL = """
with thresholds as (
    select settings -> 'signatures' as bounds from editions where edition = $edition
), trained as (
    select distinct arm, is_control, finals.seed, key, runs.settings -> 'probe' as probe,
        coalesce(runs.parents ->> 'joint', runs.parents ->> 'baseline') as parent
    from finals
    join runs using (key)
    where edition = $edition and not pruned and runs.state = 'done'
), means as (
    select key, split, arg_max(value, step) as map
    from records
    where metric = 'map' and split in ('val_seen', 'val_unseen')
    group by key, split
), scored as (
    select key, split, activity, unnest(scores) as score, unnest(labels) as works,
        generate_subscripts(scores, 1) as muscle
    from predictions
    where key in (select key from trained where is_control) and split in ('val_seen', 'val_unseen')
), shares as (
    select key, split, muscle, avg(works) as share
    from scored
    where not isnan(score)
    group by key, split, muscle
), chances as (
    select key, split, 100 * avg(share) as chance from shares where share > 0 group by key, split
), activities as (
    select key, activity, muscle, avg(score) as score, avg(works) >= 0.5 as works
    from scored
    where not isnan(score)
    group by key, activity, muscle
), pairs as (
    select first.key, avg(abs(first.score - second.score)) filter (first.works = second.works) as spread
    from activities as first
    join activities as second using (key, muscle)
    where first.activity < second.activity
    group by first.key, first.activity, second.activity
    having count(*) filter (first.works and second.works) >=
        (select (bounds ->> 'alike')::double from thresholds) * count(*) filter (first.works or second.works)
        and count(*) filter (first.works or second.works) > 0
), probed as (
    select arm, seed, probe ->> 'input' as input, probe ->> 'tokens' as tokens, avg(shown.map - clean.map) as gain
    from trained
    join means as shown using (key)
    join means as clean on clean.key = trained.parent and clean.split = shown.split
    where probe is not null
    group by arm, seed, input, tokens
)
select 'overfitting' as signature, 'overfitting' as name, seed,
    max(map - chance) filter (split = 'val_seen') - max(map - chance) filter (split = 'val_unseen') as value,
    (select (bounds ->> 'overfitting')::double from thresholds) as threshold
from trained
join means using (key)
join chances using (key, split)
where is_control
group by seed
having value is not null and not isnan(value)
union all
select 'instability', 'instability', seed, avg(spread), (select (bounds ->> 'instability')::double from thresholds)
from pairs
join trained using (key)
group by seed
union all
select 'reliance', 'reliance: ' || arm, seed, gain, (select (bounds ->> 'reliance')::double from thresholds)
from probed
where tokens = 'sender' and input = 'clean'
union all
select 'damage', 'damage: ' || arm, seed, -gain, (select (bounds ->> 'damage')::double from thresholds)
from probed
where tokens = 'receivers'
order by signature, name, seed
"""

ROW = 44
ORDER = ["overfitting", "reliance", "instability", "damage"]


def applies(plan: dict[str, Any]) -> bool:
    """Ask for a probe: without one there is neither reliance nor damage."""
    return any(phase["kind"] == "probe" for phase in plan["phases"].values())


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw one row a signature: seeds and mean in units of the threshold."""
    shares = _ordered(frame).filter(pl.col("threshold") > 0).with_columns(pl.col("value") / pl.col("threshold"))
    if shares.is_empty():
        return None
    means = over_seeds(frame).filter(pl.col("threshold") > 0).with_columns(pl.col("value") / pl.col("threshold"))
    names = means["name"].to_list()
    y = alt.Y(
        "name:N", sort=names, title=None, axis=alt.Axis(grid=False, labelColor=theme.colour("ink"), labelLimit=320)
    )
    x = alt.X("value:Q", title="share of the threshold")
    zero = alt.Chart(marks.row(zero=0)).mark_rule(color=theme.colour("muted"), strokeWidth=1.2).encode(x="zero:Q")
    limit = alt.Chart(marks.row(limit=1)).mark_rule(color=theme.colour("refuted"), strokeWidth=1.6, strokeDash=[5, 3])
    base = alt.Chart(marks.data(means)).encode(y=y)
    colour = alt.condition("datum.value > 1", alt.value(theme.colour("refuted")), alt.value(theme.colour("seen")))
    bars = base.mark_bar(height=12, cornerRadius=2, opacity=0.8).encode(x=x, color=colour)
    text = base.mark_text(align="left", baseline="bottom", dy=-9, fontSize=11).encode(
        x=alt.value(0), text="told:N", color=alt.value(theme.colour("muted"))
    )
    seeds = (
        alt.Chart(marks.data(shares))
        .mark_tick(thickness=2, size=16)
        .encode(
            x="value:Q",
            y=y,
            color=alt.value(theme.colour("ink")),
            tooltip=["name:N", "seed:O", alt.Tooltip("value:Q", format=".2f")],
        )
    )
    layers = [zero, bars, seeds, limit.encode(x="limit:Q"), text]
    return alt.layer(*layers).properties(width="container", height=ROW * len(names) + 10)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell each signature, its threshold, and whether it is beyond."""
    told = [
        f"{row['name']} {row['told']}, {'beyond' if row['value'] > row['threshold'] else 'within'} the threshold"
        for row in over_seeds(frame).to_dicts()
    ]
    return f"{'; '.join(told)}."


def _ordered(frame: pl.DataFrame) -> pl.DataFrame:
    rank = pl.col("signature").replace_strict(ORDER, range(len(ORDER)), return_dtype=pl.Int64)
    return frame.sort(rank, "name", "seed")


def over_seeds(frame: pl.DataFrame) -> pl.DataFrame:
    """Give signature, name, value (mean over seeds), threshold, and the two in words."""
    groups = _ordered(frame).group_by("signature", "name", maintain_order=True)
    means = groups.agg(pl.col("value").mean(), pl.col("threshold").first())
    return means.with_columns(pl.Series("told", [_told(row) for row in means.to_dicts()], dtype=pl.String))


def _told(row: dict[str, Any]) -> str:
    if row["signature"] == "instability":
        return f"{row['value']:.2f} (threshold {row['threshold']:.2f})"
    return f"{words.signed(row['value'])} points (threshold {words.points(row['threshold'])})"
