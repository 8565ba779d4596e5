"""Successive halving, asynchronous (arXiv:1810.05934; Optuna's `SuccessiveHalvingPruner`): at each rung the best go on.

Optuna guesses the first rung from the first training that finishes; here it is a setting, so that it does not depend on
which one that is.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.settings import Frozen

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class Settings(Frozen):
    """Where the rungs are, and how many go on from each: at the k-th, `min_resource` times `reduction_factor`^k."""

    pruner: Literal["successive_halving"] = "successive_halving"
    min_resource: int = Field(1, ge=1)
    """The epoch of the first rung."""
    reduction_factor: int = Field(4, ge=2)
    """One of so many goes on from a rung."""
    min_early_stopping_rate: int = Field(0, ge=0)
    """Rungs that are left out at the start."""
    bootstrap_count: int = Field(0, ge=0)
    """Trainings that must have come to a rung before any goes on from it."""


def make(settings: Settings, epochs: int) -> "BasePruner":
    """Make the pruner."""
    from optuna.pruners import SuccessiveHalvingPruner

    return SuccessiveHalvingPruner(**settings.model_dump(exclude={"pruner"}))
