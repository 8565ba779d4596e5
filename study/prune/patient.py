"""Patient: as another pruner, but only who has not improved for `patience` epochs (Optuna's `PatientPruner`)."""

import warnings
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SerializeAsAny

from models.settings import Frozen, Variant, named
from study.prune import make_pruner

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class Settings(Frozen):
    """How long a training may go without getting better, and who then decides."""

    pruner: Literal["patient"] = "patient"
    wrapped: Annotated[SerializeAsAny[Frozen], *Variant.of("study.prune", key="pruner")] = named("median")
    """The pruner that decides."""
    patience: int = Field(ge=0)
    """Epochs without improvement that are borne."""
    min_delta: float = Field(0.0, ge=0)
    """Improvements up to this are none, in points."""


def make(settings: Settings, epochs: int) -> "BasePruner":
    """Make the pruner, and the one that it wraps."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.pruners import PatientPruner

    with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
        return PatientPruner(make_pruner(settings.wrapped, epochs), settings.patience, settings.min_delta)
