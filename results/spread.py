"""What a planned number of seeds can detect, by how far differences scatter that were measured before."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Any

from results.claim import Claim
from results.contrast import ClipPart
from results.interval import Estimate, Part, crossing
from results.power import POWER, effective_seeds, power_of

ASSUMED = 2.0
"""Standard deviation from seed to seed where nothing is known: points, or percent of a cost."""


@dataclass(frozen=True)
class Spread:
    """How far the difference of an arm and its control scatters.

    Attributes:
        seed: standard deviation of the paired difference from seed to seed, in points or percent.
        clips: what each split's clips add to the variance of the mean; empty where that is not known or not asked.
        source: where this is from, in words.
    """

    seed: float
    clips: tuple[ClipPart, ...]
    source: str

    @property
    def se_clips(self) -> float:
        """The standard error that activities and clips leave however many seeds there are."""
        return math.sqrt(math.fsum(part.variance for part in self.clips))


@dataclass(frozen=True)
class Detectable:
    """The smallest difference that is found with 80 % power, by the number of seeds.

    Attributes:
        by_seeds: seeds -> difference; of a claim of equivalence the smallest margin that equal arms are found within.
            None for a single seed, which gives no interval.
    """

    spread: Spread
    by_seeds: Mapping[int, float | None]


def detectable(spread: Spread, claim: Claim, arms: int, seeds: Sequence[int]) -> Detectable:
    """Say what `claim` can detect with each number of `seeds`.

    Args:
        arms: that the claim is about; the level is that of the first of them by Holm's procedure.
    """
    alpha = claim.alpha_of_look / max(1, arms)
    return Detectable(spread, {number: _smallest(spread, claim, alpha, number) for number in seeds})


def spread_of_contrasts(contrasts: Sequence[Mapping[str, Any]], source: str) -> Spread | None:
    """Take the mean spread of contrasts as `answer.json` holds them; None if none of them has an interval.

    The mean of variances, since few seeds and activities show most of them too small, and some far too large.
    """
    claimed = [one for one in contrasts if one["is_claimed"] and one["low"] is not None]
    if not claimed:
        return None
    seed_variance = fmean(one["se_seed"] ** 2 * effective_seeds(one["seeds"], one["control_seeds"]) for one in claimed)
    by_split: dict[str, list[Mapping[str, Any]]] = {}
    for one in claimed:
        for part in one["clips"]:
            by_split.setdefault(part["split"], []).append(part)
    clips = tuple(
        ClipPart(split, parts[0]["activities"], fmean(part["variance"] for part in parts))
        for split, parts in by_split.items()
    )
    return Spread(math.sqrt(seed_variance), tuple(part for part in clips if part.variance), source)


def spread_of_control(values: Sequence[float], source: str) -> Spread | None:
    """Take the spread of a control's seeds, as if an arm scattered as much, and apart from it; None for one seed."""
    if len(values) < 2:
        return None
    return Spread(math.sqrt(2 * variance(values)), (), source)


def _smallest(spread: Spread, claim: Claim, alpha: float, seeds: int) -> float | None:
    if seeds < 2:
        return None
    parts = [
        Part(spread.seed**2 / seeds, seeds - 1),
        *(Part(part.variance, part.activities - 1) for part in spread.clips),
    ]
    spread_of_mean = Estimate.of(0.0, parts)
    unit = spread_of_mean.error or 1.0

    def suffices(amount: float) -> bool:
        if claim.direction == "equivalent":
            return power_of(spread_of_mean, amount, alpha) >= POWER
        estimate = Estimate(claim.smallest + amount, spread_of_mean.variance, spread_of_mean.df)
        return power_of(estimate, claim.smallest, alpha) >= POWER

    low, high = 0.0, unit
    while not suffices(high):
        low, high = high, 2 * high
    _, high = crossing(suffices, low, high)
    return high if claim.direction == "equivalent" else claim.smallest + high
