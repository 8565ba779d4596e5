"""Search: of every combination of all levels, Optuna picks the ones that are trained.

The arms are known before the search, as those of a grid are: the claim fixes them, and each is a trial like any other.
"""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from models.settings import Frozen
from study.design import grid
from study.design._cell import Cell, DesignError, Factors, Levels

MOST_ARMS = 2_000


class Settings(Frozen):
    """Who picks, how many arms, and where Optuna keeps what it knows."""

    name: Literal["search"] = "search"
    sampler: Literal["tpe", "nsga2", "random"] = "tpe"
    """Tree-structured Parzen estimators (arXiv:2304.11127), NSGA-II (two objectives), or blindly."""
    trials: int = Field(20, ge=1)
    """Arms that are trained beside the control."""
    startup: int = Field(10, ge=0)
    """Arms that `tpe` picks blindly before it begins to learn."""
    batch: int = Field(4, ge=1)
    """Arms that are picked at a time, before their results are known; of NSGA-II a generation."""
    against: Literal["latency", "peak_memory"] | None = None
    """A second objective: less of this, measured for each arm, beside more mAP."""
    storage: str | None = None
    """Optuna's URL of a database (`postgresql://...`; variables of the environment are filled in).

    A journal in the store, `optuna.journal`, if not given. One database serves one store: a second one would tell
    failed what the first is training.
    """

    @model_validator(mode="after")
    def _has_objectives(self) -> Self:
        if self.sampler == "nsga2" and self.against is None:
            raise ValueError("against: nsga2 is for two objectives, but there is one. Name latency or peak_memory.")
        return self


def cells(settings: Settings, factors: Factors, control: Levels) -> list[Cell]:
    """Make one arm of each combination.

    Raises:
        DesignError: there are too many.
    """
    count = math.prod(map(len, factors.values()))
    if count > MOST_ARMS:
        raise DesignError(
            f"a search knows up to {MOST_ARMS:,} combinations, but there are {count:,}. Use fewer levels."
        )
    return grid.cells(grid.Settings(), factors, control)
