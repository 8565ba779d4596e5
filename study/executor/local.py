"""Phases on this machine: as many worker processes as cores, one torch thread each, each living across phases.

Measured: two workers with one thread do 1.25 times the work of one with two, and threads that spin while they wait make
a small step up to 27 times slower on shared cores, hence ``OMP_WAIT_POLICY=PASSIVE``.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait

from models.errors import UserError
from results.attempt import Store
from results.files import UnwritableError
from study.event import Event
from study.phase import Phase
from study.schedule import Schedule
from study.worker import Orders, work

PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "KINETO_LOG_LEVEL": "99"}
"""Workers do not spin while they wait; and torch's profiler, which counts memory, says nothing past Python."""
POLL_S = 1.0
STOP_S = 60.0
GOING_ON = ("waiting", "epoch")
"""What workers say of a phase that has not ended."""
DEATHS = 3
"""How many workers may die over one phase before it counts as failed."""


class Interrupted(UserError):
    """The run was stopped by the user; every phase under way can be resumed."""

    exit_code = 1


class WorkerDied(Exception):
    """The process that trained a phase vanished, as often as is borne."""


def run(
    phases: Mapping[str, Phase],
    done: Collection[str],
    orders: Orders,
    workers: int,
    tell: Callable[[Event], None],
    failed: Collection[str] = (),
) -> Schedule:
    """Run what is due of `phases` and return how all of them ended.

    Args:
        phases: by key, parents before children.
        done: keys that need no run.
        tell: called with every event, in this process.
        failed: keys that are not tried again.

    Raises:
        Interrupted: Ctrl-C; the workers were stopped first, and a second Ctrl-C meanwhile changes nothing.
        UnwritableError: the store cannot be written; the workers were stopped.
    """
    schedule = Schedule(phases, done, failed)
    crew = _Crew(schedule, orders, workers, tell)
    try:
        while not schedule.is_over:
            crew.give()
            crew.listen()
            crew.look_elsewhere()
    except KeyboardInterrupt:
        raise Interrupted("stopped. What was measured is in the store; the same command goes on from there") from None
    finally:
        with _undisturbed():
            crew.dismiss()
    return schedule


class _Worker:
    """One process and the pipe to it; `key` is the phase it works on, or None."""

    def __init__(self, orders: Orders) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, orders))
        self.key: str | None = None
        threads = str(orders.resources.threads)
        with _undisturbed(), _environment(**PASSIVE, OMP_NUM_THREADS=threads):
            self.process.start()
        theirs.close()


class _Crew:
    """The workers, and the phases that others are at."""

    def __init__(self, schedule: Schedule, orders: Orders, size: int, tell: Callable[[Event], None]) -> None:
        self.schedule = schedule
        self.orders = orders
        self.size = size
        self.tell = tell
        self.workers: list[_Worker] = []
        self.elsewhere: set[str] = set()
        self.deaths: Counter[str] = Counter()
        self.store = Store(orders.store)

    def give(self) -> None:
        """Hand ready phases to idle workers, hiring up to `size`."""
        while phase := self.schedule.ready():
            for dead in [worker for worker in self.workers if worker.key is None and not worker.process.is_alive()]:
                self._retire(dead)
            worker = next((worker for worker in self.workers if worker.key is None), None)
            if worker is None:
                if len(self.workers) == self.size:
                    return
                worker = _Worker(self.orders)
                self.workers.append(worker)
            worker.key = phase.key
            self.schedule.start(phase.key)
            self.tell(Event(phase.key, "start"))
            with suppress(OSError):  # a worker that has just died is noticed, and its phase given again, by `listen`
                worker.connection.send(phase.content)

    def listen(self) -> None:
        """Wait a moment for what the workers say, and note it."""
        ready = wait([worker.connection for worker in self.workers if worker.key is not None], POLL_S)
        for worker in [worker for worker in self.workers if worker.connection in ready]:
            try:
                event: Event = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                self._bury(worker)
            else:
                self._note(worker, event)

    def look_elsewhere(self) -> None:
        """See what became of the phases that another run holds; take them back if it let go."""
        if not self.elsewhere:
            return
        time.sleep(0 if self.workers_busy else POLL_S)
        for key, state in self.store.states(self.elsewhere).items():
            if state.name != "running":
                self.elsewhere.discard(key)
                self.schedule.finish(key, "done" if state.name == "done" else "due")
                self.tell(Event(key, "done" if state.name == "done" else "stopped"))

    def dismiss(self) -> None:
        """Stop every worker; one that is at work keeps how far it is and says so in the store."""
        for worker in self.workers:
            with suppress(OSError):
                worker.connection.send(None)
            if worker.key:
                worker.process.terminate()
        deadline = time.monotonic() + STOP_S
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()
            worker.connection.close()

    @property
    def workers_busy(self) -> bool:
        """Whether any worker is at work."""
        return any(worker.key for worker in self.workers)

    def _note(self, worker: _Worker, event: Event) -> None:
        if event.state == "refused":
            raise UnwritableError(event.text)
        if event.state == "elsewhere":
            self.elsewhere.add(event.key)
        elif event.state not in GOING_ON:
            self.schedule.finish(event.key, {"stopped": "due"}.get(event.state, event.state))
        if event.state not in GOING_ON:
            worker.key = None
        if event.state == "stopped":
            self._retire(worker)
        self.tell(event)

    def _bury(self, worker: _Worker) -> None:
        """A worker died (killed, out of memory): try its phase again, from the last state it kept, but not for ever."""
        key, worker.key = worker.key, None
        self._retire(worker)
        if key is None:
            return
        self.deaths[key] += 1
        failed = self.deaths[key] == DEATHS
        self.schedule.finish(key, "failed" if failed else "due")
        text = f"worker died with exit code {worker.process.exitcode} (-9: killed, or out of memory)"
        attempts = self.store.attempts(key)
        if failed and attempts and not self.store.is_live(attempts[-1]):  # another run may have taken it over
            attempts[-1].fail(WorkerDied(text))
        self.tell(Event(key, "failed" if failed else "stopped", text=text))

    def _retire(self, worker: _Worker) -> None:
        worker.process.join()
        worker.connection.close()
        self.workers.remove(worker)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C pass by: this process, and those it starts meanwhile, are stopped in order and not in the middle."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set `variables` for the processes that are started meanwhile: OpenMP reads them before torch is imported."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
