"""What the signals of SLURM that stop a phase are taken for; no cluster is needed."""

import signal
import time

import pytest

from study.executor import queue
from study.executor.stop_signal import StopSignal
from study.leg import Stopped


class Preempted(StopSignal):
    def __init__(self, seconds: float, *seen: int) -> None:
        self.seen, self.began = set(seen), time.monotonic() - seconds


@pytest.mark.parametrize(
    ("seconds", "seen", "is_timed_out"),
    [
        (700.0, (signal.SIGUSR2,), True),
        (100.0, (signal.SIGUSR2,), False),
        (700.0, (signal.SIGUSR2, signal.SIGTERM), False),
    ],
)
def test_a_time_out_is_told_from_a_preemption(
    seconds: float, seen: tuple[int, ...], is_timed_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # SLURM does not answer
    assert Preempted(seconds, *seen).is_timed_out(800, 90) == is_timed_out


@pytest.mark.parametrize(("setup_s", "is_preempted", "is_timed_out"), [(630.0, False, True), (630.0, True, False)])
def test_the_time_of_a_job_runs_from_before_its_setup(
    setup_s: float, is_preempted: bool, is_timed_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queue.Run(time.time() - setup_s - 70, is_preempted)
    monkeypatch.setattr(queue, "run_of", lambda job: run)
    assert Preempted(70.0, signal.SIGUSR2).is_timed_out(800, 90) == is_timed_out


def test_a_signal_that_comes_while_another_is_named_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, named = Preempted(0.0, signal.SIGUSR2), signal.Signals
    monkeypatch.setattr(signal, "Signals", lambda number: (signal.raise_signal(signal.SIGTERM), named(number))[1])
    before = signal.signal(signal.SIGTERM, stop._note)
    try:
        with pytest.raises(Stopped, match="SIGUSR2"):
            stop()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stop.seen == {signal.SIGUSR2, signal.SIGTERM}
