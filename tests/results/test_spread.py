"""Letters: S seeds, X made-up studies."""

import math
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats

from results.claim import Claim
from results.contrast import ClipPart
from results.files import jsonable
from results.spread import Spread, detectable, spread_of_contrasts, spread_of_control
from tests.results.made_contrasts import make_contrast, without_results

CLIPS = (ClipPart("val_seen", 24, 0.1), ClipPart("val_unseen", 7, 0.3))


def claim(**changes: Any) -> Claim:
    named: dict[str, Any] = {"control": "20", "which": "any", "direction": "better", "smallest": 1.0}
    return Claim(**named | changes)


def found(spread: Spread, asked: Claim, seeds: int, arms: int = 1) -> float:
    amount = detectable(spread, asked, arms, [seeds]).by_seeds[seeds]
    assert amount is not None
    return amount


@pytest.mark.parametrize("direction", ["better", "worse", "equivalent"])
def test_what_is_detectable_is_found_by_four_made_up_studies_of_five(direction: str) -> None:
    asked, seeds = claim(direction=direction, over="seeds"), 5
    amount = found(Spread(1.5, (), "made up"), asked, seeds)
    true = {"better": amount, "worse": -amount, "equivalent": 0.0}[direction]
    differences_XS = np.random.default_rng(0).normal(true, 1.5, (20_000, seeds))
    half_X = stats.t.ppf(0.975, seeds - 1) * differences_XS.std(axis=1, ddof=1) / math.sqrt(seeds)
    low_X, high_X = differences_XS.mean(axis=1) - half_X, differences_XS.mean(axis=1) + half_X
    there_X = {"better": low_X > 1, "worse": high_X < -1, "equivalent": (low_X > -amount) & (high_X < amount)}
    assert there_X[direction].mean() == pytest.approx(0.8, abs=0.02)


def test_more_seeds_detect_less_fewer_arms_too_and_clips_are_the_floor() -> None:
    spread = Spread(2.0, CLIPS, "made up")
    amounts = [found(spread, claim(), seeds) for seeds in (2, 3, 5, 8, 12, 1000)]
    assert all(more > fewer for more, fewer in pairwise(amounts))
    assert amounts[-1] == pytest.approx(found(Spread(0.0, CLIPS, ""), claim(), 12), rel=0.02)
    assert found(spread, claim(), 5, arms=4) > found(spread, claim(), 5)
    assert found(spread, claim(looks=(5,)), 5) < found(spread, claim(looks=(3, 5)), 5)


def test_one_seed_detects_nothing() -> None:
    assert detectable(Spread(2.0, (), ""), claim(), 1, [1]).by_seeds == {1: None}


def test_a_spread_is_the_mean_variance_of_the_contrasts_that_the_claim_is_about() -> None:
    contrasts = [make_contrast(f"a{n}", 0.0, 3.0, se_seed=0.1 * n, clips=CLIPS) for n in (1, 2, 9)]
    aside = make_contrast("again", 0.0, 3.0, se_seed=50.0, clips=CLIPS, is_claimed=False)
    kept = [jsonable(asdict(one)) for one in (*contrasts, aside, without_results("none"))]
    spread = spread_of_contrasts(kept, "by made-up arms")
    assert spread is not None
    assert spread.seed == pytest.approx(math.sqrt((0.1**2 + 0.2**2 + 0.9**2) / 3 * 3))
    assert [part.variance for part in spread.clips] == pytest.approx([part.variance for part in CLIPS])
    assert [part.activities for part in spread.clips] == [24, 7]
    assert spread_of_contrasts(kept[-1:], "nothing") is None


def test_seeds_that_are_not_paired_count_by_both_arms() -> None:
    one = make_contrast("a", 0.0, 3.0, se_seed=0.5, seeds=(0, 1), control_seeds=(0, 1, 2, 3, 4), is_paired=False)
    spread = spread_of_contrasts([jsonable(asdict(one))], "by made-up arms")
    assert spread is not None
    assert spread.seed**2 == pytest.approx(0.5**2 * 2 / (1 / 2 + 1 / 5))


def test_seven_activities_tell_as_much_as_seven_seeds() -> None:
    clips = (ClipPart("val_unseen", 7, 0.3),)
    by_activities = found(Spread(0.0, clips, ""), claim(), 5)
    assert by_activities == pytest.approx(found(Spread(math.sqrt(7 * 0.3), (), ""), claim(), 7))


def test_a_control_alone_tells_of_an_arm_that_scatters_as_much() -> None:
    spread = spread_of_control([50.0, 52.0, 54.0], "by 3 seeds")
    assert spread is not None
    assert spread.seed == pytest.approx(2 * math.sqrt(2))
    assert spread_of_control([50.0], "by 1 seed") is None
