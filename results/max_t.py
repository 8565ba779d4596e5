"""Several comparisons, one error rate: step-down max-T, which knows how far the comparisons go together.

Arms are compared with one control and so err in the same direction. Made-up studies without any true difference, with
the covariances that were seen, tell how large the largest |t| of the arms is then; Holm's procedure has to assume the
worst. The covariances of few seeds make arms look more alike than they are (at 3 seeds and 10 arms up to 8 % false
claims in place of 5 %), hence `LEAST_SEEDS`, and hence each is shrunk by 1 / (its degrees of freedom).

P. H. Westfall and S. S. Young, Resampling-Based Multiple Testing, 1993, section 2.6; T. Hothorn, F. Bretz and
P. Westfall, Simultaneous inference in general parametric models, Biometrical Journal 50, 2008.

Letters: A arms, R made-up studies, I independent pieces behind a part of the variance (seeds, or activities), less one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from results.holm import Step
from results.interval import crossing

LEAST_SEEDS = 6
STUDIES = 10_000


@dataclass(frozen=True)
class JointPart:
    """One part of the variances of all arms' differences, with what of it they share.

    Shapes:
        covariance_AA; `df` is I
    """

    covariance_AA: NDArray[np.float64]
    df: int


def max_t(p_values: Sequence[float], null_RA: NDArray[np.float64], untested: int, alpha: float) -> list[Step]:
    """Test a family of comparisons, step by step; none is tested at a stricter level than by Holm's procedure.

    Args:
        p_values: two-sided, one per arm.
        null_RA: what `null_p_values` gives for these arms.
        untested: comparisons of the family that have no p: they count as by Bonferroni, whatever they depend on.
    """
    steps: dict[int, Step] = {}
    adjusted, level = 0.0, alpha
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, index in enumerate(order):
        left = len(order) - rank
        smallest_R = np.sort(null_RA[:, order[rank:]].min(axis=1))
        if adjusted <= alpha:
            level = _level(smallest_R, left, untested, alpha)
        adjusted = max(adjusted, _chance(p_values[index], smallest_R, left, untested))
        steps[index] = Step(adjusted, level)
    return [steps[index] for index in range(len(p_values))]


def null_p_values(parts: Sequence[JointPart], studies: int = STUDIES, seed: int = 0) -> NDArray[np.float64]:
    """Draw studies without any true difference, and give each arm's p among all that it has there.

    Each is studentised by variances of its own, so that arms share the errors of these as far as they share the rest.

    Shapes:
        -> (R, A); each column holds the R numbers 1/R to 1
    """
    arms = len(parts[0].covariance_AA)
    error_RA, variance_RA = np.zeros((studies, arms)), np.zeros((studies, arms))
    for place, part in enumerate(parts):
        drawn_IRA = _normal((part.df + 1, studies, arms), (seed, place)) @ _root(part)
        error_RA += drawn_IRA[0]
        variance_RA += np.einsum("ira,ira->ra", drawn_IRA[1:], drawn_IRA[1:]) / part.df
    # An arm without any variance is certain: its p is drawn from no distribution, and any order of its studies will do.
    size_RA = np.abs(error_RA) / np.sqrt(np.maximum(variance_RA, np.finfo(np.float32).tiny))
    null_RA = np.empty((studies, arms))
    for size_R, null_R in zip(size_RA.T, null_RA.T, strict=True):
        null_R[np.argsort(-size_R)] = np.arange(1, studies + 1) / studies
    return null_RA


@lru_cache(maxsize=8)
def _normal(shape: tuple[int, int, int], seed: tuple[int, int]) -> NDArray[np.float32]:
    """Draw numbers that are the same for every family of this shape."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def _root(part: JointPart) -> NDArray[np.float32]:
    """Give the symmetric root of a part's covariance, shrunk towards arms that share nothing."""
    own_A = np.diag(part.covariance_AA)
    shrunk_AA = (1 - 1 / part.df) * part.covariance_AA + np.diag(own_A) / part.df
    values_A, vectors_AA = np.linalg.eigh(shrunk_AA)
    root_AA: NDArray[np.float32] = ((vectors_AA * np.sqrt(np.maximum(values_A, 0.0))) @ vectors_AA.T).astype(np.float32)
    return root_AA


def _chance(p: float, smallest_R: NDArray[np.float64], left: int, untested: int) -> float:
    """Give the chance that one of the arms that are left has a p of at most `p`, or one that is untested."""
    as_small = float(np.searchsorted(smallest_R, p, side="right"))
    among = (as_small + 1) / (len(smallest_R) + 1) if left > 1 else p
    return min(1.0, among + untested * p, (left + untested) * p)


def _level(smallest_R: NDArray[np.float64], left: int, untested: int, alpha: float) -> float:
    """Find the largest p of which the chance is at most `alpha`."""
    low, _ = crossing(lambda p: _chance(p, smallest_R, left, untested) > alpha, 0.0, 1.0)
    return low
