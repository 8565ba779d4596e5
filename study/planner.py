"""The plan of a study: which phases its trials need, which of them exist, and what is due.

Making a plan changes nothing. Resume is set difference: due = planned keys - done keys.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from models.errors import UserError
from models.geometry import Skeleton
from results.attempt import Store
from results.metric.facts import METRICS
from results.state import State, as_seen
from study.edition import Arm, Edition
from study.phase import ClipSource, Phase, trial_phases, with_seed
from study.seeding import derive


@dataclass(frozen=True)
class Trial:
    """One arm with one seed: its phases by role, parents first; the last one holds the trial's numbers.

    Where something is tuned the arm is under one combination of levels.
    """

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
        trials: those of the comparison; where arms are tuned, with whatever each may choose.
        tuning: what is trained before, for each arm to choose by; no number of it is in the comparison.
    """

    edition: Edition
    labels: Sequence[str]
    trials: Sequence[Trial]
    tuning: Sequence[Trial] = ()

    @property
    def trained(self) -> list[Trial]:
        """All trials, those of the tuning first."""
        return [*self.tuning, *self.trials]

    @cached_property
    def phases(self) -> dict[str, Phase]:
        """Every phase once, by key, parents before children, seed after seed."""
        return {phase.key: phase for trial in self.trained for phase in trial.phases.values()}

    def first(self, seeds: Mapping[str, int], chosen: Mapping[str, str] | None = None) -> "Plan":
        """Take the first so many seeds of each arm; none of an arm that is not there.

        Args:
            chosen: arm -> the levels that it has chosen, in words, where arms are tuned; none of one that has not.
        """
        own = {arm: self.edition.seeds[:count] for arm, count in seeds.items()}
        tried = chosen or {}
        return replace(
            self,
            trials=[
                trial
                for trial in self.trials
                if trial.seed in own.get(trial.arm.name, ()) and trial.arm.tried == tried.get(trial.arm.name, "")
            ],
        )

    @property
    def before_comparison(self) -> "Plan":
        """The tuning alone."""
        return replace(self, trials=())

    def without_tries(self, failed: Collection[str]) -> "Plan":
        """Leave out of the tuning those trials whose final phases are `failed`."""
        return replace(self, tuning=[trial for trial in self.tuning if trial.final.key not in failed])

    @property
    def epochs(self) -> int:
        """Epochs to train with sharing, from an empty store."""
        return sum(phase.epochs for phase in self.phases.values())

    @property
    def epochs_unshared(self) -> int:
        """Epochs to train if every trial were trained alone."""
        return sum(phase.epochs for trial in self.trained for phase in trial.phases.values())

    def states(self, store: Store, claim: str = "") -> dict[str, State]:
        """Look up every phase in `store`.

        Args:
            claim: hash of the claim that may have given some of them up.
        """
        return as_seen(store.states(list(self.phases)), store.pruned(claim, self._prunable) if claim else ())

    @property
    def _prunable(self) -> list[str]:
        return [trial.final.key for trial in self.trials] if self.edition.pruner else []


def make_plan(
    edition: Edition, labels: Sequence[str], data: Mapping[str, str], skeletons: Mapping[str, Skeleton | None]
) -> Plan:
    """Enumerate the trials of `edition`: seed after seed, control first; costs in an order drawn from the seed.

    Where arms are tuned, each is there under every combination of levels: results say which of these is trained.

    Args:
        data: arm -> fingerprint of the data set it is trained on.
        skeletons: arm -> the skeleton that its data set has.

    Raises:
        UserError: two arms are one training.
    """
    metric = edition.claim.metric

    def phases(arm: Arm) -> dict[str, Phase]:
        classes, seed = arm.settings.data.labels.learned(len(labels)), edition.seeds[0]
        source = ClipSource(data[arm.name], classes, skeletons[arm.name])
        return trial_phases(arm.settings, metric, seed, arm.replicate, source, edition.against)

    def place(arm: Arm, seed: int) -> tuple[int, bool]:
        """Measurements of costs come in another order for each seed: what drifts is no difference between arms."""
        return derive(seed, "order", arm.name) if METRICS[metric].is_cost else 0, not arm.is_control

    made = {(one.name, one.tried): phases(one) for arm in edition.arms for one in edition.tries_of(arm)}

    def trials(seeds: Sequence[int], tries: Callable[[Arm], Sequence[Arm]]) -> list[Trial]:
        return [
            Trial(one, seed, one.replicate, with_seed(made[one.name, one.tried], seed))
            for seed in seeds
            for arm in sorted(edition.arms, key=lambda arm: place(arm, seed))
            for one in tries(arm)
        ]

    plan = Plan(edition, labels, trials(edition.seeds, edition.tries_of), trials(edition.tuning_seeds, edition.tuned))
    _refuse_arms_that_are_one(plan.trained)
    return plan


def _refuse_arms_that_are_one(trials: Sequence[Trial]) -> None:
    """See that no two arms have one result, which would be compared with itself.

    Raises:
        UserError: two have.
    """
    arms: dict[tuple[str, ...], str] = {}
    for trial in trials:
        first = arms.setdefault(tuple(phase.key for phase in trial.phases.values()), trial.arm.name)
        if first != trial.arm.name:
            raise UserError(
                f"arms {first} and {trial.arm.name}: they are one training of the same clips, so that nothing can be "
                f"compared. Their data sets hold the same clips under two names. Leave one of them out."
            )
