"""Median: whose best is worse than the median of the finished trainings at this epoch (Optuna's `MedianPruner`)."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.settings import Frozen

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class Settings(Frozen):
    """From when on, and how often, it is asked who is to be given up."""

    pruner: Literal["median"] = "median"
    n_startup_trials: int = Field(5, ge=0)
    """Trainings that must have finished before any is given up."""
    n_warmup_steps: int = Field(0, ge=0)
    """The first epoch after which one may be given up."""
    interval_steps: int = Field(1, ge=1)
    """Epochs from one look to the next."""
    n_min_trials: int = Field(1, ge=1)
    """Trainings that must have finished this epoch, or none is given up at it."""


def make(settings: Settings, epochs: int) -> "BasePruner":
    """Make the pruner."""
    from optuna.pruners import MedianPruner

    return MedianPruner(**settings.model_dump(exclude={"pruner"}))
