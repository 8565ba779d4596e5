"""Leave one out: the whole, and the whole without each of its components.

A factor is a component with two levels: with it (the control's) and without it.
"""

from collections.abc import Sequence
from typing import Literal

from models.settings import Frozen
from study.design._cell import Cell, DesignError, Factors, Levels


class Settings(Frozen):
    """What to leave out beside one component at a time."""

    name: Literal["leave_one_out"] = "leave_one_out"
    bare: bool = False
    """Whether to add the arm without any component."""


def cells(settings: Settings, factors: Factors, control: Levels) -> list[Cell]:
    """Make the control, named ``whole``, and one arm without each component: ``without fusion``.

    Raises:
        DesignError: a factor has more or fewer than two levels, or a bare arm is asked for with one component.
    """
    without = {name: _without(name, levels, control[name]) for name, levels in factors.items()}
    if settings.bare and len(factors) == 1:
        raise DesignError("bare: with one component, the bare arm is the one without it. Remove `bare`.")
    arms = [Cell("whole", control)]
    arms += [Cell(f"without {name}", {**control, name: level}) for name, level in without.items()]
    return [*arms, Cell("bare", without)] if settings.bare else arms


def _without(name: str, levels: Sequence[str], whole: str) -> str:
    others = [level for level in levels if level != whole]
    if len(others) != 1:
        raise DesignError(
            f"{name}: leave_one_out needs two levels of each factor, with it ({whole}) and without it, "
            f"but there are besides: {', '.join(others) or 'none'}. Use one_factor for more."
        )
    return others[0]
