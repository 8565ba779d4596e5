"""Several comparisons, one error rate: Holm's step-down procedure.

S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """How one comparison of a family came out.

    Attributes:
        p: the adjusted p: at most alpha exactly if the procedure rejects.
        alpha: the level at which the procedure tested it; an interval of level 1 - alpha excludes the tested value
            exactly if the procedure rejects. Those it did not reject share the level at which it stopped.
    """

    p: float
    alpha: float


def holm(p_values: Sequence[float], alpha: float) -> list[Step]:
    """Test a family of comparisons; the chance of any false rejection is at most `alpha`, however they depend.

    Args:
        p_values: one per comparison that was planned; 1.0 for one that gave no result.
    """
    steps: dict[int, Step] = {}
    adjusted, level = 0.0, alpha
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if adjusted <= alpha:
            level = alpha / (len(p_values) - rank)
        adjusted = max(adjusted, min(1.0, (len(p_values) - rank) * p_values[index]))
        steps[index] = Step(adjusted, level)
    return [steps[index] for index in range(len(p_values))]
