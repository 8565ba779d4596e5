"""Average precision of multi-label scores, in points, weighted and fast enough for a bootstrap.

With ranks in descending order of score, clips of equal score sharing one rank, and weighted precision P and recall R at
each rank, AP = sum_n (R_n - R_(n-1)) P_n: scikit-learn's `average_precision_score` times 100. Only ranks that hold a
positive clip add to the sum, so clips are summed up to those ranks (a sparse matrix product) and nothing else is kept.

Letters: N clips, C classes, P ranks that hold a positive clip, R resamples.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Ranking:
    """The clips in the order of one class's scores: sorted once, weighed as often as needed.

    Shapes:
        scores_N, positive_N -> a ranking of N clips

    Raises:
        ValueError: a score is NaN, which has no rank.
    """

    def __init__(self, scores_N: NDArray[np.floating], positive_N: NDArray[np.bool_]) -> None:
        from scipy.sparse import csr_array

        if np.isnan(scores_N).any():
            raise ValueError(
                f"scores_N: must be numbers, but got {int(np.isnan(scores_N).sum())} NaN among {len(scores_N)} clips. "
                "Leave out the trial that gave them."
            )
        order_N = np.argsort(-scores_N, kind="stable")
        positive_N = positive_N[order_N]
        ordered_N = scores_N[order_N]
        rank_N = np.cumsum(np.concatenate([[False], ordered_N[1:] != ordered_N[:-1]]))
        counts = np.bincount(rank_N, weights=positive_N) > 0
        self.ranks = int(counts.sum())
        # Row of a clip: the first rank with a positive at or below its own; clips below the last such rank have none.
        row_N: NDArray[np.intp] = (np.cumsum(counts) - counts)[rank_N]
        hits_N = np.flatnonzero(positive_N)
        used_N = np.flatnonzero(row_N < self.ranks)
        columns = np.concatenate([order_N[used_N], order_N[hits_N]])
        lengths = np.bincount(np.concatenate([row_N[used_N], row_N[hits_N] + self.ranks]), minlength=2 * self.ranks)
        self._sums = csr_array(
            (
                np.ones(len(columns), np.int32),
                columns.astype(np.int32),
                np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
            ),
            shape=(2 * self.ranks, len(scores_N)),
        )

    def average_precision(self, weights_NR: NDArray[Any]) -> NDArray[np.float64]:
        """Weigh the clips, one column of weights after the other; NaN where no positive clip has weight.

        Whole weights are summed exactly (int32 is the quickest); others in their own precision.

        Shapes:
            weights_NR -> (R,), points
        """
        added_2PR = (self._sums @ weights_NR).reshape(2, self.ranks, weights_NR.shape[1])
        if not self.ranks:
            return np.full(weights_NR.shape[1], np.nan)
        summed_2PR = np.cumsum(added_2PR, axis=1, dtype=added_2PR.dtype)
        all_PR, hits_PR = summed_2PR
        # No clip of weight so far: no hit either, and a precision of 0 instead of 0/0.
        whole = np.issubdtype(all_PR.dtype, np.integer)
        np.maximum(all_PR, 1 if whole else np.finfo(all_PR.dtype).tiny, out=all_PR)
        with np.errstate(invalid="ignore"):
            precision_R: NDArray[np.float64] = np.einsum("pr,pr->r", added_2PR[1], hits_PR / all_PR) / hits_PR[-1]
        return 100.0 * precision_R


def average_precision(
    scores_NC: NDArray[np.floating],
    labels_NC: NDArray[Any],
    weights_N: NDArray[Any] | None = None,
) -> NDArray[np.float64]:
    """Measure each class's average precision; NaN where it has no positive clip, or a score that is NaN.

    Shapes:
        scores_NC, labels_NC (0 or 1), weights_N -> (C,), points

    Raises:
        ValueError: the shapes do not fit.
    """
    weights_N = np.ones(len(scores_NC)) if weights_N is None else np.asarray(weights_N, np.float64)
    if scores_NC.shape != labels_NC.shape or scores_NC.shape[:1] != weights_N.shape:
        raise ValueError(
            "scores_NC, labels_NC and weights_N: must be of the same N clips and C classes, "
            f"but got {scores_NC.shape=}, {labels_NC.shape=} and {weights_N.shape=}."
        )
    precision_C = np.full(scores_NC.shape[1], np.nan)
    for c, (scores_N, labels_N) in enumerate(zip(scores_NC.T, labels_NC.T, strict=True)):
        if not np.isnan(scores_N).any():
            precision_C[c] = Ranking(scores_N, labels_N.astype(bool)).average_precision(weights_N[:, None])[0]
    return precision_C


def mean_average_precision(
    scores_NC: NDArray[np.floating],
    labels_NC: NDArray[Any],
    weights_N: NDArray[Any] | None = None,
) -> float:
    """Average over the classes that are measured and occur (with weight); NaN if none does.

    A class without any score is not measured. One with some scores that are NaN makes the mean NaN.

    Returns:
        Points from 0 to 100.
    """
    return mean_of(average_precision(scores_NC, labels_NC, weights_N), scores_NC, labels_NC, weights_N)


def mean_of(
    precision_C: NDArray[np.float64],
    scores_NC: NDArray[np.floating],
    labels_NC: NDArray[Any],
    weights_N: NDArray[Any] | None = None,
) -> float:
    """Average as `mean_average_precision`, where the classes' average precisions are known."""
    weighed_NC = labels_NC if weights_N is None else labels_NC * np.asarray(weights_N)[:, None]
    counts_C = (weighed_NC > 0).any(axis=0) & is_measured(scores_NC)
    return float(precision_C[counts_C].mean()) if counts_C.any() else float("nan")


def is_measured(scores_NC: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell the classes that have any score, (C,)."""
    measured_C: NDArray[np.bool_] = ~np.isnan(scores_NC).all(axis=0)
    return measured_C
