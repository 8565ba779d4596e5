"""What a pruner has given up of a study, and what that saved: censored trials, which are in no mean and no contrast."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from results.attempt import Attempt
from results.plan import PlanFile
from results.wording import percent

if TYPE_CHECKING:  # it imports numpy, and whoever lists studies need not
    from results.contrast import Contrast


@dataclass(frozen=True)
class Pruned:
    """Trainings that were given up.

    Attributes:
        arms: of these, in the plan's order.
        trainings: planned ones.
        epochs: of the last phases of these.
        saved: how many of the epochs were not trained.
    """

    arms: tuple[str, ...]
    count: int
    trainings: int
    epochs: int
    saved: int

    def __str__(self) -> str:
        return (
            f"pruned: {self.count} of {self.trainings} trainings, {percent(self.saved / self.epochs)} of epochs saved"
        )


def sum_up(plan: PlanFile, given_up: Mapping[str, Attempt]) -> Pruned | None:
    """Count what was given up of a plan; None if nothing was.

    Args:
        given_up: key -> attempt (`results.plan.pruned_of`).
    """
    if not given_up:
        return None
    length = {trial["final"]: plan["phases"][trial["final"]]["epochs"] for trial in plan["trials"]}
    steps = {key: (attempt.pruned() or {}).get("step", length[key]) for key, attempt in given_up.items()}
    arms = dict.fromkeys(trial["arm"] for trial in plan["trials"] if trial["final"] in given_up)
    saved = sum(length[key] - step for key, step in steps.items())
    return Pruned(tuple(arms), len(given_up), len(plan["trials"]), sum(length.values()), saved)


def censored(contrasts: Sequence[Contrast], arms: Iterable[str]) -> list[Contrast]:
    """Take the interval from `arms` of which trainings were given up.

    The seeds that are left of such an arm are those that looked best: their mean leans upwards, and decides nothing.
    """
    unknown = {"low": math.nan, "high": math.nan, "p": math.nan, "p_adjusted": math.nan}
    given_up = set(arms)
    return [replace(one, **unknown) if one.arm in given_up else one for one in contrasts]  # type: ignore[arg-type]


def note(pruned: Pruned) -> str:
    """Say what a reader of an answer must know of it."""
    text = f"{str(pruned).capitalize()}; the arms of these have no interval, for the seeds that are left looked best"
    return f"{text}: {', '.join(pruned.arms)}."
