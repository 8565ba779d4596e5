"""The view `finals`: one row per trial and split, with its last epoch's numbers and the levels of its arm.

Its columns follow the store: one for each factor that any edition varies, under its dotted name, and one average
precision for each label.
"""

import json
from collections.abc import Iterable
from typing import Any

import duckdb

from results.sql import name, text

_VIEW = """
create or replace view finals as
with last_step as (
    select key, split, max(step) as step from records group by key, split
),
last_epoch as (
    select key, split, step,
        max(value) filter (metric = 'map') as map,
        max(value) filter (metric = 'loss') as loss{precisions},
        {costs}
    from records
    join last_step using (key, split, step)
    where split like 'val%' or split like 'test%' or split = 'inference'
    group by key, split, step
),
trial_costs as (
    select edition, arm, phases.seed, phases.replicate,
        sum(runs.seconds) as seconds, max(runs.peak_memory_bytes) as peak_memory_bytes
    from phases
    join runs using (key)
    where runs.state = 'done'
    group by all
)
select editions.study, edition, editions.profile, editions.data, arm, arms.is_control, trials.seed, trials.replicate,
    last_epoch.split, last_epoch.step{levels}, last_epoch.map, last_epoch.loss{precision_names},
    trial_costs.seconds, trial_costs.peak_memory_bytes, runs.parameters, {cost_names}, trials.final as key, runs.commit,
    exists (from runs as given_up where given_up.key = trials.final and given_up.pruned_claim = claim_hash) as pruned
from trials
join editions using (edition)
join arms using (edition, arm)
join runs on runs.key = trials.final and runs.state = 'done'
join last_epoch on last_epoch.key = trials.final
join trial_costs
    on trial_costs.edition = trials.edition and trial_costs.arm = trials.arm
    and trial_costs.seed = trials.seed and trial_costs.replicate = trials.replicate
where last_epoch.split not like 'test%' or editions.revealed_at is not null
"""

_DIFFERENCES = """
create or replace view differences as
select arms.edition, arms.arm, finals.seed, arms.replicate, finals.split, sum(sign * finals.map) as difference,
    {percents}
from comparisons
join arms using (edition, arm)
join finals on finals.edition = comparisons.edition and finals.arm = comparisons.term and not finals.pruned
group by arms.edition, arms.arm, finals.seed, arms.replicate, finals.split
having count(*) filter (not isnan(finals.map) or finals.split = 'inference') = (
    select count(*) from comparisons as terms where terms.edition = arms.edition and terms.arm = arms.arm)
"""
_DIFFERENCES_COMMENT = (
    "each arm minus what it is compared with, paired by seed, in points of map; no row without all of them. "
    "split inference: latency and memory in percent of the control's mean"
)

_COMMENT = (
    "last epoch of each finished trial and split: levels, map and ap.* in points, cost; test splits once revealed. "
    "split inference: what a pass costs, measured alone on the machine: latency_ms (median a clip), latency_spread_ms "
    "(range of the middle half of the repeats), inference_memory_bytes (most that torch holds), gflops (a clip)"
)
_COSTS = {
    "latency_ms": "latency_median",
    "latency_spread_ms": "latency_spread",
    "inference_memory_bytes": "peak_memory",
    "gflops": "gflops",
}
"""Column -> metric of a record."""


def make_view(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `finals` anew for the factors and labels that `connection` holds."""
    precisions = _precisions(connection)
    factors = _factors(row[0] for row in connection.execute("select levels from arms").fetchall())
    connection.execute(
        _VIEW.format(
            precisions="".join(
                f",\n        max(value) filter (metric in ({', '.join(map(text, metrics))})) as {name(metrics[0])}"
                for metrics in precisions
            ),
            precision_names="".join(f", last_epoch.{name(metrics[0])}" for metrics in precisions),
            costs=",\n        ".join(
                f"max(value) filter (metric = {text(metric)}) as {column}" for column, metric in _COSTS.items()
            ),
            cost_names=", ".join(f"last_epoch.{column}" for column in _COSTS),
            levels="".join(f", {_level(factor, kind)} as {name(factor)}" for factor, kind in factors.items()),
        )
    )
    connection.execute(f"comment on view finals is {text(_COMMENT)}")
    percents = (_percent(*pair) for pair in (("latency_ms", "latency"), ("inference_memory_bytes", "peak_memory")))
    connection.execute(_DIFFERENCES.format(percents=",\n    ".join(percents)))
    connection.execute(f"comment on view differences is {text(_DIFFERENCES_COMMENT)}")


def _percent(column: str, metric: str) -> str:
    arm, control = (f"max({column}) filter (sign = {sign})" for sign in (1, -1))
    mean = f"avg({control}) over (partition by arms.edition, arms.arm, finals.split)"
    return f"100 * ({arm} - {control}) / {mean} as {metric}_percent"


def _precisions(connection: duckdb.DuckDBPyConnection) -> list[list[str]]:
    """Group the labels' metrics by column: names in SQL do not tell small letters from capitals."""
    labels = connection.execute("select distinct unnest(labels) as label from editions order by label").fetchall()
    columns: dict[str, list[str]] = {}
    for (label,) in labels:
        columns.setdefault(label.lower(), []).append(f"ap.{label}")
    return list(columns.values())


def _factors(levels: Iterable[str]) -> dict[str, str]:
    """Find every factor and the type that holds all its levels."""
    seen: dict[str, list[Any]] = {}
    for arm in levels:
        for factor, level in json.loads(arm).items():
            seen.setdefault(factor, []).append(level)
    return {factor: _type(seen[factor]) for factor in sorted(seen)}


def _type(levels: list[Any]) -> str:
    there = {type(level) for level in levels} - {type(None)}
    if there == {bool}:
        return "boolean"
    if there == {int}:
        return "bigint"
    return "double" if there and there <= {int, float} else "varchar"


def _level(factor: str, kind: str) -> str:
    # A JSON pointer, unlike a JSON path, can name a key with dots: only ~ and / are special.
    pointer = "/" + factor.replace("~", "~0").replace("/", "~1")
    return f"cast(arms.levels ->> {text(pointer)} as {kind})"
