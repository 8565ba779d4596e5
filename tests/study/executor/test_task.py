"""What a job does about a phase that another job holds, and a look where SLURM is silent; no cluster is needed."""

import errno
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from results.attempt import Store
from results.owner import Owner
from study.distributed import ProcessGroup
from study.executor import task
from study.executor.queue import QueueError
from study.executor.stop_signal import StopSignal
from study.phase import Phase
from study.preparation import Request, prepare
from tests.made_spec import SPEC


@pytest.fixture
def phase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Phase:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(task, "ELSEWHERE_S", 0.01)
    (tmp_path / "asked.yaml").write_text(SPEC)
    return next(iter(prepare(Request(str(tmp_path / "asked.yaml"))).plan.phases.values()))


def go_on() -> None:
    """Nobody tells this job to stop."""


def test_a_job_gives_way_to_one_that_goes_on_with_its_phase(
    phase: Phase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    assert store.claim(phase.key, phase.content, Owner.current("another job"))
    monkeypatch.setattr(task, "GIVE_WAY_S", 0.05)
    with pytest.raises(task.GiveWay):
        task.is_done_elsewhere(phase, store, go_on, ProcessGroup())


def test_a_job_waits_for_one_that_soon_lets_go_of_its_phase_or_fails(phase: Phase, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    attempt = store.claim(phase.key, phase.content, Owner.current("another job"))
    assert attempt
    seen = []

    def stop() -> None:
        seen.append(store.state(phase.key))
        if len(seen) == 3:
            attempt.stop("told to stop")

    assert not task.is_done_elsewhere(phase, store, stop, ProcessGroup())
    assert seen == ["running"] * 3
    again = store.claim(phase.key, phase.content, Owner.current("another job"))
    assert again
    again.fail(ArithmeticError("diverged"))
    with pytest.raises(task.PhaseFailed, match="failed in another job"):
        task.is_done_elsewhere(phase, store, go_on, ProcessGroup())


class Told(StopSignal):
    """What a look was told; what it does about it is noted."""

    def __init__(self, *seen: int) -> None:
        self.seen = set(seen)
        self.put_back = 0

    def wait(self) -> None:
        """Be told at once."""

    def requeue(self, patience_s: float = 0.0) -> None:
        self.put_back += 1
        raise SystemExit(-1)


SILENT = QueueError("squeue: no answer in 30 s")


def asker(*answers: str | QueueError) -> Callable[[], str]:
    left = list(answers)

    def ask() -> str:
        answer = left.pop(0)
        if isinstance(answer, QueueError):
            raise answer
        return answer

    return ask


def test_a_look_bears_with_a_silent_slurm_for_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(task, "AGAIN_S", 0.01)
    assert task.patiently(asker(SILENT, SILENT, "Supported."), Told()) == "Supported."
    assert capsys.readouterr().out.count("squeue: no answer in 30 s\nasks again in 0 s\n") == 2
    monkeypatch.setattr(task, "SILENT_S", 0.0)
    with pytest.raises(QueueError):
        task.patiently(asker(SILENT, SILENT), Told())


def test_a_look_that_is_refused_ends_at_once() -> None:
    refusal = QueueError("sbatch: SLURM refuses: Access/permission denied.")
    with pytest.raises(QueueError, match="Access/permission denied"):
        task.patiently(asker(refusal, "never asked"), Told())


def test_a_look_that_is_told_to_stop_while_slurm_is_silent_is_put_back_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for restarts, is_put_back in (("0", True), ("2", True), ("3", False)):
        monkeypatch.setenv("SLURM_RESTART_COUNT", restarts)
        told = Told(signal.SIGUSR2)
        with pytest.raises(SystemExit if is_put_back else QueueError):
            task.patiently(asker(SILENT), told)
        assert told.put_back == is_put_back


@pytest.mark.parametrize(
    "error", [subprocess.CalledProcessError(1, ["scontrol", "requeue"]), OSError(errno.ENOSPC, "the disk is full")]
)
def test_a_job_that_is_not_taken_back_goes_on_waiting(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(Told):
        def requeue(self, patience_s: float = 0.0) -> None:
            assert patience_s == 0
            raise error

    torn: list[bool] = []
    monkeypatch.setattr(task, "forget_torn_writes", lambda: torn.append(True))
    task.give_way(Refused())
    assert torn == [True]
