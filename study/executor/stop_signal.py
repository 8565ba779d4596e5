"""The signals by which SLURM stops a phase, and what follows each of them.

SIGUSR2: its time is nearly up, or it is preempted; submitit puts it back into the queue under its number. SIGTERM: it
is preempted or cancelled. What SLURM says is preempted is put back too, within its time of grace: where SLURM cancels
what it preempts, nobody else would. What is cancelled waits for its end, and nothing puts it back.
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
DYING_S = 600.0


def let_through() -> None:
    """Hold nothing back any more: SIGTERM ends this process, SIGUSR2 has submitit put it back into the queue."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)


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
        """Wait for SIGUSR2, or, if only SIGTERM came, for SLURM's word that it was to make room; else for the end.

        Raises:
            SystemExit: the end did not come.
        """
        began = time.monotonic()
        ask_at = began + COMPANION_S
        while signal.SIGUSR2 not in self.seen:
            if time.monotonic() > began + DYING_S:
                raise SystemExit(1)
            if time.monotonic() > ask_at:
                ask_at = time.monotonic() + ASK_S
                run = queue.run_of(queue.own_job())
                if run and run.is_preempted and run.is_running:
                    return
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
        """Tell the end of the time limit from a preemption, which a short time limit leaves no room to tell apart.

        A job's time runs from before its `setup`; where SLURM is silent, from when this process began.
        """
        run = queue.run_of(queue.own_job())
        ran_s = time.time() - run.began_at if run else time.monotonic() - self.began
        near_the_end = ran_s >= limit_s - signal_delay_s - EARLY_S
        return near_the_end and signal.SIGTERM not in self.seen and not (run and run.is_preempted)

    def over(self) -> None:
        """Hear no more: a signal that comes while Python shuts down would end a phase that is done as failed."""
        for number in HELD_BACK:
            signal.signal(number, signal.SIG_IGN)

    def requeue(self) -> None:
        """Let submitit write down what is to be run again, put the job back into the queue, and exit.

        Raises:
            CalledProcessError, TimeoutExpired: SLURM did not take it back, as long as it was asked.
        """
        until = time.monotonic() + DYING_S
        while True:
            try:
                return self._requeue(signal.SIGUSR2, None)  # type: ignore[no-any-return]
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                if time.monotonic() > until:
                    raise
                time.sleep(ASK_S)
