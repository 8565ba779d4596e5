"""Where the studies in the store stand, read from files: no torch, no database, nothing written."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from models import catalog
from models.errors import UserError
from results import pruned, tuned
from results.attempt import PRUNED, Store
from results.files import read_json
from results.plan import PlanFile, Plans, labels, parents, pruned_of, read_plans, study_of
from results.state import WAITING, State, as_seen, with_blocked
from study.executor import submission
from study.executor.queue import Row


@dataclass(frozen=True)
class Standing:
    """Where one edition stands.

    Attributes:
        states: state -> how many phases; blocked ones wait for a parent that failed.
        running: label of a running phase -> its last epoch and how many it has.
        failed: label of a failed phase -> its error and the folder that holds its log; of a tuning too that is over.
        answer: the newest answer's sentence, or empty.
        damage: why nothing is known of this edition, or empty.
        queued: how many phases SLURM holds, by its state and reason.
        unknown: why it is not known what SLURM holds, or empty.
        is_unanswered: all is done, and nobody has answered since.
        pruned: what was given up, and what that saved, or empty.
        tuned: what each arm has chosen before the comparison, or tries, or empty.
    """

    edition: str
    states: Counter[str]
    running: dict[str, tuple[int, int]]
    failed: dict[str, tuple[str, Path]]
    answer: str
    damage: str = ""
    queued: Counter[str] = field(default_factory=Counter)
    unknown: str = ""
    is_unanswered: bool = False
    pruned: str = ""
    tuned: str = ""

    @property
    def is_damaged(self) -> bool:
        """Tell whether something of it cannot be read."""
        return bool(self.damage or self.states["damaged"])


def editions(store: Store, name: str | None = None) -> Plans:
    """Read the plans of all editions in the store, or of the study or edition called `name`.

    Args:
        name: or the path of the study's YAML file, as `study run` takes it.

    Raises:
        UserError: there is none of that name.
    """
    store.check_version()
    there = read_plans(store)
    if name is None:
        return there
    if name.endswith((".yaml", ".yml")):
        name = Path(name).stem
    wanted = Plans(
        {edition: plan for edition, plan in there.whole.items() if name in (edition, plan["study"])},
        {edition: text for edition, text in there.damaged.items() if name in (edition, study_of(edition))},
    )
    if not any(wanted):
        unknown = catalog.unknown(name, f"study in {store.root}", [*there.whole, *there.damaged])
        raise UserError(f"{unknown} `study run {name}` makes it.")
    return wanted


def standings(store: Store, name: str | None = None) -> list[Standing]:
    """Look at every edition, or at those of the study or edition called `name`.

    Raises:
        UserError: there is none of that name.
    """
    plans = editions(store, name)
    asked = _Asked(store, plans)
    seen = [_standing(store, plan, asked) for plan in plans.whole.values()]
    return seen + [Standing(edition, Counter(), {}, {}, "", text) for edition, text in plans.damaged.items()]


class _Asked:
    """What SLURM holds of the phases of some plans, asked once, and only if it is needed."""

    def __init__(self, store: Store, plans: Plans) -> None:
        self._store = store
        self._keys = {key for plan in plans.whole.values() for key in plan["phases"]}

    @cached_property
    def held(self) -> tuple[dict[str, Row], str]:
        """Give each phase's job, and why that is not known."""
        return submission.held(self._store, self._keys)


def _standing(store: Store, plan: PlanFile, asked: _Asked) -> Standing:
    """Look at every phase of an edition's newest plan."""
    phases = plan["phases"]
    given_up = pruned_of(store, plan)
    states = as_seen(store.states(phases), given_up)
    names = with_blocked({key: state.name for key, state in states.items()}, parents(plan))
    words = labels(plan)
    running = {words[key]: (states[key].step or 0, phases[key]["epochs"]) for key in phases if names[key] == "running"}
    failed = _failed_before(store, plan, words)
    failed |= {words[key]: _failure(store, key, states[key]) for key in phases if names[key] == "failed"}
    waiting = [key for key in phases if names[key] in (*WAITING, "failed", "blocked")]
    held, unknown = asked.held if waiting else ({}, "")
    names = with_queued(names, held)
    queued = Counter(f"{held[key].state} {held[key].reason}" for key in waiting if names[key] == "queued")
    counts = Counter("due" if name in WAITING else name for name in names.values())
    path = store.editions / plan["edition"] / "answer.json"
    answer = read_json(path)["sentence"] if path.exists() else ""
    nobody_answered = counts["done"] + counts["pruned"] == len(phases) and is_unanswered(store, plan)
    spent = str(pruned.sum_up(plan, given_up) or ""), tuned.sum_up(plan)
    return Standing(plan["edition"], counts, running, failed, answer, "", queued, unknown, nobody_answered, *spent)


def is_unanswered(store: Store, plan: PlanFile) -> bool:
    """Tell whether all phases of an edition are done or pruned, and nobody has answered it since."""
    runs, given_up = str(store.runs), pruned_of(store, plan)
    ends = {key: f"{runs}/{key}/done.json" for key in plan["phases"]}
    ends |= {key: f"{attempt.folder}/{PRUNED}" for key, attempt in given_up.items()}
    try:
        done = max((os.stat(end).st_mtime_ns for end in ends.values()), default=0)
    except FileNotFoundError:
        return False
    try:
        return os.stat(store.editions / plan["edition"] / "answer.json").st_mtime_ns < done
    except FileNotFoundError:
        return True


def with_queued(names: Mapping[str, str], held: Mapping[str, Row]) -> dict[str, str]:
    """Call those phases ``queued`` that SLURM holds and has not begun, or begins again.

    Args:
        names: of the states, by key.
    """

    def is_queued(key: str, name: str) -> bool:
        if key not in held:
            return False
        return name in WAITING or (name in ("failed", "blocked") and held[key].will_start)

    return {key: "queued" if is_queued(key, name) else name for key, name in names.items()}


def newest_answers(store: Store) -> dict[str, tuple[str, str]]:
    """Give the edition of each study that was answered last, and its answer."""
    store.check_version()
    found = [
        (path.stat().st_mtime_ns, path.parent.name, read_json(path)["sentence"])
        for path in store.editions.glob("*/answer.json")
    ]
    return {study_of(edition): (edition, sentence) for _, edition, sentence in sorted(found)}


def _failed_before(store: Store, plan: PlanFile, words: Mapping[str, str]) -> dict[str, tuple[str, Path]]:
    """Find what had failed in the tuning when arms chose: it is planned no more, and its log is still there."""
    past = [key for key in plan["tuning"]["phases"] if key not in plan["phases"]] if "tuning" in plan else []
    return {
        f"{words[key]} (not chosen, so not tried again)": _failure(store, key, state)
        for key, state in store.states(past).items()
        if state.name == "failed"
    }


def _failure(store: Store, key: str, state: State) -> tuple[str, Path]:
    attempt = store.attempt(key, state.attempt)
    failure = attempt.failure()
    return (failure["error"] if failure else "unknown", attempt.folder)
