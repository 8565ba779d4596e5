"""What a design gives: arms before their settings are known.

A design works on words alone: factors by their shortest names, levels as they are shown.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Factors = Mapping[str, Sequence[str]]
"""Factor -> its levels; at least one factor, at least one level each."""
Levels = Mapping[str, str]
"""Factor -> one level."""


class DesignError(ValueError):
    """Factors that a design cannot make arms of."""


class Cell(NamedTuple):
    """One arm: its name and one level of every factor."""

    name: str
    levels: Levels


def show(levels: Levels) -> str:
    """Name an arm by `levels`, in one order whatever the order in the spec: ``"count=20, fusion=mctf"``."""
    return ", ".join(f"{factor}={levels[factor]}" for factor in sorted(levels))
