"""The signals by which SLURM stops a phase, and what follows each of them.

SIGUSR2: its time is nearly up, or it is preempted; submitit puts it back into the queue under its number. SIGTERM: it
is preempted, cancelled, or its time is up. What SLURM says is preempted is put back too, within its time of grace:
where SLURM cancels what it preempts, nobody else would. What is cancelled waits for its end, and is not put back.
`study.executor.launch` holds both back until the handlers stand.
"""

import signal
import subprocess
import time
from types import FrameType
from typing import Any, NoReturn

from study.executor import queue
from study.executor.launch import HELD_BACK

COMPANION_S = 1.0
"""How far the two signals of a preemption may be apart."""
EARLY_S = 65.0
"""SLURM may send the signal of the time limit up to 60 s early."""
ASK_S = 5.0
"""Pause between two questions to SLURM."""
END_S = 600.0
"""How long a job waits for the end that it was told of."""
PATIENCE_S = 600.0
"""How long SLURM is asked to take a job back."""
LINGER_S = 1.5 * (END_S + PATIENCE_S)
"""How long the other tasks wait for what the first one does about that."""


class StopSignal:
    """Notes the signals that ask a phase to stop; calling it raises `Stopped` once there was one."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.began = time.monotonic()
        self.job = queue.own_job()
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
        """Wait until this job may go back into the queue: it was told to, and nobody has cancelled it.

        Raises:
            SystemExit: it is to end, and its end did not come.
        """
        until = time.monotonic() + END_S
        time.sleep(COMPANION_S)
        while not self._may_go_back():
            if time.monotonic() > until:
                raise SystemExit(1)
            time.sleep(ASK_S)

    def _may_go_back(self) -> bool:
        if signal.SIGTERM not in self.seen:
            return True
        run = queue.run_of(self.job)
        if signal.SIGUSR2 in self.seen:
            return run is None or run.may_go_back
        return run is not None and run.is_preempted and run.may_go_back

    def linger(self) -> NoReturn:
        """Wait for the end, which the first task brings: a task that ends before may end the first one.

        Raises:
            SystemExit: the end did not come.
        """
        time.sleep(LINGER_S)
        raise SystemExit(1)

    def is_timed_out(self, limit_s: float, signal_delay_s: float) -> bool:
        """Tell the end of the time limit from a preemption, which a short time limit leaves no room to tell apart.

        A job's time runs from before its `setup`; where SLURM is silent, from when this process began.
        """
        run = queue.run_of(self.job)
        ran_s = time.time() - run.began_at if run else time.monotonic() - self.began
        is_preempted = run.is_preempted if run else signal.SIGTERM in self.seen
        return ran_s >= limit_s - signal_delay_s - EARLY_S and not is_preempted

    def over(self) -> None:
        """Hear no more: a signal that comes while Python shuts down would end a phase that is done as failed."""
        for number in HELD_BACK:
            signal.signal(number, signal.SIG_IGN)

    def requeue(self, patience_s: float = PATIENCE_S) -> None:
        """Let submitit write down what is to be run again, put the job back into the queue, and exit.

        Args:
            patience_s: how long SLURM is asked again, if it does not take the job back.

        Raises:
            CalledProcessError, TimeoutExpired: it did not.
        """
        until = time.monotonic() + patience_s
        while True:
            try:
                self._requeue(signal.SIGUSR2, None)
                return
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                if time.monotonic() >= until:
                    raise
                time.sleep(ASK_S)
                self.wait()  # it may have been cancelled meanwhile


class LookSignal(StopSignal):
    """Notes them for a look, which ends in seconds, before it is killed; a cancelled one must not go on to submit."""

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            run = queue.run_of(self.job)
            if run is None or not (run.is_preempted and run.may_go_back):
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.raise_signal(signal.SIGTERM)
        super()._note(number, frame)
