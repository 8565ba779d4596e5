"""Letters: S seeds, M models."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import average_precision_score

from models.errors import UserError
from results.bootstrap import resample
from results.claim import Claim
from results.contrast import Contrast, contrasts
from results.frame import Predictions, Scores
from tests.results.made_predictions import Spread, make_predictions

DRAWS = 200
FIVE = {"control": 0.0, "a": 0.1, "b": 0.4, "c": -0.3, "d": 1.5}


def claim(**changes: Any) -> Claim:
    named: dict[str, Any] = {"control": "control", "which": "any", "direction": "better", "smallest": 0.0}
    return Claim(**named | changes)


def made(seed: int = 0, **changes: Any) -> Predictions:
    return make_predictions(np.random.default_rng(seed), **changes)


def compare(predictions: Predictions, **changes: Any) -> list[Contrast]:
    return contrasts(predictions, claim(**changes), DRAWS)


def with_seeds(predictions: Predictions, **seeds: Sequence[int]) -> Predictions:
    """Keep only some seeds of some arms."""
    kept = {
        arm: {seed: scores_NC for seed, scores_NC in all_seeds.items() if seed in seeds.get(arm, all_seeds)}
        for arm, all_seeds in predictions.scores.items()
    }
    return replace(predictions, scores={arm: of_arm for arm, of_arm in kept.items() if of_arm})


def points_by_sklearn(predictions: Predictions, arm: str, splits: Sequence[str]) -> NDArray[np.float64]:
    """Give the arm's points, one per seed."""

    def points(scores_NC: Scores) -> float:
        on = [predictions.split_N == split for split in splits]
        return float(np.mean([average_precision_score(predictions.labels_NC[at], scores_NC[at]) for at in on]))

    return 100 * np.array([points(predictions.scores[arm][seed]) for seed in sorted(predictions.scores[arm])])


@pytest.mark.parametrize("split", ["val", "val_seen", "val_unseen"])
def test_over_seeds_it_is_the_paired_t_test_of_scikit_learns_scores(split: str) -> None:
    predictions = made(seeds=(0, 1, 2, 3))
    (contrast,) = compare(predictions, split=split, over="seeds", which="arm", smallest=2.0)
    splits = claim(split=split).splits
    arm_S, control_S = (points_by_sklearn(predictions, arm, splits) for arm in ("arm", "control"))
    expected = stats.ttest_rel(arm_S, control_S)
    assert contrast.difference == pytest.approx((arm_S - control_S).mean())
    assert (contrast.low, contrast.high) == pytest.approx(expected.confidence_interval(0.95))
    one_sided = stats.ttest_rel(arm_S - 2.0, control_S, alternative="greater").pvalue
    assert contrast.p == pytest.approx(min(1.0, 2 * one_sided))
    assert (contrast.df, contrast.se_clips, contrast.seeds) == (3, 0.0, (0, 1, 2, 3))


def test_over_activities_the_variance_of_each_splits_clips_is_added() -> None:
    predictions = made(1)
    (contrast,) = compare(predictions)
    variances = []
    for split in ("val_seen", "val_unseen"):
        clips = predictions.of(split)
        models = [clips.scores[arm][seed] for arm in ("arm", "control") for seed in range(3)]
        map_MR = resample(clips, models, DRAWS).map_MR
        variances.append(variance_of_clips(map_MR[:3] - map_MR[3:]) / 4)
    assert [part.variance for part in contrast.clips] == pytest.approx(variances)
    assert [(part.split, part.activities) for part in contrast.clips] == [("val_seen", 8), ("val_unseen", 7)]
    (over_seeds,) = compare(predictions, over="seeds")
    assert contrast.se_seed == over_seeds.se_seed
    total = contrast.se_seed**2 + sum(variances)
    df = total**2 / (contrast.se_seed**4 / 2 + variances[0] ** 2 / 7 + variances[1] ** 2 / 6)
    half = stats.t.ppf(0.975, df) * math.sqrt(total)
    assert (contrast.low, contrast.high) == pytest.approx((contrast.difference - half, contrast.difference + half))


def variance_of_clips(paired_SR: NDArray[np.float64]) -> float:
    """Give the variance of the mean over draws, less what of it differs from seed to seed, by a share that S tells."""
    seeds = len(paired_SR)
    away_SR = paired_SR - paired_SR.mean(axis=1, keepdims=True)
    by_seeds = away_SR.var(axis=0, ddof=1).mean() / seeds * (1 - 1 / (seeds - 1))
    return float(paired_SR.mean(axis=0).var(ddof=1) - by_seeds)


def test_what_differs_from_seed_to_seed_alone_is_not_counted_as_the_clips() -> None:
    """Two arms that have no way of their own with any clip: all that differs is from seed to seed."""
    alike = Spread(arm_with_activity=0.0, arm_with_clip=0.0, seed_with_activity=0.6, rest=0.6)
    own_way = replace(alike, arm_with_activity=0.8)
    shares = []
    for spread in (alike, own_way):
        found = [compare(made(seed, seeds=range(8), spread=spread))[0] for seed in range(12)]
        shares.append(np.mean([one.se_clips**2 / one.se_seed**2 for one in found]))
    assert shares[0] < 0.4
    assert shares[1] > 1.5


def test_the_order_of_clips_arms_and_seeds_changes_no_number() -> None:
    predictions = made(2, gains=FIVE)
    shuffled = np.random.default_rng(5).permutation(len(predictions.clip_N))
    turned = Predictions(
        predictions.arms[::-1],
        predictions.clip_N[shuffled],
        predictions.split_N[shuffled],
        predictions.activity_N[shuffled],
        predictions.labels_NC[shuffled],
        {
            arm: {seed: scores[seed][shuffled] for seed in sorted(scores, reverse=True)}
            for arm, scores in reversed(list(predictions.scores.items()))
        },
    )
    assert compare(turned) == compare(predictions)[::-1]


@pytest.mark.parametrize("which", ["any", "all"])
def test_the_control_trained_again_is_compared_and_not_claimed(which: str) -> None:
    alone = made(2)
    twice = {**alone.scores, "again": alone.scores["control"]}
    predictions = replace(alone, arms=(*alone.arms, "again"), scores=twice, repeated=frozenset(["again"]))
    arm, again = compare(predictions, which=which)
    assert (arm.is_claimed, again.is_claimed) == (True, False)
    assert again.difference == 0
    assert (arm.low, arm.high, arm.p_adjusted) == tuple(
        getattr(compare(alone, which=which)[0], name) for name in ("low", "high", "p_adjusted")
    )


def test_the_same_predictions_twice_differ_by_nothing() -> None:
    predictions = made()
    twice = replace(predictions, scores=dict.fromkeys(("control", "arm"), predictions.scores["arm"]))
    (contrast,) = compare(twice)
    assert (contrast.difference, contrast.low, contrast.high, contrast.p) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("seeds", [5, 7])
@pytest.mark.parametrize(("direction", "smallest"), [("better", 1.0), ("worse", 1.0), ("equivalent", 10.0)])
def test_an_adjusted_p_is_at_most_alpha_exactly_if_the_interval_lies_where_the_claim_says(
    direction: str, smallest: float, seeds: int
) -> None:
    decided = []
    for seed in range(6):
        spread = Spread(seed=0.05, arm_with_activity=0.1, arm_with_clip=0.1)
        predictions = made(seed, gains=FIVE, seeds=range(seeds), spread=spread)
        for contrast in compare(predictions, direction=direction, smallest=smallest, over="seeds"):
            lies_there = {
                "better": contrast.low > smallest,
                "worse": contrast.high < -smallest,
                "equivalent": -smallest < contrast.low and contrast.high < smallest,
            }[direction]
            assert (contrast.p_adjusted <= 0.05) == lies_there
            decided.append(lies_there)
    assert len(set(decided)) == 2


def test_holm_runs_over_the_arms_that_the_claim_is_about() -> None:
    predictions = made(3, gains=FIVE)
    about_any = {contrast.arm: contrast for contrast in compare(predictions)}
    about_one = {contrast.arm: contrast for contrast in compare(predictions, which="b")}
    assert min(contrast.alpha for contrast in about_any.values()) == pytest.approx(0.05 / 4)
    assert (about_one["b"].alpha, about_one["b"].p_adjusted) == (0.05, about_one["b"].p)
    assert [arm for arm, contrast in about_one.items() if contrast.is_claimed] == ["b"]
    assert min(about_one[arm].alpha for arm in "acd") == pytest.approx(0.05 / 3)
    assert all(contrast.is_claimed for contrast in about_any.values())


@pytest.mark.parametrize("over", ["seeds", "seeds_and_activities"])
def test_from_six_seeds_arms_are_corrected_for_as_far_as_they_do_not_go_together(over: str) -> None:
    predictions = made(3, gains=dict.fromkeys(FIVE, 0.0), seeds=range(6))
    together = compare(predictions, over=over)
    assert {contrast.correction for contrast in together} == {"max-T"}
    assert all(contrast.alpha > 0.05 / 4 for contrast in together)
    five_seeds = with_seeds(predictions, **dict.fromkeys(FIVE, range(5)))
    apart = with_seeds(predictions, a=range(5))
    for other in (five_seeds, apart):
        contrasts_of = compare(other, over=over)
        assert {contrast.correction for contrast in contrasts_of} == {"Holm"}
        assert min(contrast.alpha for contrast in contrasts_of) == pytest.approx(0.05 / 4)


def test_two_arms_of_equal_scores_are_corrected_for_little_more_than_one() -> None:
    predictions = made(3, gains={"control": 0.0, "a": 0.0, "b": 0.0}, seeds=range(8))
    twins = replace(predictions, scores=dict(predictions.scores) | {"b": predictions.scores["a"]})
    (alone,) = compare(replace(predictions, arms=("control", "a")))
    for twin in compare(twins):
        assert alone.p <= twin.p_adjusted < 1.4 * alone.p


def test_seeds_that_one_side_lacks_are_not_compared() -> None:
    predictions = made(4, seeds=(0, 1, 2, 3))
    (some,) = compare(with_seeds(predictions, arm=(0, 2, 3), control=(0, 1, 2)))
    (both,) = compare(with_seeds(predictions, arm=(0, 2), control=(0, 2)))
    assert some.seeds == some.control_seeds == (0, 2)
    assert some == both


def test_different_seeds_are_compared_unpaired_by_welchs_test() -> None:
    predictions = with_seeds(made(5, seeds=range(7)), arm=(0, 1, 2, 3), control=(3, 4, 5, 6))
    (contrast,) = compare(predictions, over="seeds")
    arm_S, control_S = (points_by_sklearn(predictions, arm, claim().splits) for arm in ("arm", "control"))
    expected = stats.ttest_ind(arm_S, control_S, equal_var=False)
    assert not contrast.is_paired
    assert (contrast.seeds, contrast.control_seeds) == ((0, 1, 2, 3), (3, 4, 5, 6))
    assert contrast.df == pytest.approx(expected.df)
    assert (contrast.low, contrast.high) == pytest.approx(expected.confidence_interval(0.95))


@pytest.mark.parametrize("over", ["seeds", "seeds_and_activities"])
def test_one_seed_gives_a_difference_and_no_interval(over: str) -> None:
    (contrast,) = compare(with_seeds(made(), arm=(1,)), over=over)
    assert contrast.seeds == contrast.control_seeds == (1,)
    assert not math.isnan(contrast.difference)
    assert math.isnan(contrast.low)
    assert math.isnan(contrast.high)
    assert (contrast.p, contrast.p_adjusted, contrast.has_interval) == (1.0, 1.0, False)


def test_a_single_activity_gives_an_interval_over_seeds_only() -> None:
    predictions = made(activities={"val_seen": 4, "val_unseen": 1})
    (over_activities,) = compare(predictions)
    (over_seeds,) = compare(predictions, over="seeds")
    assert [math.isnan(part.variance) for part in over_activities.clips] == [False, True]
    assert not over_activities.has_interval
    assert over_seeds.has_interval


@pytest.mark.parametrize("missing", ["a", "control"])
def test_an_arm_without_results_stays_in_the_list_and_in_the_correction(missing: str) -> None:
    predictions = made(gains=FIVE)
    left = {arm: seeds for arm, seeds in predictions.scores.items() if arm != missing}
    found = {contrast.arm: contrast for contrast in compare(replace(predictions, scores=left))}
    assert list(found) == ["a", "b", "c", "d"]
    assert math.isnan(found["a"].difference)
    assert math.isnan(found["b"].difference) == (missing == "control")
    assert found["a"].p_adjusted == 1.0
    assert min(contrast.alpha for contrast in found.values()) == pytest.approx(0.05 / 4)


def test_nothing_finished_gives_no_numbers_and_no_error() -> None:
    found = compare(replace(made(gains=FIVE), scores={}))
    assert [contrast.has_interval for contrast in found] == [False] * 4


def test_a_trial_with_scores_that_are_no_numbers_is_left_out_and_named() -> None:
    predictions = made(seeds=(0, 1, 2, 3), gains={"control": 0.0, "arm": 0.0, "other": 0.0})
    diverged = with_seeds(predictions, arm=(0, 1, 3))
    predictions.scores["arm"][2][:] = np.nan
    arm, other = compare(predictions)
    assert (arm.left_out, other.left_out) == ((("arm", 2),), ())
    assert arm.seeds == (0, 1, 3)
    assert arm.difference == compare(diverged)[0].difference


def test_val_is_one_split_where_the_data_have_only_one() -> None:
    (contrast,) = compare(made(activities={"val_seen": 5}))
    assert [part.split for part in contrast.clips] == ["val_seen"]
    assert contrast.has_interval


def test_how_often_a_class_vanished_is_told() -> None:
    predictions = made(activities={"val_seen": 4, "val_unseen": 3})
    (drawn,) = compare(predictions)
    (not_drawn,) = compare(predictions, over="seeds")
    assert 0.1 < drawn.vanished < 1
    assert not_drawn.vanished == 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"which": "e"}, r"claim\.which: there is no arm 'e'\. There are: control, a, b, c, d\."),
        ({"control": "ctrl"}, r"claim\.control: there is no arm 'ctrl'\."),
        ({"split": "test"}, r"claim\.split: no clip is in test.* There are predictions for: val_seen.*study reveal"),
    ],
)
def test_a_claim_that_does_not_fit_the_predictions_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compare(made(gains=FIVE), **changes)


def test_a_split_without_positive_labels_is_refused() -> None:
    predictions = made()
    predictions.labels_NC[predictions.split_N == "val_unseen"] = False
    with pytest.raises(UserError, match=r"val_unseen: none of its 42 clips has a positive label"):
        compare(predictions)


def test_labels_that_a_split_lacks_are_counted_and_in_no_mean() -> None:
    predictions = made(classes=8)
    without = replace(predictions, labels_NC=predictions.labels_NC.copy())
    without.labels_NC[without.split_N == "val_unseen", 3] = False
    (contrast,) = compare(without)
    assert [part.absent for part in contrast.clips] == [0, 1]
    assert contrast.has_interval


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "spread"),
    [
        (3, Spread()),
        (5, Spread()),
        (3, Spread(seed=0.05, arm_with_activity=0.8, arm_with_clip=0.0, seed_with_activity=0.0, rest=0.1)),
        (5, Spread(seed=0.4, arm_with_activity=0.05, arm_with_clip=0.0, seed_with_activity=0.0, rest=0.2)),
    ],
    ids=["3 seeds", "5 seeds", "activities differ most", "seeds differ most"],
)
def test_intervals_hold_the_true_difference_as_often_as_they_say(seeds: int, spread: Spread) -> None:
    generator = np.random.default_rng(11)
    held = []
    for _ in range(600):
        (contrast,) = compare(make_predictions(generator, seeds=range(seeds), spread=spread))
        held.append(contrast.low <= 0 <= contrast.high)
    print(f"{seeds} seeds, {spread}: {100 * np.mean(held):.1f} % of 600 intervals of 95 % held the true difference")
    assert 0.93 <= np.mean(held) <= 0.98


def measured_by(predictions: Predictions, classes: dict[int, list[int]]) -> Predictions:
    """Keep, for each seed, the scores of some classes."""

    def only(scores_NC: Scores, kept: list[int]) -> Scores:
        masked_NC = np.full_like(scores_NC, np.nan)
        masked_NC[:, kept] = scores_NC[:, kept]
        return masked_NC

    scores = {
        arm: {seed: only(scores_NC, classes[seed]) for seed, scores_NC in seeds.items()}
        for arm, seeds in predictions.scores.items()
    }
    return replace(predictions, scores=scores)


def test_classes_without_scores_are_as_if_they_were_not_there() -> None:
    predictions = made(classes=8)
    kept = [1, 4, 6]
    (masked,) = compare(measured_by(predictions, dict.fromkeys(range(3), kept)), which="arm")
    scores = {
        arm: {seed: scores_NC[:, kept] for seed, scores_NC in seeds.items()}
        for arm, seeds in predictions.scores.items()
    }
    (cut,) = compare(replace(predictions, labels_NC=predictions.labels_NC[:, kept], scores=scores), which="arm")
    assert masked == cut


def test_each_seed_may_measure_other_classes_if_both_arms_do() -> None:
    predictions = made(classes=8)
    (contrast,) = compare(measured_by(predictions, {0: [0, 1], 1: [2, 3], 2: [4, 5]}), which="arm")
    assert contrast.has_interval
    assert len(contrast.seeds) == 3


def test_arms_that_measure_other_classes_cannot_be_compared() -> None:
    predictions = made(classes=8)
    masked = measured_by(predictions, {seed: [0, 1] for seed in range(3)})
    mixed = replace(predictions, scores={**masked.scores, "arm": predictions.scores["arm"]})
    with pytest.raises(UserError, match=r"arms arm and control: they measure other labels with seed 0 \(8 and 2\)"):
        compare(mixed, which="arm")
