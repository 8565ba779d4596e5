"""Which code runs which kind of phase: what measures has its own, all others train."""

from typing import Protocol

from results.attempt import Attempt, Store
from study import probing, profiling, training
from study.leg import Place, Report, Stop
from study.phase import Phase


class Leg(Protocol):
    """Code that runs a phase in the folder of an attempt and publishes it."""

    def __call__(
        self, phase: Phase, place: Place, store: Store, attempt: Attempt, report: Report, stop: Stop, /
    ) -> bool:
        """Run `phase`; False if another attempt was published first.

        Raises:
            Superseded: another attempt holds the phase now.
        """
        ...


LEGS: dict[str, Leg] = {"probe": probing.probe, "profile": profiling.profile}


def leg_of(phase: Phase) -> Leg:
    """Give the code that runs `phase`."""
    return LEGS.get(phase.kind, training.train)
