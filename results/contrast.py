"""Contrasts: what each arm gains over the control, paired by seed and clip, with an interval that can be defended.

The variance of a mean difference adds independent parts: the seeds' (variance over the paired seeds / S, with S - 1
degrees of freedom) and, if the claim is about other activities too, each split's clips' (the crossed bootstrap of the
mean difference, with the number of activities - 1, since activities are what is drawn). Satterthwaite's formula gives
the degrees of freedom of the sum. What differs between clips from seed to seed is in the seeds' part already, and so is
taken out of the clips' (as by Cameron, Gelbach and Miller, Robust inference with multiway clustering, 2011: counted
twice, intervals of 95 % held the truth in 99 % of studies). Noise within activities stays twice in the bootstrap, so
that the interval errs on the wide side.

Several arms are corrected by Holm's procedure, and by step-down max-T where all of them have the same six seeds or
more, paired: from then on their covariances are known well enough.

An arm that shares fewer than two seeds with the control is compared unpaired; its seed part is then Welch's. A change
(the difference of an arm in one group minus that of its counterpart in the control's) is compared paired, or not.

Letters: S seeds, A arms, M models (an arm with a seed), R resamples.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from results.bootstrap import RESAMPLES
from results.claim import ALL, ANY, Claim
from results.frame import Predictions
from results.holm import Step, holm
from results.interval import Estimate, Part
from results.max_t import LEAST_SEEDS, JointPart, max_t, null_p_values
from results.measure import Measured, Model, measure

Correction = Literal["Holm", "max-T"]

_UNKNOWN = Part(math.nan, math.nan)


@dataclass(frozen=True)
class ClipPart:
    """What one split's clips add to a contrast's variance, in squared points.

    Attributes:
        variance: 0 for a claim over seeds only; NaN where a single activity tells nothing about others.
        absent: labels that no clip of the split has, and so are in no mean.
    """

    split: str
    activities: int
    variance: float
    absent: int = 0


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
    """Corrected, times the number of looks: at most the claim's alpha exactly if the interval lies where it says."""
    alpha: float
    """The level at which the correction tested this arm."""
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
    correction: Correction = "Holm"
    """How it was corrected for the other arms of its family."""

    @property
    def has_interval(self) -> bool:
        """Whether seeds and activities are enough for an interval."""
        return not math.isnan(self.low)


@dataclass(frozen=True)
class _Comparison:
    """A difference before any correction for the number of arms.

    Shapes:
        paired_S (each seed's difference; empty if unpaired); clips_R, one for each split that was drawn
    """

    estimate: Estimate
    seeds: tuple[int, ...]
    control_seeds: tuple[int, ...]
    seed_parts: tuple[Part, ...]
    clip_parts: tuple[Part, ...]
    is_paired: bool
    paired_S: NDArray[np.float64]
    clips_R: tuple[NDArray[np.float64], ...]


def contrasts(predictions: Predictions, claim: Claim, resamples: int = RESAMPLES, seed: int = 0) -> list[Contrast]:
    """Compare every arm with the claim's control, on the claim's split, in the order of the plan.

    The mean of two splits is that of one where the data have only one. The order of clips, arms and seeds changes no
    number. The correction is for all arms of the claim, those without results included.

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

    With looks, a look tests at the level `claim.alpha_of_look`, and the correction goes on from look to look: an arm
    that an earlier look found to be as the claim says is rejected already and leaves the family, one that stopped
    without that stays in it and is not tested again. A null hypothesis that is rejected falsely, falls first at some
    look, and there by a p of at most what that look would ask of all that are true, had none of them stopped, since
    none of these has left: by Holm alpha_of_look / (how many they are), by max-T never more than with all of them
    tested. The chance is at most alpha_of_look for each look, and at most alpha for all, however arms came to stop.

    Args:
        repeated: arms that train the control once more.
        stopped: contrasts of the arms that stopped at earlier looks: these stay as they are.
    """
    _check(planned, claim)
    arms = [arm for arm in planned if claim.compares(arm) or arm in repeated]
    compared = {arm: _compare(arm, claim, measured) for arm in arms if arm not in stopped}
    claimed = set(claim.claimed(planned, repeated))
    steps: dict[str, Step] = {}
    joint: set[str] = set()
    for family in (sorted(claimed), sorted(set(arms) - claimed)):
        tested = [arm for arm in family if arm in compared]
        untested = sum(stopped[arm].p_adjusted > claim.alpha for arm in family if arm in stopped)
        own = [compared[arm] for arm in tested]
        p_values = [p_value(one.estimate, claim) for one in own]
        if _go_together(own):
            found = max_t(p_values, null_p_values(_joint_parts(own, measured)), untested, claim.alpha_of_look)
            joint |= set(tested)
        else:
            found = holm([*p_values, *[1.0] * untested], claim.alpha_of_look)
        steps |= zip(tested, found, strict=False)
    return [
        stopped[arm]
        if arm in stopped
        else _contrast(
            arm, compared[arm], steps[arm], claim, measured, arm in claimed, "max-T" if arm in joint else "Holm"
        )
        for arm in arms
    ]


def _go_together(compared: Sequence[_Comparison]) -> bool:
    """Tell whether the covariances of these arms are known: they have the same seeds, paired, and enough of them."""
    if len(compared) < 2 or any(math.isnan(one.estimate.variance) for one in compared):
        return False
    (first, *_) = compared
    return (
        first.is_paired
        and len(first.seeds) >= LEAST_SEEDS
        and all(one.is_paired and one.seeds == first.seeds for one in compared)
    )


def _joint_parts(compared: Sequence[_Comparison], measured: Measured) -> list[JointPart]:
    """Give the covariances between the arms' differences, of their seeds and of each split's clips."""
    seeds = len(compared[0].seeds)
    parts = [JointPart(np.atleast_2d(np.cov([one.paired_S for one in compared])) / seeds, seeds - 1)]
    for place, split in enumerate(measured.parts if compared[0].clips_R else ()):
        clips_AR = np.array([one.clips_R[place] for one in compared])
        there_AR = clips_AR[:, ~np.isnan(clips_AR).any(axis=0)]
        parts.append(JointPart(np.cov(there_AR) / len(measured.parts) ** 2, split.activities - 1))
    return parts


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
        return _Comparison(nothing, own, others[0], (_UNKNOWN,), unknown, is_paired, np.empty(0), ())
    rows = {name: [measured.rows[name, seed] for seed in seeds[name]] for name in terms}
    points = {name: sign * measured.map_M[rows[name]] for name, sign in terms.items()}
    paired_S = np.sum(list(points.values()), axis=0) if is_paired else np.empty(0)
    seed_parts = (_seed_part(paired_S),) if is_paired else tuple(map(_seed_part, points.values()))
    clips = _clips(terms, rows, measured, is_paired) if claim.over == "seeds_and_activities" else []
    clip_parts = tuple(
        _clip_part(clips_R, part.activities, len(clips)) for clips_R, part in zip(clips, measured.parts, strict=False)
    )
    difference = math.fsum(float(points_S.mean()) for points_S in points.values())
    estimate = Estimate.of(difference, (*seed_parts, *clip_parts))
    return _Comparison(estimate, own, others[0], seed_parts, clip_parts, is_paired, paired_S, tuple(clips))


def _seed_part(points_S: np.ndarray) -> Part:
    if len(points_S) < 2:
        return _UNKNOWN
    return Part(float(points_S.var(ddof=1)) / len(points_S), len(points_S) - 1)


def _clips(
    terms: Mapping[str, int], rows: Mapping[str, list[int]], measured: Measured, is_paired: bool
) -> list[NDArray[np.float64]]:
    """Give the difference under every draw of each split's clips, without what seeds add to its variance.

    NaN for a split that was not drawn.
    """
    drawn = []
    for part in measured.parts:
        if part.resampled is None:
            drawn.append(np.full(1, np.nan))
            continue
        map_MR = part.resampled.map_MR
        own = [sign * map_MR[rows[name]] for name, sign in terms.items()]
        drawn.append(_without_seeds([np.sum(own, axis=0)] if is_paired else own))
    return drawn


def _without_seeds(own: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Give the sum of means over seeds under every draw, narrowed by what differs from seed to seed.

    Args:
        own: of each independent group of seeds, (S, R).
    """
    mean_R: NDArray[np.float64] = np.sum([own_SR.mean(axis=0) for own_SR in own], axis=0)
    centre, variance = float(np.nanmean(mean_R)), float(np.nanvar(mean_R, ddof=1))
    if not variance or min(map(len, own)) < 2:
        return mean_R
    away = [own_SR - np.nanmean(own_SR, axis=1, keepdims=True) for own_SR in own]
    # Of few seeds less is taken out: what is left would seem to be known better than it is.
    by_seeds = math.fsum(
        float(np.nanmean(one_SR.var(axis=0, ddof=1))) / len(one_SR) * (1 - 1 / (len(one_SR) - 1)) for one_SR in away
    )
    narrowed_R: NDArray[np.float64] = centre + math.sqrt(max(0.0, 1 - by_seeds / variance)) * (mean_R - centre)
    return narrowed_R


def _clip_part(clips_R: NDArray[np.float64], activities: int, splits: int) -> Part:
    """Give a split's share in the variance of the mean over splits."""
    if np.isnan(clips_R).all():
        return _UNKNOWN
    return Part(float(np.nanvar(clips_R, ddof=1)) / splits**2, activities - 1)


def _contrast(
    arm: str,
    compared: _Comparison,
    step: Step,
    claim: Claim,
    measured: Measured,
    is_claimed: bool,
    correction: Correction,
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
            ClipPart(part.split, part.activities, variance, part.absent)
            for part, variance in zip(measured.parts, variances, strict=True)
        ),
        vanished=measured.vanished,
        is_claimed=is_claimed,
        is_paired=compared.is_paired,
        left_out=tuple(model for model in measured.left_out if model[0] in claim.terms(arm)),
        correction=correction,
    )
