"""Letters: S seeds, X made-up studies."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from results.contrast import ClipPart
from results.interval import Estimate, Part
from results.power import clips_decide_nothing, further_seeds, power_of
from tests.results.made_contrasts import make_contrast, without_results


@pytest.mark.parametrize(("difference", "smallest"), [(1.8, 1.0), (-3.0, 1.0), (0.2, 1.0), (0.7, 0.0)])
def test_further_seeds_are_the_fewest_that_have_the_power(difference: float, smallest: float) -> None:
    contrast = make_contrast("a", difference, 3.0)
    more = further_seeds(contrast, smallest)
    assert more is not None

    def power_with(seeds: int) -> float:
        return power_of(Estimate.of(difference, [Part(contrast.se_seed**2 * 3 / seeds, seeds - 1)]), smallest, 0.05)

    assert power_with(3 + more) >= 0.8 > power_with(3 + more - 1)


def test_the_power_is_that_of_made_up_studies_on_either_side_and_between() -> None:
    generator = np.random.default_rng(0)
    for value in (2.2, -2.2, 0.2):
        differences_XS = generator.normal(value, 1.4, (40_000, 9))
        error_X = differences_XS.std(axis=1, ddof=1) / 3
        low_X, high_X = (differences_XS.mean(axis=1) + side * stats.t.ppf(0.975, 8) * error_X for side in (-1, 1))
        margin = 1.0 if abs(value) > 1 else 1.6
        there_X = {2.2: low_X > margin, -2.2: high_X < -margin, 0.2: (low_X > -margin) & (high_X < margin)}[value]
        assert power_of(Estimate.of(value, [Part(1.4**2 / 9, 8)]), margin, 0.05) == pytest.approx(
            there_X.mean(), abs=0.02
        )


@pytest.mark.parametrize("value", [0.0, 0.5, 1.5, 40.0])
def test_more_seeds_never_have_less_power(value: float) -> None:
    found = [power_of(Estimate.of(value, [Part(1.5 / seeds, seeds - 1)]), 1.0, 0.05) for seeds in range(2, 1001)]
    assert all(fewer <= more + 1e-9 for fewer, more in pairwise(found))
    assert found[-1] > 0.999


def test_wider_clips_ask_for_more_seeds_until_none_suffice() -> None:
    found = []
    for variance in (0.0, 0.05, 0.1, 1.0):
        clips = (ClipPart("val_seen", 12, variance / 4), ClipPart("val_unseen", 7, variance))
        contrast = make_contrast("a", 2.2, 3.0, clips=clips, se_clips=math.sqrt(1.25 * variance))
        found.append((further_seeds(contrast, 1.0), clips_decide_nothing(contrast, 1.0)))
    seeds = [number for number, _ in found[:3] if number is not None]
    assert len(seeds) == 3
    assert seeds[0] < seeds[1] < seeds[2]
    assert [stuck for _, stuck in found] == [False, False, False, True]
    assert found[3][0] is None


def test_a_difference_on_the_margin_is_never_decided() -> None:
    assert further_seeds(make_contrast("a", 1.0, 3.0), 1.0) is None
    assert not clips_decide_nothing(make_contrast("a", 1.0, 3.0), 1.0)


def test_without_an_interval_there_is_no_spread_to_go_by() -> None:
    with pytest.raises(ValueError, match="contrast of a: must have an interval"):
        further_seeds(without_results("a"), 1.0)
