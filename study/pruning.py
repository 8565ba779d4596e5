"""Pruning: which of a study's joint phases are given up before their last epoch, by a pruner of Optuna.

Optuna's study is made anew by each worker from what the attempts in the store have reported: the files are the truth, a
worker that was killed leaves nothing behind, and there is no storage to share. Trainings have the numbers of the plan,
and Optuna's name for the study follows from what the claim fixes, but for the study's own name: so renaming a study
changes nothing, not even Hyperband's brackets.

What is reported after every epoch is the mean mAP of the validation splits, whatever split the claim is about.
"""

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.settings import Frozen
from results.attempt import Attempt, Store
from results.files import StoreError
from results.record import read_new
from results.validation import read_measured
from study.declaration import optuna_name
from study.event import Progress
from study.planner import Plan
from study.prune import make_pruner

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Pruning:
    """What a worker is told of the study whose trainings may be given up.

    Attributes:
        claim: its hash.
        name: of Optuna's study.
        pruner: settings of a file in `study/prune`.
        epochs: of the longest training.
        trainings: keys of the joint phases, in the order of the plan: what they report is compared.
        exempt: those that are never given up.
    """

    edition: str
    claim: str
    name: str
    pruner: Frozen
    epochs: int
    trainings: tuple[str, ...]
    exempt: frozenset[str]


def pruning_of(plan: Plan, claim: str) -> Pruning | None:
    """Say what of `plan` may be given up, or None if nothing may.

    Only joint phases are, from which nothing starts, and never the control, its repetition, or the control of a group.

    Args:
        claim: hash of its claim.
    """
    edition = plan.edition
    if edition.pruner is None:
        return None
    parents = {key for phase in plan.phases.values() for key in phase.parents.values()}
    trials = [one for one in plan.trials if one.final.kind == "joint" and one.final.key not in parents]
    exempt = {one.final.key for one in trials if one.replicate or not edition.claim.compares(one.arm.name)}
    return Pruning(
        edition.name,
        claim,
        optuna_name(plan),
        edition.pruner,
        max((trial.final.epochs for trial in trials), default=1),
        tuple(trial.final.key for trial in trials),
        frozenset(exempt),
    )


class Referee:
    """Judges one training after each of its epochs, by what all trainings of its study have reported until then."""

    def __init__(self, pruning: Pruning, store: Store, key: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._pruning = pruning
        self._store = store
        self._key = key
        self._study = optuna.create_study(
            study_name=pruning.name,
            direction="maximize",
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=make_pruner(pruning.pruner, pruning.epochs),
        )
        self._told = {one: _Told(self._study.ask()) for one in pruning.trainings}  # numbered as in the plan

    def gives_up(self, progress: Progress) -> str:
        """Say why the training is to be given up after an epoch; empty if it goes on, as it does at its last one."""
        for key, told in self._told.items():
            if key != self._key and not told.is_over:
                with suppress(StoreError):  # `study verify` names what is damaged
                    self._follow(key, told)
        own = self._told[self._key]
        is_pruned = self._take_in(own, self._store.attempts(self._key)[-1])
        if self._key in self._pruning.exempt or progress.epoch == progress.epochs or not is_pruned:
            return ""
        name: str = self._pruning.pruner.pruner  # type: ignore[attr-defined]  # the settings of any file in study/prune
        return f"given up by the pruner {name} after epoch {progress.epoch} of {progress.epochs}{_at(own.values)}"

    def _follow(self, key: str, told: "_Told") -> None:
        """Take in what another training has reported, and how it ended."""
        from optuna.trial import TrialState

        if given_up := self._store.pruned(self._pruning.claim, [key]).get(key):
            self._take_in(told, given_up)
            self._study.tell(told.trial, state=TrialState.PRUNED)
            told.is_over = True
        elif result := self._store.result(key):
            self._take_in(told, result, read_measured(result))
            last = told.values.get(max(told.values, default=0))
            state = TrialState.FAIL if last is None else TrialState.COMPLETE
            self._study.tell(told.trial, last, state)
            told.is_over = True
        elif attempts := self._store.attempts(key):
            self._take_in(told, attempts[-1])

    def _take_in(self, told: "_Told", attempt: Attempt, measured: dict[int, float] | None = None) -> bool:
        """Report what is new of a training, epoch after epoch; tell whether it would be given up after the last one."""
        if attempt.number != told.attempt:
            told.attempt, told.read = attempt.number, 0
        records, told.read = read_new(attempt.reported, told.read)
        values = (measured or {}) | {record.step: record.value for record in records}
        is_pruned = False
        for epoch, value in sorted(values.items()):
            if epoch not in told.values and math.isfinite(value):
                told.values[epoch] = value
                told.trial.report(value, epoch)
                is_pruned = told.trial.should_prune()  # asked each time: successive halving notes its rungs by it
        return is_pruned


class _Told:
    """What Optuna was told of one training: epoch -> value; `read` are the bytes of the newest attempt's reports."""

    def __init__(self, trial: "optuna.Trial") -> None:
        self.trial = trial
        self.attempt = 0
        self.read = 0
        self.values: dict[int, float] = {}
        self.is_over = False


def _at(values: dict[int, float]) -> str:
    return f", at map {values[max(values)]:.1f}" if values else ""
