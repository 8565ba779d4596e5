"""What the signals of SLURM that stop a phase are taken for; no cluster is needed."""

import multiprocessing
import os
import signal
import subprocess
import time

import pytest

from study.executor import queue, stop_signal
from study.executor.stop_signal import LookSignal, StopSignal
from study.leg import Stopped


class Preempted(StopSignal):
    def __init__(self, seconds: float, *seen: int) -> None:
        self.seen, self.began, self.job = set(seen), time.monotonic() - seconds, "7"


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
    run = queue.Run(time.time() - setup_s - 70, is_preempted, may_go_back=True)
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


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMPANION_S", "ASK_S"):
        monkeypatch.setattr(stop_signal, name, 0.05)
    for name in ("END_S", "PATIENCE_S"):
        monkeypatch.setattr(stop_signal, name, 0.6)


def told(is_preempted: bool, may_go_back: bool) -> queue.Run:
    return queue.Run(time.time() - 100, is_preempted, may_go_back)


@pytest.mark.usefixtures("hurried")
def test_a_phase_that_is_to_make_room_is_put_back_even_if_no_signal_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([None, told(False, True), told(True, True)])
    monkeypatch.setattr(queue, "run_of", lambda job: next(answers))
    Preempted(100.0, signal.SIGTERM).wait()
    assert next(answers, "all were given") == "all were given"


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("run", [None, told(False, True), told(True, False)])
def test_a_phase_that_is_cancelled_or_put_back_already_waits_for_its_end(
    run: queue.Run | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "run_of", lambda job: run)
    with pytest.raises(SystemExit):
        Preempted(100.0, signal.SIGTERM).wait()


@pytest.mark.usefixtures("hurried")
def test_slurm_is_asked_again_to_take_a_phase_back() -> None:
    stop, asked = Preempted(100.0, signal.SIGUSR2), []

    def refused(*signals: object) -> None:
        asked.append(signals)
        if len(asked) < 3:
            raise subprocess.CalledProcessError(1, ["scontrol", "requeue"])
        raise SystemExit(-1)

    stop._requeue = refused
    with pytest.raises(SystemExit):
        stop.requeue(patience_s=1)
    assert len(asked) == 3


@pytest.mark.usefixtures("hurried")
def test_what_slurm_never_takes_back_ends_with_its_words() -> None:
    stop = Preempted(100.0, signal.SIGUSR2)
    stop._requeue = lambda *signals: subprocess.check_call(["false"])
    with pytest.raises(subprocess.CalledProcessError):
        stop.requeue(patience_s=0.1)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("run", [None, told(False, True)])
def test_a_phase_that_is_told_by_both_signals_is_put_back_unless_it_was_cancelled(
    run: queue.Run | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Preempted(100.0, signal.SIGUSR2, signal.SIGTERM)
    monkeypatch.setattr(queue, "run_of", lambda job: run)
    both.wait()
    monkeypatch.setattr(queue, "run_of", lambda job: told(False, False))
    with pytest.raises(SystemExit):
        both.wait()


def test_a_time_out_whose_last_step_took_too_long_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "run_of", lambda job: queue.Run(time.time() - 790, False, may_go_back=True))
    assert Preempted(700.0, signal.SIGUSR2, signal.SIGTERM).is_timed_out(800, 90)


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (None, -signal.SIGTERM),
        (told(False, True), -signal.SIGTERM),
        (told(True, False), -signal.SIGTERM),  # cancelled in its time of grace
        (told(True, True), 0),
    ],
)
def test_a_look_that_is_cancelled_dies_at_once_and_a_preempted_one_ends_first(run: queue.Run | None, code: int) -> None:
    def child() -> None:
        queue.run_of = lambda job: run
        stop = LookSignal()
        signal.raise_signal(signal.SIGTERM)
        os._exit(0 if stop.seen == {signal.SIGTERM} else 1)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == code


@pytest.mark.usefixtures("hurried")
def test_a_phase_that_is_cancelled_while_slurm_is_silent_is_not_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, asked = Preempted(100.0, signal.SIGUSR2), []

    def silent(*signals: object) -> None:
        asked.append(signals)
        stop.seen.add(signal.SIGTERM)
        raise subprocess.CalledProcessError(1, ["scontrol", "requeue"])

    stop._requeue = silent
    monkeypatch.setattr(queue, "run_of", lambda job: told(False, False))
    with pytest.raises(SystemExit):
        stop.requeue(patience_s=1)
    assert len(asked) == 1
