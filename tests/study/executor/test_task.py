"""What a job does about a phase that another job holds, and a look where SLURM is silent; no cluster is needed."""

from pathlib import Path

import pytest

from results.attempt import Store
from results.owner import Owner
from study.distributed import ProcessGroup
from study.executor import task
from study.executor.queue import QueueError
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


def test_a_look_bears_with_a_silent_slurm_for_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(task, "AGAIN_S", 0.01)
    answers: list[str | Exception] = [QueueError("squeue: no answer"), QueueError("squeue: no answer"), "Supported."]

    def ask() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert task.patiently(ask) == "Supported."
    assert capsys.readouterr().out.count("squeue: no answer\nasks again in 0 s\n") == 2
    monkeypatch.setattr(task, "SILENT_S", 0.0)
    answers[:] = [QueueError("squeue: no answer")] * 2
    with pytest.raises(QueueError):
        task.patiently(ask)
