"""Grid: every combination of all levels."""

import itertools
from typing import Literal

from models.settings import Frozen
from study.design._cell import Cell, Factors, Levels, show


class Settings(Frozen):
    """A grid has no settings."""

    name: Literal["grid"] = "grid"


def cells(settings: Settings, factors: Factors, control: Levels) -> list[Cell]:
    """Make one arm of each combination; the last factor varies fastest."""
    combinations = (dict(zip(factors, levels, strict=True)) for levels in itertools.product(*factors.values()))
    return [Cell(show(levels), levels) for levels in combinations]
