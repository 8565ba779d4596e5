"""Letters: A arms, S seeds, R made-up studies."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from results.holm import holm
from results.max_t import JointPart, max_t, null_p_values

ALPHA = 0.05


def part(correlation: float, arms: int = 4, df: int = 11) -> JointPart:
    return JointPart(np.full((arms, arms), correlation) + (1 - correlation) * np.eye(arms), df)


def test_each_arm_alone_has_every_p_as_often() -> None:
    null_RA = null_p_values([part(0.5), part(0.2, df=6)], 1000)
    assert (np.sort(null_RA, axis=0) == np.arange(1, 1001)[:, None] / 1000).all()


def test_arms_that_go_together_are_corrected_less_and_equal_arms_not_at_all() -> None:
    levels = []
    for correlation in (0.0, 0.5, 0.9, 1.0):
        null_RA = null_p_values([JointPart(part(correlation).covariance_AA, 200)])
        levels.append(max_t([0.2] * 4, null_RA, 0, ALPHA)[0].alpha)
    assert levels[0] == pytest.approx(1 - (1 - ALPHA) ** (1 / 4), rel=0.1)  # independent arms: Sidak
    assert levels == sorted(levels)
    assert levels[-1] > 0.04
    dunnett = 2 * stats.norm.sf(2.44)  # Dunnett 1955, four treatments, two-sided 5 %, no end of degrees of freedom
    assert levels[1] == pytest.approx(dunnett, rel=0.1)


def test_no_arm_is_tested_at_a_stricter_level_than_by_holm() -> None:
    generator = np.random.default_rng(1)
    for correlation in (-0.2, 0.0, 0.6):
        null_RA = null_p_values([part(correlation)], 500)
        for p_values in generator.random((50, 4)) ** 3:
            ours, holms = max_t(p_values.tolist(), null_RA, 0, ALPHA), holm(p_values.tolist(), ALPHA)
            for own, other in zip(ours, holms, strict=True):
                assert own.p <= other.p
                assert own.alpha >= other.alpha * (1 - 1e-9)


def test_p_and_level_tell_the_same() -> None:
    generator = np.random.default_rng(2)
    null_RA = null_p_values([part(0.5)], 800)
    for p_values in (generator.random((200, 4)) ** 4).tolist():
        for untested in (0, 2):
            for p, step in zip(p_values, max_t(p_values, null_RA, untested, ALPHA), strict=True):
                assert (step.p <= ALPHA) == (p <= step.alpha)


def test_the_last_that_is_left_is_not_corrected() -> None:
    steps = max_t([0.04, 1e-9, 1e-9, 1e-9], null_p_values([part(0.5)], 500), 0, ALPHA)
    assert steps[0].p == pytest.approx(0.04)
    assert steps[0].alpha == pytest.approx(ALPHA)


def test_what_is_not_tested_counts_as_if_nothing_were_known_of_it() -> None:
    null_RA = null_p_values([part(1.0, df=400)], 4000)
    assert max_t([0.2] * 4, null_RA, 0, ALPHA)[0].alpha > max_t([0.2] * 4, null_RA, 3, ALPHA)[0].alpha
    assert max_t([0.2] * 4, null_RA, 3, ALPHA)[0].alpha == pytest.approx(ALPHA / 4, rel=0.1)


def test_arms_without_any_variance_do_no_harm() -> None:
    null_RA = null_p_values([JointPart(np.diag([1.0, 0.0, 0.0]), 5)], 500)
    assert np.isfinite(null_RA).all()
    assert [step.p for step in max_t([0.01, 0.0, 1.0], null_RA, 0, ALPHA)] == pytest.approx([0.02, 0.0, 1.0], abs=0.004)


def studies(generator: np.random.Generator, arms: int, seeds: int) -> NDArray[np.float64]:
    """Draw the paired differences of arms that are all equal to one control."""
    return generator.normal(size=(arms, seeds)) - generator.normal(size=seeds)


@pytest.mark.parametrize(("arms", "seeds"), [(5, 6), (5, 12), (9, 6)])
def test_any_false_claim_is_as_rare_as_alpha_says(arms: int, seeds: int) -> None:
    generator, number = np.random.default_rng(3), 700
    false, by_holm = 0, 0
    for _ in range(number):
        paired_AS = studies(generator, arms, seeds)
        p_values = stats.ttest_1samp(paired_AS, 0, axis=1).pvalue.tolist()
        null_RA = null_p_values([JointPart(np.cov(paired_AS) / seeds, seeds - 1)], 2000)
        false += min(step.p for step in max_t(p_values, null_RA, 0, ALPHA)) <= ALPHA
        by_holm += min(step.p for step in holm(p_values, ALPHA)) <= ALPHA
    assert by_holm <= false
    assert false / number <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / number)
