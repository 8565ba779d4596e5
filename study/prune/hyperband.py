"""Hyperband (arXiv:1603.06560; Optuna's `HyperbandPruner`): brackets of successive halving that begin at other epochs.

Which bracket a training is in follows from Optuna's name of the study and the training's number in the plan. The last
rung is the last epoch, which is known here; Optuna would wait for the first training to finish.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.settings import Frozen

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class Settings(Frozen):
    """Where the first rung of the first bracket is, and how many go on from each rung."""

    pruner: Literal["hyperband"] = "hyperband"
    min_resource: int = Field(1, ge=1)
    """The epoch of the first rung."""
    reduction_factor: int = Field(3, ge=2)
    """One of so many goes on from a rung."""
    bootstrap_count: int = Field(0, ge=0)
    """Trainings that must have come to a rung before any goes on from it."""


def make(settings: Settings, epochs: int) -> "BasePruner":
    """Make the pruner of trainings of `epochs` epochs."""
    from optuna.pruners import HyperbandPruner

    most = max(epochs, settings.min_resource)
    return HyperbandPruner(**settings.model_dump(exclude={"pruner"}), max_resource=most)
