"""Made-up predictions compared as a study compares them, and the points that scikit-learn gives them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from results.claim import Claim
from results.contrast import Contrast, contrasts
from results.frame import Predictions, Scores
from tests.results.made_predictions import make_predictions

DRAWS = 200


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


def variance_of_clips(paired_SR: NDArray[np.float64]) -> float:
    """Give the variance of the mean over draws, less what of it differs from seed to seed, by a share that S tells."""
    seeds = len(paired_SR)
    away_SR = paired_SR - paired_SR.mean(axis=1, keepdims=True)
    by_seeds = away_SR.var(axis=0, ddof=1).mean() / seeds * (1 - 1 / (seeds - 1))
    return float(paired_SR.mean(axis=0).var(ddof=1) - by_seeds)
