"""Contrasts within groups of arms, and of how differences change between them. Letters: S seeds, R resamples."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from results.bootstrap import resample
from results.frame import Predictions
from tests.results.made_comparison import DRAWS, compare, made, points_by_sklearn, variance_of_clips, with_seeds

GROUPS = {"all, 20": 0.0, "all, 5": 0.3, "few, 20": -0.5, "few, 5": 0.6}
WITHIN = {"control": "all, 20", "controls": {"few, 20": "few, 20", "few, 5": "few, 20"}}
CHANGE = WITHIN | {"counterparts": {"few, 5": "all, 5"}}


def points_of(predictions: Predictions) -> dict[str, NDArray[np.float64]]:
    return {arm: points_by_sklearn(predictions, arm, ["val_seen", "val_unseen"]) for arm in GROUPS}


def test_within_groups_each_arm_is_compared_with_the_control_of_its_own() -> None:
    predictions = made(gains=GROUPS)
    points = points_of(predictions)
    found = {contrast.arm: contrast for contrast in compare(predictions, **WITHIN)}
    assert list(found) == ["all, 5", "few, 5"], "a group's control is compared with nothing"
    assert [contrast.control for contrast in found.values()] == ["all, 20", "few, 20"]
    assert found["few, 5"].difference == pytest.approx((points["few, 5"] - points["few, 20"]).mean())
    (alone,) = compare(replace(predictions, arms=("few, 20", "few, 5")), control="few, 20", which="few, 5")
    assert found["few, 5"].se_clips == pytest.approx(alone.se_clips)
    assert found["few, 5"].se_seed == pytest.approx(alone.se_seed)


def test_a_change_is_the_difference_of_paired_differences() -> None:
    predictions = made(gains=GROUPS, seeds=(0, 1, 2, 3))
    points = points_of(predictions)
    change_S = points["few, 5"] - points["few, 20"] - (points["all, 5"] - points["all, 20"])
    (contrast,) = compare(predictions, **CHANGE, over="seeds")
    low, high = stats.t.interval(0.95, 3, change_S.mean(), stats.sem(change_S))
    assert (contrast.arm, contrast.control) == ("few, 5", "few, 20")
    assert contrast.difference == pytest.approx(change_S.mean())
    assert (contrast.low, contrast.high) == pytest.approx((low, high))
    (crossed,) = compare(predictions, **CHANGE)
    assert crossed.se_clips > 0
    assert crossed.se_seed == pytest.approx(contrast.se_seed)


def test_the_clips_of_a_change_vary_as_the_bootstrap_of_all_four_arms_does() -> None:
    predictions = made(gains=GROUPS)
    (crossed,) = compare(predictions, **CHANGE, split="val_seen")
    clips = predictions.of("val_seen")
    own = {arm: resample(clips, list(clips.scores[arm].values()), DRAWS).map_MR for arm in GROUPS}
    change_SR = own["few, 5"] - own["few, 20"] - own["all, 5"] + own["all, 20"]
    assert crossed.se_clips == pytest.approx(math.sqrt(variance_of_clips(change_SR)))


def test_a_change_without_shared_seeds_has_no_number() -> None:
    predictions = with_seeds(made(gains=GROUPS), **{"all, 5": (0,), "few, 5": (1, 2)})
    (contrast,) = compare(predictions, **CHANGE)
    assert math.isnan(contrast.difference)
    assert not contrast.has_interval


def test_two_equal_groups_change_nothing() -> None:
    predictions = made(gains=GROUPS)
    twin = {"few, 20": predictions.scores["all, 20"], "few, 5": predictions.scores["all, 5"]}
    (contrast,) = compare(replace(predictions, scores={**predictions.scores, **twin}), **CHANGE)
    assert contrast.difference == pytest.approx(0.0, abs=1e-9)
    assert contrast.se_clips == pytest.approx(0.0, abs=1e-9)
