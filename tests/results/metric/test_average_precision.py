"""Letters: N clips, C classes, R resamples."""

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from results.metric.average_precision import Ranking, average_precision, mean_average_precision

Draw = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]


def drawn(seed: int, distinct: int) -> Draw:
    """Draw scores of at most `distinct` values, labels of very different frequency, and weights with zeros."""
    generator = np.random.default_rng(seed)
    scores_NC = (generator.integers(0, distinct, (200, 6)) / distinct).astype(np.float32)
    labels_NC = generator.random((200, 6)) < np.array([0.0, 0.01, 0.1, 0.5, 0.9, 1.0])
    return scores_NC, labels_NC, generator.choice([0.0, 0.3, 1.0, 2.5], 200)


def by_sklearn(draw: Draw, weights_N: NDArray[np.float64] | None) -> NDArray[np.float64]:
    scores_NC, labels_NC, _ = draw
    seen_NC = labels_NC if weights_N is None else labels_NC & (weights_N > 0)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes without positives and calls them 0
        precision_C = [
            average_precision_score(labels_N, scores_N, sample_weight=weights_N)
            for scores_N, labels_N in zip(scores_NC.T, labels_NC.T, strict=True)
        ]
    return np.where(seen_NC.any(axis=0), 100 * np.array(precision_C), np.nan)


@pytest.mark.parametrize("distinct", [1, 2, 7, 50, 10**7])
@pytest.mark.parametrize("seed", range(4))
def test_it_equals_scikit_learn_with_and_without_ties_and_weights(seed: int, distinct: int) -> None:
    draw = scores_NC, labels_NC, weights_N = drawn(seed, distinct)
    np.testing.assert_allclose(average_precision(scores_NC, labels_NC), by_sklearn(draw, None), rtol=0, atol=1e-9)
    weighted_C = average_precision(scores_NC, labels_NC, weights_N)
    np.testing.assert_allclose(weighted_C, by_sklearn(draw, weights_N), rtol=0, atol=1e-9)


@pytest.mark.parametrize("distinct", [3, 10**7])
def test_a_ranking_weighs_many_resamples_as_scikit_learn_weighs_each(distinct: int) -> None:
    scores_NC, labels_NC, _ = drawn(0, distinct)
    weights_NR = np.random.default_rng(1).poisson(1.0, (200, 5)).astype(np.int32)
    for c in range(1, 6):
        precision_R = Ranking(scores_NC[:, c], labels_NC[:, c]).average_precision(weights_NR)
        expected_R = [
            100 * average_precision_score(labels_NC[:, c], scores_NC[:, c], sample_weight=weights_N)
            if labels_NC[:, c] @ weights_N
            else np.nan
            for weights_N in weights_NR.T
        ]
        np.testing.assert_allclose(precision_R, expected_R, rtol=0, atol=1e-9)


def test_a_weight_counts_a_clip_as_often_as_it_says() -> None:
    scores_NC, labels_NC, _ = drawn(2, 20)
    times_N = np.random.default_rng(3).integers(0, 4, 200)
    repeated_C = average_precision(scores_NC.repeat(times_N, axis=0), labels_NC.repeat(times_N, axis=0))
    np.testing.assert_allclose(average_precision(scores_NC, labels_NC, times_N), repeated_C, rtol=0, atol=1e-9)


def test_the_mean_is_taken_over_the_classes_that_occur() -> None:
    scores_NC = np.array([[0.9, 0.1, 0.3], [0.2, 0.8, 0.9], [0.4, 0.3, 0.8]])
    labels_NC = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1]])
    assert average_precision(scores_NC, labels_NC).tolist() == pytest.approx([100.0, np.nan, 50.0], nan_ok=True)
    assert mean_average_precision(scores_NC, labels_NC) == pytest.approx(75.0)
    assert mean_average_precision(scores_NC, labels_NC, np.array([1.0, 1.0, 0.0])) == pytest.approx(100.0)
    assert np.isnan(mean_average_precision(scores_NC, 0 * labels_NC))


def test_scores_that_are_not_numbers_give_no_number() -> None:
    scores_NC, labels_NC, _ = drawn(0, 10)
    scores_NC[5, 3] = np.nan
    assert np.isnan(average_precision(scores_NC, labels_NC)[3])
    assert np.isnan(mean_average_precision(scores_NC, labels_NC))
    with pytest.raises(ValueError, match="1 NaN among 200 clips"):
        Ranking(scores_NC[:, 3], labels_NC[:, 3])


def test_infinite_scores_have_a_rank() -> None:
    scores_NC = np.array([[np.inf], [np.inf], [0.0], [-np.inf]])
    assert average_precision(scores_NC, np.array([[1], [0], [0], [1]])).tolist() == pytest.approx([50.0])


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scores_NC\.shape=\(3, 2\), labels_NC\.shape=\(2, 2\)"):
        average_precision(np.zeros((3, 2)), np.zeros((2, 2)))


def test_a_class_without_any_score_is_not_measured() -> None:
    scores_NC, labels_NC, _ = drawn(0, 10)
    scores_NC[:, [0, 4]] = np.nan
    rest = [c for c in range(scores_NC.shape[1]) if c not in (0, 4)]
    assert mean_average_precision(scores_NC, labels_NC) == mean_average_precision(
        scores_NC[:, rest], labels_NC[:, rest]
    )
    assert np.isnan(mean_average_precision(np.full_like(scores_NC, np.nan), labels_NC)), "nothing is measured"
