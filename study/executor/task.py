"""What SLURM runs on a node: one phase, or a look at a study, from the copy of the code that was submitted.

A phase may have several tasks: all of them train it, and what is said here of saving and queueing the first one does.

A phase is told to save by SIGUSR2 (its time is nearly up, or it is preempted) or SIGTERM (it is preempted or
cancelled): it stops before its next step; it can go on from its last epoch. After SIGUSR2 submitit puts it back into
the queue under its number. After SIGTERM alone it waits for its end, after which SLURM itself puts back what it
preempted, and nothing puts back what was cancelled.

`study.executor.launch` holds these signals back until the handlers stand, and nothing heavy is imported before. A
report, which takes seconds, lets none through: what SLURM then kills after its grace it puts back itself.
"""

import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from study.executor import queue, snapshot
from study.executor.launch import HELD_BACK

if TYPE_CHECKING:
    from results.attempt import Store
    from study.distributed import ProcessGroup
    from study.phase import Phase
    from study.worker import Orders

ELSEWHERE_S = 2.0
"""Pause between two looks at a phase that another job trains."""
COMPANION_S = 1.0
"""How far the two signals of a preemption may be apart."""
EARLY_S = 65.0
"""SLURM may send the signal of the time limit up to 60 s early."""
DYING_S = 600.0


class PhaseFailed(RuntimeError):
    """A phase ended with an error, or lost a process; the store says which. What waits for it is not to start."""


class TimedOut(RuntimeError):
    """A phase has used up its time as often as is borne."""


class Unheard:
    """Nobody listens on a node: what a phase says stands in its log."""

    def send(self, event: Any) -> None:
        """Pass over `event`."""


class StopSignal:
    """Notes the signals that ask a phase to stop; calling it raises `Stopped` once there was one."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.began = time.monotonic()
        self._requeue: Any = signal.getsignal(signal.SIGUSR2)
        for number in HELD_BACK:
            signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.seen.add(number)

    def __call__(self) -> None:
        """Do as `study.leg.Stop`."""
        if self.seen:
            from study.leg import Stopped

            seen = sorted(self.seen)  # in one call: a signal may come while Python goes through the set
            raise Stopped(f"told to stop by SLURM ({', '.join(signal.Signals(each).name for each in seen)})")

    def wait(self) -> None:
        """Wait for SIGUSR2, or, if only SIGTERM came, for the end.

        Raises:
            SystemExit: the end did not come.
        """
        until = time.monotonic() + DYING_S
        while signal.SIGUSR2 not in self.seen:
            if time.monotonic() > until:
                raise SystemExit(1)
            time.sleep(0.1)
        time.sleep(COMPANION_S)

    def linger(self) -> NoReturn:
        """Wait for the end, which the first task brings: a task that ends before may end the first one.

        Raises:
            SystemExit: the end did not come.
        """
        time.sleep(DYING_S)
        raise SystemExit(1)

    def is_timed_out(self, limit_s: float, signal_delay_s: float) -> bool:
        """Tell the end of the time limit from a preemption, which a short time limit leaves no room to tell apart."""
        near_the_end = time.monotonic() - self.began >= limit_s - signal_delay_s - EARLY_S
        return near_the_end and signal.SIGTERM not in self.seen and not queue.is_preempted(own_job())

    def over(self) -> None:
        """Hear no more: a signal that comes while Python shuts down would end a phase that is done as failed."""
        for number in HELD_BACK:
            signal.signal(number, signal.SIG_IGN)

    def requeue(self) -> None:
        """Let submitit write down what is to be run again, put the job back into the queue, and exit."""
        self._requeue(signal.SIGUSR2, None)


@dataclass
class PhaseTask:
    """Runs one phase.

    Attributes:
        code: the copy of the code.
        digest: of that copy.
        content: what the phase's key hashes.
        orders: pickled `study.worker.Orders`.
        timeouts: how often its time was used up.
    """

    code: Path
    digest: str
    content: dict[str, Any]
    orders: bytes
    limit_s: float
    signal_delay_s: float
    max_timeouts: int
    timeouts: int = 0

    def __call__(self) -> str:
        """Run it and say how it ended.

        Raises:
            PhaseFailed: it failed, or lost a process.
            NotMet: its processes did not find each other.
            TimedOut: it has used up its time too often.
            ChangedCode: the copy of the code is not what was submitted.
        """
        stop = StopSignal()
        forget_torn_writes()
        snapshot.refuse_changed(self.code, self.digest)
        from study import distributed

        orders = pickle.loads(self.orders)
        with distributed.of_job(orders.resources.device) as (group, device):
            resources = orders.resources.model_copy(update={"device": device})
            return self._run(replace(orders, resources=resources), stop, group)

    def _run(self, orders: "Orders", stop: StopSignal, group: "ProcessGroup") -> str:
        from results.attempt import Store
        from study.executor.queue import Alive
        from study.leg import Stopped
        from study.phase import Phase
        from study.worker import run_phase

        store, phase = Store(orders.store, alive=Alive()), Phase.of(self.content)
        while True:
            event = run_phase(phase, orders, store, Unheard(), stop, group)
            if event.state in ("failed", "refused"):
                raise PhaseFailed(event.text)
            try:
                if event.state == "stopped":
                    raise Stopped
                if event.state == "done" or is_done_elsewhere(phase, store, stop, group):
                    stop.over()
                    return "done"
            except Stopped:
                if not group.is_first:
                    stop.linger()
                self._leave(phase, store, stop)

    def checkpoint(self) -> Any:
        """Say what is to be run when this is started again; submitit calls it."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _leave(self, phase: "Phase", store: "Store", stop: StopSignal) -> None:
        stop.wait()
        timed_out = stop.is_timed_out(self.limit_s, self.signal_delay_s)
        self.timeouts += timed_out
        sys.stdout.write(f"stopped: {'its time is up' if timed_out else 'preempted'}; {self.timeouts} times out\n")
        if self.timeouts > self.max_timeouts:
            error = TimedOut(
                f"its time of {self.limit_s / 60:.0f} min was used up {self.timeouts} times, and max_timeouts is "
                f"{self.max_timeouts}. Raise timeout_min or max_timeouts of the cluster and run the study again."
            )
            attempts = store.attempts(phase.key)
            if attempts and not store.is_live(attempts[-1]):
                attempts[-1].fail(error)
            raise error
        stop.requeue()


@dataclass
class LookTask:
    """Looks at a study when all its jobs have ended, however they did: answers it, and submits what it needs next.

    Attributes:
        code: the copy of the code.
        digest: of that copy.
        ready: pickled `study.submitting.Ready`.
    """

    code: Path
    digest: str
    ready: bytes

    def __call__(self) -> str:
        """Write the page, submit the trainings that the next look needs, if there is one, and give the answer.

        Raises:
            ChangedCode: the copy of the code is not what was submitted.
            SubmissionError: SLURM refuses what was to be submitted.
        """
        forget_torn_writes()
        snapshot.refuse_changed(self.code, self.digest)
        from study.submitting import look

        said = look(pickle.loads(self.ready), snapshot.Code(self.code, self.digest))
        sys.stdout.write(f"{said}\n")
        return said

    def checkpoint(self) -> Any:
        """Look again when this is started again; submitit calls it."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def is_done_elsewhere(phase: "Phase", store: "Store", stop: Callable[[], None], group: "ProcessGroup") -> bool:
    """Wait for the job that holds `phase`; tell whether it brought it to its end, or let go of it.

    Children of this job start when it ends well, and so it must not end before the phase is done.

    Raises:
        PhaseFailed: it failed there.
        Stopped: this job is told to stop.
    """
    from study.leg import agreed

    stop_together = agreed(stop, group)
    while (state := group.first(store.state, phase.key)) == "running":
        stop_together()
        time.sleep(ELSEWHERE_S)
    if state == "failed":
        raise PhaseFailed("it failed in another job meanwhile; `study status` names the error")
    return state == "done"


def own_job() -> str:
    """Give SLURM's number of the job that this process is part of."""
    return os.environ.get("SLURM_JOB_ID", "")


def forget_torn_writes() -> None:
    """Remove what a killed process of this job was writing: submitit refuses to write beside it."""
    import submitit

    job = submitit.JobEnvironment()
    own = [job.paths.result_pickle] + [job.paths.submitted_pickle] * (job.global_rank == 0)
    for path in own:
        path.with_name(f"{path.name}.save_tmp").unlink(missing_ok=True)
