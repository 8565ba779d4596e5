"""Intervals from a sum of variances: each part brings its own degrees of freedom, Satterthwaite's formula adds them.

F. E. Satterthwaite, An approximate distribution of estimates of variance components, Biometrics Bulletin 2, 1946.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

HALVINGS = 60
"""How often the numbers on both sides of a crossing come closer: as far as a float can tell."""


@dataclass(frozen=True)
class Part:
    """One independent part of an estimate's variance; NaN where it could not be measured."""

    variance: float
    df: float


@dataclass(frozen=True)
class Estimate:
    """A value with the variance of its error; with NaN in it, there is no interval and no p below 1."""

    value: float
    variance: float
    df: float

    @classmethod
    def of(cls, value: float, parts: Iterable[Part]) -> Self:
        """Add the parts: df = (sum of variances)^2 / sum of (variance^2 / df).

        Example:
            Two parts s_a^2 / n_a and s_b^2 / n_b with n_a - 1 and n_b - 1 degrees of freedom give Welch's t-test.
        """
        parts = list(parts)
        variance = math.fsum(part.variance for part in parts)
        # A part without variance says nothing about the others; all parts without it leave the fewest df.
        weighed = math.fsum(part.variance**2 / part.df for part in parts if part.variance)
        df = variance**2 / weighed if weighed else min(part.df for part in parts)
        return cls(value, variance, df)

    @property
    def error(self) -> float:
        """The standard error."""
        return math.sqrt(self.variance)

    def interval(self, alpha: float) -> tuple[float, float]:
        """Give the two-sided interval of level 1 - alpha."""
        half = quantile(self.df, 1 - alpha / 2) * self.error if self.variance else 0.0
        return self.value - half, self.value + half

    def p_above(self, bound: float) -> float:
        """Give the smallest alpha whose two-sided interval lies above `bound`: twice the one-sided p, at most 1."""
        if math.isnan(self.variance) or math.isnan(self.value):
            return 1.0
        if not self.variance:
            return 0.0 if self.value > bound else 1.0
        from scipy.special import stdtr

        return min(1.0, 2 * float(stdtr(self.df, (bound - self.value) / self.error)))

    def p_below(self, bound: float) -> float:
        """Give the smallest alpha whose two-sided interval lies below `bound`."""
        return Estimate(-self.value, self.variance, self.df).p_above(-bound)

    def p_within(self, bound: float) -> float:
        """Give the smallest alpha whose two-sided interval lies between -`bound` and `bound` (two one-sided tests)."""
        return max(self.p_above(-bound), self.p_below(bound))


def quantile(df: float, probability: float) -> float:
    """Give the quantile of Student's t distribution; NaN for df NaN."""
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))


def crossing(holds: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """Find where `holds`, which is false up to some number and true from there on, changes: the last two on its sides.

    Args:
        low, high: numbers on both sides of it.
    """
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low, high
