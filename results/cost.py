"""What inference costs in every arm, compared with the control by percent, seed by seed.

A seed is another measurement. The difference of an arm is the mean over the seeds that both have of arm minus control,
in percent of the control's mean, its interval that of the t distribution over them: no clip of the data plays a part.
A mean of ratios would lean upwards, the more so the noisier the control's measurements are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from results.claim import Claim
from results.contrast import Contrast, compare_measured
from results.measure import Measured, Model
from results.metric.facts import COST_SPLIT
from results.sql import name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ARMS = "select arm, replicate from arms where edition = $edition order by position"
_COSTS = """
select arm, seed, {column} from finals
where edition = $edition and split = $split and not pruned and {column} is not null
order by arm, seed
"""


@dataclass(frozen=True)
class Costs:
    """One cost of every finished trial.

    Attributes:
        arms: every planned arm, in the order of the plan.
        repeated: arms that measure the control once more.
    """

    arms: tuple[str, ...]
    values: Mapping[Model, float]
    repeated: frozenset[str] = frozenset()

    def first(self, seeds: int) -> "Costs":
        """Take the first `seeds` seeds, as if no other had been measured."""
        return replace(self, values={model: value for model, value in self.values.items() if model[1] < seeds})


def costs(connection: "DuckDBPyConnection", edition: str, claim: Claim) -> Costs:
    """Read what the finished trials of an edition cost, by the metric of `claim`."""
    planned = connection.execute(_ARMS, {"edition": edition}).fetchall()
    query = _COSTS.format(column=name(claim.facts.column))
    rows = connection.execute(query, {"edition": edition, "split": COST_SPLIT}).fetchall()
    return Costs(
        tuple(arm for arm, _ in planned),
        {(arm, seed): float(value) for arm, seed, value in rows},
        frozenset(arm for arm, replicate in planned if replicate),
    )


def cost_contrasts(
    measured: Costs, claim: Claim, stopped: Mapping[str, Contrast] = MappingProxyType({})
) -> list[Contrast]:
    """Compare every arm with the claim's control; an arm that shares no seed with it has no result.

    Args:
        stopped: as in `compare_measured`.

    Raises:
        UserError: the claim names an arm that is not there.
    """
    finite = {model: value for model, value in sorted(measured.values.items()) if math.isfinite(value)}
    control = {seed: value for (arm, seed), value in finite.items() if arm == claim.control}
    mean = math.fsum(control.values()) / len(control) if control else math.nan
    usable = [model for model in finite if model[1] in control]
    as_measured = Measured(
        {model: row for row, model in enumerate(usable)},
        np.array([100 * (finite[model] / mean - 1) for model in usable]),
        parts=(),
        left_out=tuple(model for model in sorted(measured.values) if model not in finite),
    )
    return compare_measured(as_measured, claim, measured.arms, measured.repeated, stopped)
