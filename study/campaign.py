"""All studies together: what they share, and so what they cost less."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from experiments.read import names
from study.costs import at_most
from study.phase import Phase
from study.planner import Plan
from study.preparation import Request, prepare

BASELINE = "baseline"


@dataclass(frozen=True)
class Campaign:
    """The plans of several studies with one profile and data set."""

    plans: Sequence[Plan]

    @cached_property
    def phases(self) -> dict[str, Phase]:
        """Every phase of every study once, by key."""
        return {key: phase for plan in self.plans for key, phase in plan.phases.items()}

    @property
    def epochs(self) -> int:
        """Epochs to train from an empty store, where studies and arms share what they agree on; without baselines."""
        return _epochs(phase for phase in self.phases.values() if phase.kind != BASELINE)

    @property
    def epochs_unshared(self) -> int:
        """Epochs to train each study alone and each of its trials separately; without baselines."""
        trials = (trial for plan in self.plans for trial in plan.trained)
        return _epochs(phase for trial in trials for phase in trial.phases.values() if phase.kind != BASELINE)

    @property
    def share(self) -> float:
        """Share of the epochs that is left to train where everything is shared; without baselines."""
        return self.epochs / self.epochs_unshared if self.epochs_unshared else 1.0

    @property
    def least_sharing(self) -> str:
        """Name the study without which the others share most."""
        return min((plan.edition.spec.name for plan in self.plans), key=lambda name: self.without(name).share)

    def without(self, study: str) -> "Campaign":
        """Give the plans of the other studies."""
        return Campaign([plan for plan in self.plans if plan.edition.spec.name != study])

    @property
    def baseline_epochs(self) -> int:
        """Epochs of baselines, which have nothing to share."""
        return _epochs(phase for phase in self.phases.values() if phase.kind == BASELINE)


def _epochs(phases: Iterable[Phase]) -> int:
    return sum(phase.epochs for phase in phases)


def requests(request: Request) -> list[Request]:
    """Ask of every study in `experiments/` what `request` asks of one."""
    return [replace(request, name=name) for name in names()]


def plan_all(request: Request) -> Campaign:
    """Plan every study with the profile, data and overrides of `request`; nothing is changed."""
    return Campaign([at_most(prepare(each)).plan for each in requests(request)])
