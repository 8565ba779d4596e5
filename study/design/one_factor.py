"""One factor at a time: the control, and each other level of each factor with all else as in the control."""

from typing import Literal

from models.settings import Frozen
from study.design._cell import Cell, Factors, Levels, show


class Settings(Frozen):
    """One factor at a time has no settings."""

    name: Literal["one_factor"] = "one_factor"


def cells(settings: Settings, factors: Factors, control: Levels) -> list[Cell]:
    """Make the control, named ``control``, and one arm of each other level, named by that level alone."""
    others = [(name, level) for name, levels in factors.items() for level in levels if level != control[name]]
    return [Cell("control", control)] + [Cell(show({name: level}), {**control, name: level}) for name, level in others]
