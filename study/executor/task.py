"""What SLURM runs on a node: one phase, or a look at a study, from the copy of the code that was submitted.

A phase may have several tasks: all of them train it, and what is said here of saving and queueing the first one does.

A phase that is told to save (`study.executor.stop_signal`) stops before its next step, saves, and can go on from
there. Nothing heavy is imported before the handlers stand. A look, which takes seconds, has nothing to save.
"""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.executor import snapshot
from study.executor.queue import SlurmError
from study.executor.stop_signal import LookSignal, StopSignal

if TYPE_CHECKING:
    from results.attempt import Store
    from study.distributed import ProcessGroup
    from study.phase import Phase
    from study.worker import Orders

ELSEWHERE_S = 2.0
"""Pause between two looks at a phase that another job trains."""
GIVE_WAY_S = 180.0
"""How long a job waits for another one to train its phase before it leaves its node to others; more than a heartbeat
is borne with, so that a job that was started again after the loss of its node takes over at once."""


SILENT_S = 900.0
"""How long a look bears with a SLURM that is silent."""
AGAIN_S = 60.0
POLL_S = 0.2
LOOK_RESTARTS = 3
"""How often a look that waits for SLURM is started again."""


class PhaseFailed(RuntimeError):
    """A phase ended with an error, or lost a process; the store says which. What waits for it is not to start."""


class TimedOut(RuntimeError):
    """A phase has used up its time as often as is borne."""


class GiveWay(Exception):
    """Another job goes on training the phase of this one."""


class Unheard:
    """Nobody listens on a node: what a phase says stands in its log."""

    def send(self, event: Any) -> None:
        """Pass over `event`."""


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
                if event.state == "pruned":
                    stop.over()
                    return "pruned"
                if event.state == "done" or is_done_elsewhere(phase, store, stop, group):
                    stop.over()
                    return "done"
            except Stopped:
                if not group.is_first:
                    stop.linger()
                self._leave(phase, store, stop, held=event.state == "stopped")
            except GiveWay:
                group.first(give_way, stop)

    def checkpoint(self) -> Any:
        """Say what is to be run when this is started again; submitit calls it."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _leave(self, phase: "Phase", store: "Store", stop: StopSignal, held: bool) -> None:
        stop.wait()
        timed_out = held and stop.is_timed_out(self.limit_s, self.signal_delay_s)
        self.timeouts += timed_out
        sys.stdout.write(f"stopped: {'its time is up' if timed_out else 'preempted'}; {self.timeouts} times out\n")
        if self.timeouts > self.max_timeouts:
            error = TimedOut(
                f"its time of {self.limit_s / 60:.0f} min was used up {self.timeouts} times, and max_timeouts is "
                f"{self.max_timeouts}. Raise timeout_min or max_timeouts of the cluster and run the study again."
            )
            if not store.is_live(latest := store.attempts(phase.key)[-1]):
                latest.fail(error)
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
            SlurmError: SLURM refuses what was to be submitted, or was silent for long.
        """
        stop = LookSignal()
        forget_torn_writes()
        snapshot.refuse_changed(self.code, self.digest)
        from study.submitting import look

        said = patiently(lambda: look(pickle.loads(self.ready), snapshot.Code(self.code, self.digest)), stop)
        stop.over()
        sys.stdout.write(f"{said}\n")
        return said

    def checkpoint(self) -> Any:
        """Look again when this is started again; submitit calls it."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def is_done_elsewhere(phase: "Phase", store: "Store", stop: Callable[[], None], group: "ProcessGroup") -> bool:
    """Wait a while for the job that holds `phase`; tell whether it brought it to its end, or let go of it.

    Children of this job start when it ends well, and so it must not end before the phase is done.

    Raises:
        PhaseFailed: it failed there.
        GiveWay: it goes on there.
        Stopped: this job is told to stop.
    """
    from study.leg import agreed

    stop_together, until = agreed(stop, group), time.monotonic() + GIVE_WAY_S
    while (state := group.first(store.state, phase.key)) == "running":
        stop_together()
        if group.first(lambda: time.monotonic() > until):
            raise GiveWay
        time.sleep(ELSEWHERE_S)
    if state == "failed":
        raise PhaseFailed("it failed in another job meanwhile; `study status` names the error")
    return state == "done"


def give_way(stop: StopSignal) -> None:
    """Go back into the queue, if SLURM takes this job back now, and the disk what is to be run again."""
    sys.stdout.write("another job trains this phase: back into the queue\n")
    forget_torn_writes()
    with suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError):
        stop.requeue(patience_s=0)


def patiently(ask: Callable[[], str], stop: StopSignal) -> str:
    """Ask again for a while where SLURM is silent: nobody stands by who would.

    A look that is told to stop meanwhile is put back a few times; one at work ends first, which takes it seconds.

    Raises:
        SlurmError: SLURM refuses, or was silent all the while.
    """
    until = time.monotonic() + SILENT_S
    while True:
        try:
            return ask()
        except SlurmError as error:
            if not error.is_silence or time.monotonic() > until:
                raise
            sys.stdout.write(f"{error}\nasks again in {AGAIN_S:.0f} s\n")
            sys.stdout.flush()
            again = time.monotonic() + AGAIN_S
            while time.monotonic() < again:
                if stop.seen and int(os.environ.get("SLURM_RESTART_COUNT", "0")) >= LOOK_RESTARTS:
                    raise
                if stop.seen:
                    stop.wait()
                    stop.requeue()
                time.sleep(POLL_S)


def forget_torn_writes() -> None:
    """Remove what a killed process of this job was writing: submitit refuses to write beside it."""
    import submitit

    job = submitit.JobEnvironment()
    own = [job.paths.result_pickle] + [job.paths.submitted_pickle] * (job.global_rank == 0)
    for path in own:
        path.with_name(f"{path.name}.save_tmp").unlink(missing_ok=True)
