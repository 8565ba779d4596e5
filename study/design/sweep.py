"""Sweep: one factor through its levels."""

from typing import Literal

from models.settings import Frozen
from study.design._cell import Cell, DesignError, Factors, Levels, show


class Settings(Frozen):
    """A sweep has no settings."""

    name: Literal["sweep"] = "sweep"


def cells(settings: Settings, factors: Factors, control: Levels) -> list[Cell]:
    """Make one arm of each level.

    Raises:
        DesignError: there are several factors.
    """
    if len(factors) > 1:
        raise DesignError(
            f"a sweep varies one factor, but there are {len(factors)}: {', '.join(factors)}. "
            "Use grid (every combination) or one_factor (each in turn)."
        )
    return [Cell(show({name: level}), {name: level}) for name, levels in factors.items() for level in levels]
