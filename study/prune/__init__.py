"""What gives trainings up: one pruner of Optuna, one file, with `Settings` as Optuna names them, and `make`."""

from typing import TYPE_CHECKING

from models import catalog
from models.settings import Frozen

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


def make_pruner(settings: Frozen, epochs: int) -> "BasePruner":
    """Make the pruner that `settings` name, for trainings of `epochs` epochs."""
    name: str = settings.pruner  # type: ignore[attr-defined]  # the settings of any file in this folder
    pruner: BasePruner = catalog.load(__name__, name).make(settings, epochs)
    return pruner
