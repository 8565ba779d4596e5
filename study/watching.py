"""What is known of studies from moment to moment, by the files of the store and SLURM's queue; nothing is written.

A look costs little however many phases there are: what has ended is not read again, and SLURM is asked once in ten
seconds at most, and not at all about studies that were never submitted.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby

from models.errors import UserError
from results.attempt import Store
from results.changes import Changes
from results.files import StoreError
from results.plan import PlanFile, grows, parents, pruned_of
from results.record import read_new
from results.spent import Meter, Spent, total
from results.state import OVER, WAITING, State, as_seen, with_blocked
from study.display import Board, Lines
from study.event import Event, Progress
from study.executor import submission
from study.executor.queue import Row
from study.executor.submission import Submission
from study.standing import editions, is_unanswered, with_queued

ASK_S = 10.0
"""SLURM is asked at most once in so many seconds."""
QUIET_S = 20.0
"""Nobody works on what is left if nothing ran and nothing was queued for so long: a phase follows another sooner."""
KNOWN = 30
"""How many finished phases of a kind say how long the others take."""
ENDED = (*OVER, "failed", "blocked", "damaged")

Clock = Callable[[], float]


class Queue:
    """What SLURM holds of submissions, asked at most once in `ASK_S`.

    Attributes:
        jobs: that had not ended when it was asked last.
        unknown: why that is not known, or empty.
        asked_at: by the clock; None if it never was.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.jobs: list[submission.Job] = []
        self.unknown = ""
        self.asked_at: float | None = None

    @property
    def is_due(self) -> bool:
        """Tell whether it may be asked again."""
        return self.asked_at is None or self._clock() - self.asked_at >= ASK_S

    def ask(self, submissions: Sequence[Submission]) -> None:
        """Ask, if there is something to ask about."""
        self.asked_at = self._clock()
        try:
            self.jobs, self.unknown = submission.at_work(submission.jobs(submissions)), ""
        except UserError as error:
            self.unknown = str(error)


class Running:
    """The epochs of a running attempt, as its records tell them."""

    def __init__(self, attempt: int) -> None:
        self.attempt = attempt
        self._read = 0

    def new_epochs(self, store: Store, key: str, epochs: int) -> Iterator[Progress]:
        """Give the epochs that ended since the last look."""
        try:
            records, self._read = read_new(store.attempt(key, self.attempt).records, self._read)
        except StoreError:  # `study verify` names it
            return
        for step, own in groupby(records, key=lambda one: one.step):
            if progress := Progress.of(step, epochs, own):
                yield progress


class Watched:
    """One edition: its phases, what was seen of each, and words for what is new.

    Attributes:
        names: key -> name of its state; ``blocked`` and ``queued`` too. Empty before the first look.
        failures: label -> error.
    """

    def __init__(self, store: Store, plan: PlanFile, clock: Clock) -> None:
        self.plan = plan
        self.board = Board(plan, (), clock=clock)
        self.names: dict[str, str] = {}
        self.failures: dict[str, str] = {}
        self.spent = Spent()
        self._lines = Lines(self.board, clock=clock)
        self._store = store
        self._states: dict[str, State] = {}
        self._running: dict[str, Running] = {}

    @property
    def counts(self) -> Counter[str]:
        """Count the phases by state."""
        return Counter("due" if name in WAITING else name for name in self.names.values())

    @property
    def is_over(self) -> bool:
        """Tell whether every phase has ended or cannot begin."""
        return all(name in ENDED for name in self.names.values())

    @property
    def is_answered(self) -> bool:
        """Tell whether every phase is done, and the study answered since."""
        return self.is_whole and not is_unanswered(self._store, self.plan)

    @property
    def is_settled(self) -> bool:
        """Tell whether an edition that is over stays as it is: neither is it still answered, nor does it grow."""
        return not self.is_whole or (self.is_answered and not grows(self.plan))

    @property
    def is_whole(self) -> bool:
        """Tell whether every phase is done, or was given up."""
        return all(name in OVER for name in self.names.values())

    def look(self, states: Mapping[str, State], held: Mapping[str, Row], costs: Mapping[str, Spent]) -> list[str]:
        """Take in how its phases stand, and say what is new, a line each; at the first look nothing is."""
        given_up = pruned_of(self._store, self.plan)
        own = as_seen({key: states[key] for key in self.plan["phases"]}, given_up)
        is_first = not self.names
        if is_first:
            self._learn([key for key, state in own.items() if state.name == "done"])
        news = [event for key, state in own.items() for event in self._news(key, state)]
        for event in news:
            self.board.note(event)
        lines = [] if is_first else [line for event in news if (line := self._lines.line(event))]
        self._states = own
        blocked = with_blocked({key: state.name for key, state in own.items()}, parents(self.plan))
        self.names = with_queued(blocked, held)
        self.spent = total(costs[key] for key in own)
        return lines

    def _news(self, key: str, state: State) -> Iterator[Event]:
        """Say what became of a phase since the last look."""
        if state.name == "running":
            if key not in self._running or self._running[key].attempt != state.attempt:
                self._running[key] = Running(state.attempt)
                yield Event(key, "start")
            yield from self._epochs(key, self._running[key])
            return
        if self._states.get(key) == state:
            return
        if ended := self._running.pop(key, None):
            yield from self._epochs(key, ended)
        label = self.board.labels[key]
        self.failures.pop(label, None)
        if state.name == "failed":
            failure = self._store.attempt(key, state.attempt).failure()
            self.failures[label] = failure["error"] if failure else "unknown"
            yield Event(key, "failed", text=self.failures[label])
        elif state.name != "absent":
            yield Event(key, state.name)  # type: ignore[arg-type]  # states and events have one name

    def _epochs(self, key: str, running: Running) -> Iterator[Event]:
        for progress in running.new_epochs(self._store, key, self.plan["phases"][key]["epochs"]):
            yield Event(key, "epoch", progress)

    def _learn(self, done: Sequence[str]) -> None:
        """See how long some phases of each kind took that are done already."""
        known: Counter[str] = Counter()
        for key in done:
            phase = self.plan["phases"][key]
            if known[phase["kind"]] == KNOWN:
                continue
            known[phase["kind"]] += 1
            with suppress(StoreError):  # `study verify` names it
                if result := self._store.done(key):
                    self.board.learn(key, result["seconds"] / max(phase["epochs"], 1))


class Watch:
    """Looks at all editions of a store, or at those of one study.

    Args:
        name: of a study or an edition.
        clock: seconds.

    Attributes:
        watched: by edition.
        damaged: edition -> what is wrong with its plan.
        submissions: those that concern them, as they were when SLURM was asked last.
        jobs: of their phases and reports that had not ended then.
        spent: what all phases have cost, each counted once.
    """

    def __init__(self, store: Store, name: str | None = None, clock: Clock = time.monotonic) -> None:
        self.watched: dict[str, Watched] = {}
        self.damaged: dict[str, str] = {}
        self.submissions: list[Submission] = []
        self.jobs: list[submission.Job] = []
        self.spent = Spent()
        self.queue = Queue(clock)
        self._store = store
        self._name = name
        self._clock = clock
        self._changes = Changes(store)
        self._meter = Meter(store)
        self._stamps: dict[str, int] = {}
        self._worked_at = clock()
        self._over_at: float | None = None

    def look(self) -> list[str]:
        """Look, and say what is new, a line each.

        Raises:
            UserError: the store holds no such study.
        """
        self._read_plans()
        keys = {key for one in self.watched.values() for key in one.plan["phases"]}
        if self.queue.is_due:
            self.submissions = submission.concerned(submission.read_all(self._store), keys, self.watched)
            self.queue.ask(self.submissions)
        self.jobs = [job for job in self.queue.jobs if job.key in keys or (not job.key and job.edition in self.watched)]
        states, held = self._changes.look(keys), submission.rows_of(self.jobs)
        costs = {key: self._meter.of(key, state) for key, state in states.items()}
        self.spent = total(costs.values())
        lines = [
            f"{name}: {line}" if len(self.watched) > 1 else line
            for name, one in self.watched.items()
            for line in one.look(states, held, costs)
        ]
        if lines or self.jobs or any(state.name == "running" for state in states.values()):
            self._worked_at = self._clock()
        is_over = all(one.is_over for one in self.watched.values())
        self._over_at = (self._over_at or self._clock()) if is_over else None
        return lines

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing runs, nothing is queued, and nothing more is to be expected."""
        if self._over_at is None:
            is_known = not (self.submissions and self.queue.unknown)
            return is_known and self._clock() - self._worked_at >= QUIET_S
        if self.submissions and not self.queue.unknown and (self.jobs or (self.queue.asked_at or 0.0) < self._over_at):
            return False
        is_settled = all(one.is_settled for one in self.watched.values())
        return is_settled or self._clock() - self._over_at >= QUIET_S

    @property
    def is_whole(self) -> bool:
        """Tell whether all of it is done and answered."""
        return not self.damaged and all(one.is_answered for one in self.watched.values())

    def _read_plans(self) -> None:
        """Read the plans again if one was written since."""
        stamps = {path.parent.name: path.stat().st_mtime_ns for path in self._store.editions.glob("*/plan.json")}
        if stamps == self._stamps and self.watched:
            return
        plans = editions(self._store, self._name)
        same = {name for name, stamp in stamps.items() if self._stamps.get(name) == stamp}
        self.watched = {
            name: self.watched[name]
            if name in same and name in self.watched
            else Watched(self._store, plan, self._clock)
            for name, plan in plans.whole.items()
        }
        self.damaged, self._stamps = dict(plans.damaged), stamps
        self._worked_at = self._clock()
