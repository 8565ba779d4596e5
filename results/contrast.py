"""Contrasts: what each arm gains over the control, paired by seed and clip, with an interval that can be defended.

The variance of a mean difference adds independent parts: the seeds' (variance over the paired seeds / S, with S - 1
degrees of freedom) and, if the claim is about other activities too, each split's clips' (the crossed bootstrap of the
mean difference, with the number of activities - 1, since activities are what is drawn). Satterthwaite's formula gives
the degrees of freedom of the sum. The interaction of seeds and clips is in both parts, and noise within activities is
twice in the bootstrap, so that the interval errs on the wide side.

An arm that shares fewer than two seeds with the control is compared unpaired; its seed part is then Welch's. A change
(the difference of an arm in one group minus that of its counterpart in the control's) is compared paired, or not.

Letters: S seeds, M models (an arm with a seed), R resamples.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from models.errors import UserError
from results.bootstrap import RESAMPLES
from results.claim import ALL, ANY, Claim
from results.frame import Predictions
from results.holm import Step, holm
from results.interval import Estimate, Part
from results.measure import Measured, Model, measure

_UNKNOWN = Part(math.nan, math.nan)


@dataclass(frozen=True)
class ClipPart:
    """What one split's clips add to a contrast's variance, in squared points.

    Attributes:
        variance: 0 for a claim over seeds only; NaN where a single activity tells nothing about others.
    """

    split: str
    activities: int
    variance: float


@dataclass(frozen=True)
class Contrast:
    """Arm minus control, in points, or what this is more than that of its counterpart; NaN where there is no number.

    Costs are in percent of the control's.
    """

    arm: str
    control: str
    """The arm that it is compared with."""
    difference: float
    low: float
    high: float
    """With `low` the interval of level 1 - `alpha`."""
    p: float
    """Twice the one-sided p of the claim's direction, against its smallest difference; at most 1."""
    p_adjusted: float
    """Holm's, times the number of looks: at most the claim's alpha exactly if the interval lies where it says."""
    alpha: float
    """The level at which Holm's procedure tested this arm."""
    seeds: tuple[int, ...]
    """The seeds of both arms, or the arm's own if unpaired."""
    control_seeds: tuple[int, ...]
    df: float
    se_seed: float
    se_clips: float
    clips: tuple[ClipPart, ...]
    vanished: float
    """Share of the bootstrap's draws in which a class had no positive clip; 0 without a bootstrap."""
    is_claimed: bool
    """Whether the claim is about this arm; the others are corrected among themselves."""
    is_paired: bool
    left_out: tuple[Model, ...]
    """Trials of this arm and the control whose scores are not numbers."""

    @property
    def has_interval(self) -> bool:
        """Whether seeds and activities are enough for an interval."""
        return not math.isnan(self.low)


@dataclass(frozen=True)
class _Comparison:
    """A difference before any correction for the number of arms."""

    estimate: Estimate
    seeds: tuple[int, ...]
    control_seeds: tuple[int, ...]
    seed_parts: tuple[Part, ...]
    clip_parts: tuple[Part, ...]
    is_paired: bool


def contrasts(predictions: Predictions, claim: Claim, resamples: int = RESAMPLES, seed: int = 0) -> list[Contrast]:
    """Compare every arm with the claim's control, on the claim's split, in the order of the plan.

    The mean of two splits is that of one where the data have only one. The order of clips, arms and seeds changes no
    number. Holm's procedure runs over all arms of the claim, those without results included.

    Args:
        resamples: draws of activities and clips.
        seed: of the draws.

    Raises:
        UserError: the claim names an arm that is not there, or a split without clips or positive labels.
    """
    measured = measure(predictions, claim, resamples, seed)
    return compare_measured(measured, claim, predictions.arms, predictions.repeated)


def compare_measured(
    measured: Measured,
    claim: Claim,
    planned: tuple[str, ...],
    repeated: Collection[str],
    stopped: Mapping[str, Contrast] = MappingProxyType({}),
) -> list[Contrast]:
    """Compare what was measured of every planned arm with its control, as `contrasts` does.

    With looks, a look tests at the level `claim.alpha_of_look`, and Holm's procedure goes on from look to look: an arm
    that an earlier look found to be as the claim says is rejected already and leaves the family, one that stopped
    without that stays in it and is not tested again. A null hypothesis that is rejected falsely, falls first at some
    look, and there by a p of at most alpha_of_look / (null hypotheses that are true), since none of these has left:
    the chance is at most alpha_of_look for each look, and at most alpha for all of them, however arms came to stop.

    Args:
        repeated: arms that train the control once more.
        stopped: contrasts of the arms that stopped at earlier looks: these stay as they are.
    """
    _check(planned, claim)
    arms = [arm for arm in planned if claim.compares(arm) or arm in repeated]
    compared = {arm: _compare(arm, claim, measured) for arm in arms if arm not in stopped}
    claimed = set(claim.claimed(planned, repeated))
    steps: dict[str, Step] = {}
    for family in (sorted(claimed), sorted(set(arms) - claimed)):
        tested = [arm for arm in family if arm in compared]
        untested = sum(stopped[arm].p_adjusted > claim.alpha for arm in family if arm in stopped)
        p_values = [*(p_value(compared[arm].estimate, claim) for arm in tested), *[1.0] * untested]
        steps |= zip(tested, holm(p_values, claim.alpha_of_look), strict=False)
    return [
        stopped[arm] if arm in stopped else _contrast(arm, compared[arm], steps[arm], claim, measured, arm in claimed)
        for arm in arms
    ]


def p_value(estimate: Estimate, claim: Claim) -> float:
    """Give the smallest alpha whose two-sided interval lies where `claim` says."""
    if claim.direction == "equivalent":
        return estimate.p_within(claim.smallest)
    return estimate.p_below(-claim.smallest) if claim.says_lower else estimate.p_above(claim.smallest)


def _check(arms: Sequence[str], claim: Claim) -> None:
    for field, name in (("control", claim.control), ("which", claim.which)):
        if name not in arms and not (field == "which" and name in (ANY, ALL)):
            raise UserError(
                f"claim.{field}: there is no arm {name!r}. There are: {', '.join(arms)}. "
                "Claims name arms as `study plan` prints them."
            )


def _compare(arm: str, claim: Claim, measured: Measured) -> _Comparison:
    terms = claim.terms(arm)
    seeds = {name: measured.seeds(name) for name in terms}
    shared = tuple(seed for seed in seeds[arm] if all(seed in own for own in seeds.values()))
    is_paired = len(shared) >= 2 or (bool(shared) and min(map(len, seeds.values())) < 2)
    if is_paired:
        seeds = dict.fromkeys(terms, shared)
    own, *others = seeds.values()
    if not all(seeds.values()) or (len(terms) > 2 and not is_paired):
        nothing = Estimate(math.nan, math.nan, math.nan)
        unknown = (_UNKNOWN,) * len(measured.parts)
        return _Comparison(nothing, own, others[0], (_UNKNOWN,), unknown, is_paired)
    rows = {name: [measured.rows[name, seed] for seed in seeds[name]] for name in terms}
    points = {name: sign * measured.map_M[rows[name]] for name, sign in terms.items()}
    if is_paired:
        seed_parts: tuple[Part, ...] = (_seed_part(np.sum(list(points.values()), axis=0)),)
    else:
        seed_parts = tuple(_seed_part(points_S) for points_S in points.values())
    clip_parts = _clip_parts(terms, rows, measured) if claim.over == "seeds_and_activities" else ()
    difference = math.fsum(float(points_S.mean()) for points_S in points.values())
    estimate = Estimate.of(difference, (*seed_parts, *clip_parts))
    return _Comparison(estimate, own, others[0], seed_parts, clip_parts, is_paired)


def _seed_part(points_S: np.ndarray) -> Part:
    if len(points_S) < 2:
        return _UNKNOWN
    return Part(float(points_S.var(ddof=1)) / len(points_S), len(points_S) - 1)


def _clip_parts(terms: Mapping[str, int], rows: Mapping[str, list[int]], measured: Measured) -> tuple[Part, ...]:
    """Give each split's share in the variance of the mean over splits."""
    parts = []
    for part in measured.parts:
        if part.resampled is None:
            parts.append(_UNKNOWN)
            continue
        map_MR = part.resampled.map_MR
        difference_R = np.sum([sign * map_MR[rows[name]].mean(axis=0) for name, sign in terms.items()], axis=0)
        variance = float(np.nanvar(difference_R, ddof=1)) / len(measured.parts) ** 2
        parts.append(Part(variance, part.activities - 1))
    return tuple(parts)


def _contrast(
    arm: str, compared: _Comparison, step: Step, claim: Claim, measured: Measured, is_claimed: bool
) -> Contrast:
    low, high = compared.estimate.interval(step.alpha)
    variances = [part.variance for part in compared.clip_parts] or [0.0] * len(measured.parts)
    return Contrast(
        arm=arm,
        control=claim.controls.get(arm, claim.control),
        difference=compared.estimate.value,
        low=low,
        high=high,
        p=p_value(compared.estimate, claim),
        p_adjusted=min(1.0, step.p * max(1, len(claim.looks))),
        alpha=step.alpha,
        seeds=compared.seeds,
        control_seeds=compared.control_seeds,
        df=compared.estimate.df,
        se_seed=math.sqrt(math.fsum(part.variance for part in compared.seed_parts)),
        se_clips=math.sqrt(math.fsum(variances)),
        clips=tuple(
            ClipPart(part.split, part.activities, variance)
            for part, variance in zip(measured.parts, variances, strict=True)
        ),
        vanished=measured.vanished,
        is_claimed=is_claimed,
        is_paired=compared.is_paired,
        left_out=tuple(model for model in measured.left_out if model[0] in claim.terms(arm)),
    )
