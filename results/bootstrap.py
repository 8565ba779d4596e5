"""The crossed bootstrap: one draw of activities, and of clips within them, serves all arms and seeds.

The same clips are shown to every arm and seed, so clips are crossed with seeds: a draw is one weight per clip (how
often it was drawn), and every model is measured under the same weights. A class that vanishes, vanishes for all.

Letters: N clips, C classes, A activities, R resamples, M models (an arm with a seed).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.frame import Predictions, Scores
from results.metric.average_precision import Ranking, is_measured

RESAMPLES = 10_000
_BLOCK_NUMBERS = 40_000  # weights in a block of resamples, about: what stays in a cache of its core was the quickest


@dataclass(frozen=True)
class Resampled:
    """The models' mean average precision under every draw.

    Shapes:
        map_MR (points; NaN where a draw has no positive clip at all), vanished_R
    """

    map_MR: NDArray[np.float64]
    vanished_R: NDArray[np.bool_]
    """Whether a class that occurs in the split does not occur in the draw."""


def draw(activity_N: NDArray[np.str_], resamples: int, generator: np.random.Generator) -> NDArray[np.int32]:
    """Draw as many activities as there are, then from each drawn one as many clips as it has, with replacement.

    Shapes:
        activity_N -> (N, R): how often each clip was drawn
    """
    activities, code_N = np.unique(activity_N, return_inverse=True)
    times_RA = generator.multinomial(len(activities), np.full(len(activities), 1 / len(activities)), size=resamples)
    weights_NR = np.empty((len(activity_N), resamples), np.int32)
    for code, times_R in enumerate(times_RA.T):
        index_n = np.flatnonzero(code_N == code)
        share_n = np.full(len(index_n), 1 / len(index_n))
        weights_NR[index_n] = generator.multinomial(times_R * len(index_n), share_n).T
    return weights_NR


def resample(clips: Predictions, models: Sequence[Scores], resamples: int = RESAMPLES, seed: int = 0) -> Resampled:
    """Measure `models` under draws of `clips`, which are of one split (`Predictions.of`).

    The draws depend on `seed`, the split and its activities, never on the models.
    """
    rankings = [rank(scores_NC, clips.labels_NC) for scores_NC in models]
    split = clips.split_N[0].encode()
    width = int(np.clip(_BLOCK_NUMBERS // len(clips.clip_N), 64, 512))
    blocks = []
    for start in range(0, resamples, width):
        generator = np.random.default_rng([seed, start, *split])
        weights_NR = draw(clips.activity_N, min(width, resamples - start), generator)
        blocks.append(measure_draws(clips.labels_NC, rankings, weights_NR))
    return Resampled(
        np.concatenate([block.map_MR for block in blocks], axis=1),
        np.concatenate([block.vanished_R for block in blocks]),
    )


def rank(scores_NC: Scores, labels_NC: NDArray[np.bool_]) -> dict[int, Ranking]:
    """Rank the clips by every class that occurs and that the model scores."""
    counts_C = labels_NC.any(axis=0) & is_measured(scores_NC)
    return {int(c): Ranking(scores_NC[:, c], labels_NC[:, c]) for c in np.flatnonzero(counts_C)}


def measure_draws(
    labels_NC: NDArray[np.bool_], models: Sequence[Mapping[int, Ranking]], weights_NR: NDArray[np.int32]
) -> Resampled:
    """Measure models, ranked by `rank`, under draws that are given."""
    classes = sorted(set().union(*models))
    present_CR = {c: weights_NR[labels_NC[:, c]].any(axis=0) for c in classes}
    map_MR = np.empty((len(models), weights_NR.shape[1]))
    with np.errstate(invalid="ignore"):
        for m, rankings in enumerate(models):
            sum_R, count_R = np.zeros(weights_NR.shape[1]), np.zeros(weights_NR.shape[1], np.int64)
            for c, ranking in rankings.items():
                sum_R += np.where(present_CR[c], ranking.average_precision(weights_NR), 0.0)
                count_R += present_CR[c]
            map_MR[m] = sum_R / count_R
    return Resampled(map_MR, ~np.logical_and.reduce(list(present_CR.values())))
