"""The plan of a study: which phases its trials need, which of them exist, and what is due.

Making a plan changes nothing. Resume is set difference: due = planned keys - done keys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from models.geometry import Skeleton
from results.attempt import Store
from results.metric.facts import METRICS
from results.state import State
from study.edition import Arm, Edition
from study.phase import Phase, phases_of, profile_of


@dataclass(frozen=True)
class Trial:
    """One arm with one seed: its phases by role, parents first; the last one holds the trial's numbers."""

    arm: Arm
    seed: int
    replicate: int
    phases: Mapping[str, Phase]

    @property
    def final(self) -> Phase:
        """The phase whose last epoch is the trial's result."""
        return list(self.phases.values())[-1]


@dataclass(frozen=True)
class Plan:
    """The trials of an edition and the phases they share.

    Attributes:
        labels: the muscle groups that every arm is trained on.
    """

    edition: Edition
    labels: Sequence[str]
    trials: Sequence[Trial]

    @cached_property
    def phases(self) -> dict[str, Phase]:
        """Every phase once, by key, parents before children, seed after seed."""
        return {phase.key: phase for trial in self.trials for phase in trial.phases.values()}

    @property
    def epochs(self) -> int:
        """Epochs to train with sharing, from an empty store."""
        return sum(phase.epochs for phase in self.phases.values())

    @property
    def epochs_unshared(self) -> int:
        """Epochs to train if every trial were trained alone."""
        return sum(phase.epochs for trial in self.trials for phase in trial.phases.values())

    def states(self, store: Store) -> dict[str, State]:
        """Look up every phase in `store`."""
        return store.states(list(self.phases))


def make_plan(
    edition: Edition, labels: Sequence[str], data: Mapping[str, str], skeletons: Mapping[str, Skeleton | None]
) -> Plan:
    """Enumerate the trials of `edition`: seed after seed, control first.

    Args:
        data: arm -> fingerprint of the data set it is trained on.
        skeletons: arm -> the skeleton that its data set has.
    """

    def phases(arm: Arm, seed: int) -> dict[str, Phase]:
        """Give what the claim's metric needs: trainings, or a measurement of what inference costs."""
        settings = arm.settings
        if METRICS[edition.claim.metric].is_cost:
            classes = settings.data.labels.learned(len(labels))
            return profile_of(settings, seed, arm.replicate, classes, skeletons[arm.name])
        return phases_of(settings, seed, arm.replicate, data[arm.name])

    arms = sorted(edition.arms, key=lambda arm: not arm.is_control)
    trials = [Trial(arm, seed, arm.replicate, phases(arm, seed)) for seed in edition.seeds for arm in arms]
    return Plan(edition, labels, trials)
