"""How many seeds decide a contrast.

Power is the chance that a new interval lies where its estimate lies now: above both margins, below both, or between.
It follows from the noncentral t distribution if the estimate and the spread that were seen are right.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from results.contrast import Contrast
from results.interval import Estimate, Part, quantile

POWER = 0.8
MOST_SEEDS = 1_000
_FAR = 1e6  # standard errors; further off, the chance is 0 for any number of seeds


def further_seeds(contrast: Contrast, smallest: float, power: float = POWER) -> int | None:
    """Count the seeds that would have to be added for the contrast's interval to be decided; None if none suffice.

    Decided is: beyond +-`smallest` on either side, or inside. At most `MOST_SEEDS` seeds are considered.

    Raises:
        ValueError: the contrast has no interval, so that there is no spread to go by.
    """
    if not contrast.has_interval:
        raise ValueError(
            f"contrast of {contrast.arm}: must have an interval, but got {contrast.low=}; add seeds first."
        )
    have = min(len(contrast.seeds), len(contrast.control_seeds))

    def suffices(seeds: int) -> bool:
        return power_of(_with_seeds(contrast, seeds), smallest, contrast.alpha) >= power

    if not suffices(MOST_SEEDS):
        return None
    return max(0, _first(suffices, have, MOST_SEEDS) - have)


def clips_decide_nothing(contrast: Contrast, smallest: float, power: float = POWER) -> bool:
    """Tell whether the clips alone leave too wide an interval, so that no number of seeds decides the contrast."""
    if not contrast.se_clips:
        return False
    estimate = Estimate.of(contrast.difference, _clip_parts(contrast))
    return power_of(estimate, smallest, contrast.alpha) < power


def seeds_cannot_decide(contrast: Contrast, smallest: float) -> bool:
    """Tell whether more seeds are wasted on a contrast, because its clips are too few whatever the seeds will show.

    `clips_decide_nothing` takes the difference to be what it looks like. After a few seeds it may move, and so this
    asks for it wherever in the interval over seeds alone (95 %) it may come to lie.
    """
    if math.isnan(contrast.difference):
        return False
    if math.isnan(contrast.se_clips):  # a single activity
        return True
    if not contrast.se_clips or math.isnan(contrast.se_seed):
        return False
    half = quantile(_seed_df(contrast), 0.975) * contrast.se_seed
    low, high = contrast.difference - half, contrast.difference + half
    best = (low, high, min(max(low, 0.0), high))  # farthest out, or farthest inside
    return all(clips_decide_nothing(replace(contrast, difference=value), smallest) for value in best)


def power_of(estimate: Estimate, smallest: float, alpha: float) -> float:
    """Give the chance that an interval of level 1 - `alpha` lies in the same place as `estimate.value` itself.

    The places are: above `smallest`, below -`smallest`, and between them.
    """
    value = abs(estimate.value)
    if not estimate.variance:
        return float(value != smallest)
    tested = quantile(estimate.df, 1 - alpha / 2)
    if value >= smallest:
        return 1 - _miss(tested, estimate.df, (value - smallest) / estimate.error)
    left, right = ((smallest + side) / estimate.error for side in (value, -value))
    return max(0.0, 1 - _miss(tested, estimate.df, left) - _miss(tested, estimate.df, right))


def _with_seeds(contrast: Contrast, seeds: int) -> Estimate:
    """Suppose that the same spread was seen on `seeds` seeds of both arms."""
    arms = 1 if contrast.is_paired else 2
    variance = contrast.se_seed**2 * effective_seeds(contrast.seeds, contrast.control_seeds) / seeds
    return Estimate.of(contrast.difference, (Part(variance, arms * (seeds - 1)), *_clip_parts(contrast)))


def _seed_df(contrast: Contrast) -> int:
    return sum(len(seeds) - 1 for seeds in (contrast.seeds, contrast.control_seeds)[: 1 if contrast.is_paired else 2])


def effective_seeds(seeds: Sequence[int], control_seeds: Sequence[int]) -> float:
    """Give the seeds that stand behind the seed part; the harmonic mean of both arms' if they differ."""
    return 2 / (1 / len(seeds) + 1 / len(control_seeds))


def _clip_parts(contrast: Contrast) -> list[Part]:
    return [Part(part.variance, part.activities - 1) for part in contrast.clips if part.variance]


def _miss(tested: float, df: float, shift: float) -> float:
    """Give the chance that a t value centred on `shift` standard errors stays below the `tested` one."""
    from scipy.special import nctdtr

    chance = float(nctdtr(df, min(shift, _FAR), tested))
    # The algorithm gives NaN where the chance underflows: for shifts of 37 and more, and only below 1e-50.
    return 0.0 if math.isnan(chance) else chance


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Find the smallest number from `low` for which `holds`, given that it holds for `high` and then stays."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
