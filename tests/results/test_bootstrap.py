"""Letters: N clips, C classes, R resamples, M models."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from results.bootstrap import draw, resample
from results.frame import Predictions
from tests.results.made_predictions import make_predictions


def small(seed: int = 0, clips: int = 4) -> Predictions:
    made = make_predictions(np.random.default_rng(seed), activities={"val_seen": 5}, clips=clips, classes=4)
    return made.of("val_seen")


def test_a_draw_takes_as_many_activities_and_clips_of_each_as_there_are() -> None:
    activity_N = np.array(["curl"] * 3 + ["row"] * 5 + ["squat"] * 2)
    weights_NR = draw(activity_N, 4000, np.random.default_rng(0))
    clips_of = {"curl": 3, "row": 5, "squat": 2}
    times = np.stack([weights_NR[activity_N == name].sum(axis=0) / count for name, count in clips_of.items()])
    assert (times == times.astype(int)).all()
    assert (times.sum(axis=0) == 3).all()
    np.testing.assert_allclose(weights_NR.mean(axis=1), 1.0, atol=0.1)
    # Three draws of one activity among three: binomial, variance 3 x 1/3 x 2/3.
    np.testing.assert_allclose(times.var(axis=1), 2 / 3, atol=0.06)


@pytest.mark.parametrize("decimals", [6, 0], ids=["no ties", "ties"])
def test_every_draw_is_measured_as_scikit_learn_measures_the_repeated_clips(decimals: int) -> None:
    clips = small()
    models = [clips.scores["arm"][0].round(decimals), clips.scores["control"][1].round(decimals)]
    resampled = resample(clips, models, 40, seed=3)
    weights_NR = draw(clips.activity_N, 40, np.random.default_rng([3, 0, *b"val_seen"]))
    for r, weights_N in enumerate(weights_NR.T):
        labels_NC = clips.labels_NC.repeat(weights_N, axis=0)
        present_C = labels_NC.any(axis=0)
        assert resampled.vanished_R[r] == (not present_C.all())
        for m, scores_NC in enumerate(models):
            repeated_NC = scores_NC.repeat(weights_N, axis=0)
            expected = average_precision_score(labels_NC[:, present_C], repeated_NC[:, present_C], average="macro")
            np.testing.assert_allclose(resampled.map_MR[m, r], 100 * expected, rtol=0, atol=1e-9)


def test_the_variance_is_that_of_resampling_by_brute_force() -> None:
    clips = small(1)
    arm, control = clips.scores["arm"][0], clips.scores["control"][0]
    resampled = resample(clips, [arm, control], 4000)
    generator = np.random.default_rng(7)
    where = {name: np.flatnonzero(clips.activity_N == name) for name in clips.activities}
    differences = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(1000):
            drawn = generator.choice(clips.activities, len(clips.activities))
            index = np.concatenate([generator.choice(where[name], len(where[name])) for name in drawn])
            labels_NC = clips.labels_NC[index]
            present_C = labels_NC.any(axis=0)
            points = [
                average_precision_score(labels_NC[:, present_C], scores_NC[index][:, present_C], average="macro")
                for scores_NC in (arm, control)
            ]
            differences.append(100 * (points[0] - points[1]))
    ours = (resampled.map_MR[0] - resampled.map_MR[1]).std()
    assert abs(ours / np.std(differences) - 1) < 0.08  # 1,000 draws know a deviation to 2-3 %


def test_a_class_of_one_activity_vanishes_as_often_as_the_activity() -> None:
    clips = small(clips=3)
    rare_NC = clips.labels_NC.copy()
    rare_NC[:, 0] = clips.activity_N == clips.activities[0]
    rare_NC[:, 1:] = clips.activity_N[:, None] != clips.activities[0]
    rare = Predictions(clips.arms, clips.clip_N, clips.split_N, clips.activity_N, rare_NC, clips.scores)
    resampled = resample(rare, [clips.scores["arm"][0]], 4000)
    assert abs(resampled.vanished_R.mean() - (1 - 1 / 5) ** 5) < 0.03
    assert np.isfinite(resampled.map_MR).all()


def test_a_draw_without_any_positive_clip_is_no_number_and_does_not_spoil_the_others() -> None:
    clips = small()
    lone_NC = np.zeros_like(clips.labels_NC)
    lone_NC[:, 2] = clips.activity_N == clips.activities[0]
    lone = Predictions(clips.arms, clips.clip_N, clips.split_N, clips.activity_N, lone_NC, clips.scores)
    resampled = resample(lone, [clips.scores["arm"][0]], 500)
    assert (np.isnan(resampled.map_MR[0]) == resampled.vanished_R).all()
    assert 0.2 < resampled.vanished_R.mean() < 0.45


def test_the_draws_do_not_depend_on_the_models_or_on_how_many_there_are() -> None:
    clips = small()
    models = [clips.scores["arm"][seed] for seed in range(3)]
    together = resample(clips, models, 200).map_MR
    assert np.array_equal(together[2], resample(clips, models[2:], 200).map_MR[0])
    assert not np.array_equal(together, resample(clips, models, 200, seed=1).map_MR)
