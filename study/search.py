"""Search: what Optuna is told of the arms it has picked, and which ones it picks next.

Whoever plans the next round asks and tells: a run, or on SLURM the look after each round's jobs. The store's files are
the truth, and Optuna's storage follows them: what has a result is told, also if the storage was removed; what failed,
or was left by a worker that was killed, is told failed, for a journal has no heartbeat. Such an arm stays planned, and
is trained when the study is run again. An arm that is picked twice is told at once and not trained twice.
"""

import json
import logging
import math
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from results.attempt import Attempt, Store
from results.files import rename, writing
from results.metric.facts import METRICS
from results.plan import PlanFile, plan_of, seeds_of
from results.record import read_records
from results.validation import last_measured
from study.declaration import optuna_name
from study.design.search import Settings
from study.edition import Arm
from study.planner import Trial
from study.preparation import Prepared
from study.seeding import derive

if TYPE_CHECKING:
    import optuna
    from optuna.trial import TrialState

log = logging.getLogger(__name__)
JOURNAL = "optuna.journal"
MOST_REPEATS = 20
"""How often in a round an arm may be picked that was picked before; after that, one is drawn that was not."""
ARM = "arm"
"""What Optuna's trials keep the arm's name under."""
Params = dict[str, Any]


def follow(prepared: Prepared, declared: PlanFile, queued: Collection[str] = ()) -> None:
    """Tell Optuna what became of the arms that were picked before; those that are not at work are told failed.

    Args:
        queued: keys of phases that SLURM holds.
    """
    with writing(prepared.store.root / JOURNAL):
        _Search(prepared, declared, queued).tell()


def pick_next(prepared: Prepared, declared: PlanFile) -> dict[str, int] | None:
    """Give the arms of the next round with all before it, and their number of seeds; None if the search is over.

    Where a plan has lost arms that were picked, these are the next round.
    """
    with writing(prepared.store.root / JOURNAL):
        search = _Search(prepared, declared)
        search.tell()
        picked = search.lost or search.ask()
    return dict.fromkeys([*search.planned, *picked], len(prepared.plan.edition.seeds)) if picked else None


class _Search:
    """One search: its arms, and Optuna's study of them.

    Attributes:
        planned: names of the arms that were picked so far, and of the control.
        lost: those of them that the plan no longer holds: it was removed, or written for another claim meanwhile.
    """

    def __init__(self, prepared: Prepared, declared: PlanFile, queued: Collection[str] = ()) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        edition = prepared.plan.edition
        assert edition.search is not None, "only a search picks arms"
        self.settings = edition.search
        self.store = prepared.store
        self.arms = {arm.name: arm for arm in edition.arms}
        newest = plan_of(prepared.store, edition.name, declared["claim_hash"])  # another run may have gone on with it
        self.planned = list(seeds_of(newest or declared))
        self._trials: dict[str, list[Trial]] = {}
        for trial in prepared.plan.trials:
            self._trials.setdefault(trial.arm.name, []).append(trial)
        self._states = prepared.plan.states(self.store, declared["claim_hash"])
        self._queued = frozenset(queued)
        self._name = optuna_name(prepared.plan)
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.CategoricalDistribution(list(levels)) for name, levels in edition.factors.items()
        }
        seed = derive(0, self._name, len(self.planned)) % 2**32
        self._study = optuna.create_study(
            study_name=self._name,
            storage=_storage(self.store, self.settings.storage),
            sampler=_sampler(self.settings, seed),
            directions=["maximize", "minimize"] if self.settings.against else ["maximize"],
            load_if_exists=True,
        )
        self.lost = [arm for arm in self._named() if arm not in self.planned and self._is_begun(arm)]
        self.planned += self.lost

    def _named(self) -> list[str]:
        """List the arms that Optuna knows to be picked, in that order."""
        names = (trial.user_attrs.get(ARM) for trial in self._study.get_trials(deepcopy=False))
        return [name for name in dict.fromkeys(names) if name in self.arms]

    def _is_begun(self, arm: str) -> bool:
        """Tell whether an arm was ever in training: else it was picked by a run that was killed before it planned."""
        return any(self._states[trial.final.key].name != "absent" for trial in self._trials[arm])

    def tell(self) -> None:
        """Tell Optuna what the files say of every arm that was picked."""
        import optuna
        from optuna.trial import TrialState

        known: dict[str, list[optuna.trial.FrozenTrial]] = {}
        for trial in self._study.get_trials(deepcopy=False):
            known.setdefault(trial.user_attrs.get(ARM, ""), []).append(trial)
        for arm in dict.fromkeys([*known, *self.planned]):
            state, values = self._outcome(arm)
            own = known.get(arm, [])
            is_told = any(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in own)
            for trial in (trial for trial in own if trial.state == TrialState.RUNNING and state != TrialState.RUNNING):
                told = TrialState.FAIL if is_told else state
                self._study.tell(trial.number, None if told == TrialState.FAIL else values, told)
                is_told = True
            if not is_told and values is not None:
                self._study.add_trial(
                    optuna.trial.create_trial(
                        state=state,
                        values=values,
                        params=self._params(self.arms[arm]),
                        distributions=self._distributions,
                        user_attrs={ARM: arm},
                    )
                )

    def ask(self) -> list[str]:
        """Let Optuna pick the arms of the next round; none, if there were as many as are to be, or no more are left."""
        picked: list[str] = []
        controls = sum(arm.is_control for arm in self.arms.values())
        most = min(self.settings.trials + controls, len(self.arms)) - len(self.planned)
        repeats = 0
        while len(picked) < min(self.settings.batch, most):
            if repeats > MOST_REPEATS:
                self._study.enqueue_trial(self._params(self._untried(picked)))
            trial = self._study.ask(self._distributions)
            arm = next((arm for arm in self.arms.values() if self._params(arm) == trial.params), None)
            if arm is None or arm.name in [*self.planned, *picked]:
                self._tell_again(trial, arm)
                repeats += 1
                continue
            trial.set_user_attr(ARM, arm.name)
            picked.append(arm.name)
        return picked

    def _tell_again(self, trial: "optuna.Trial", arm: Arm | None) -> None:
        """Tell Optuna of an arm that it picks again what is known of it: it is not trained twice."""
        from optuna.trial import TrialState

        state, values = self._outcome(arm.name) if arm else (TrialState.FAIL, None)
        is_known = state == TrialState.COMPLETE
        self._study.tell(trial, values if is_known else None, state if is_known else TrialState.FAIL)

    def _untried(self, picked: Sequence[str]) -> Arm:
        """Draw an arm that was never picked."""
        left = [arm for name, arm in self.arms.items() if name not in [*self.planned, *picked]]
        return left[derive(0, self._name, "untried", len(left)) % len(left)]

    def _params(self, arm: Arm) -> Params:
        return dict(arm.levels)

    def _outcome(self, arm: str) -> "tuple[TrialState, list[float] | None]":
        """Say what became of an arm: its values, if all its seeds are done; failed, if nobody is at what was begun, or
        if a value is no number, which Optuna takes from nobody."""
        from optuna.trial import TrialState

        if arm not in self.planned:
            return TrialState.FAIL, None
        keys = [phase.key for trial in self._trials[arm] for phase in trial.phases.values()]
        states = {self._states[key].name for key in keys}
        if states == {"done"}:
            values = self._values(self._trials[arm])
            return (TrialState.COMPLETE, values) if all(map(math.isfinite, values)) else (TrialState.FAIL, None)
        if "running" in states or not self._queued.isdisjoint(keys):
            return TrialState.RUNNING, None
        if "pruned" in states:
            return TrialState.PRUNED, None
        return (TrialState.RUNNING if states <= {"done", "absent"} else TrialState.FAIL), None

    def _values(self, trials: Sequence[Trial]) -> list[float]:
        """Give the mean mAP of the validation splits over all seeds, and the mean of the second objective."""
        finals = [self._result(trial.final.key) for trial in trials]
        values = [fmean(map(last_measured, finals))]
        if self.settings.against:
            metric = METRICS[self.settings.against].record
            results = [self._result(trial.phases["profile"].key) for trial in trials]
            costs = [one.value for result in results for one in read_records(result.records) if one.metric == metric]
            values.append(fmean(costs))
        return values

    def _result(self, key: str) -> Attempt:
        result = self.store.result(key)
        assert result is not None, "it was seen to be done"
        return result


def _storage(store: Store, url: str | None) -> "optuna.storages.BaseStorage | str":
    """Give where Optuna keeps what it knows; a damaged journal is set aside, and all that counts is told anew."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if url is not None:
        return os.path.expandvars(url)
    path = store.root / JOURNAL
    _set_aside_if_damaged(path)
    return JournalStorage(JournalFileBackend(str(path)))


def _set_aside_if_damaged(path: Path) -> None:
    """Rename a journal that is torn, as a full disk leaves it: Optuna would append to it once and then never read it.

    Under its lock, for searches of one store share a journal, and what another one is about to write is not torn.
    """
    from optuna.storages.journal import JournalFileSymlinkLock

    if not path.exists() or _is_whole(path):
        return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        if path.exists() and not _is_whole(path):
            log.warning("%s: is damaged; set aside as %s and written anew from the store.", path, _keep(path).name)
    finally:
        lock.release()


def _is_whole(path: Path) -> bool:
    content = path.read_bytes()
    try:
        for line in content.splitlines():
            json.loads(line)
    except ValueError:
        return False
    return not content or content.endswith(b"\n")


def _keep(path: Path) -> Path:
    """Move a damaged file to the first name that no older one has."""
    names = (path.with_name(f"{path.name}.damaged{number}") for number in ("", *range(2, 1_000)))
    aside = next(name for name in names if not name.exists())
    rename(path, aside)
    return aside


def _sampler(settings: Settings, seed: int) -> "optuna.samplers.BaseSampler":
    """Make the sampler of one round."""
    from optuna import samplers

    if settings.sampler == "random":
        return samplers.RandomSampler(seed=seed)
    if settings.sampler == "nsga2":
        return samplers.NSGAIISampler(population_size=max(2, settings.batch), seed=seed)
    return samplers.TPESampler(n_startup_trials=settings.startup, seed=seed)
