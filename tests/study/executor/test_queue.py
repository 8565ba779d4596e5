"""Who lives, by SLURM and by heartbeat together; SLURM is a script here that answers what a test says."""

import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from results.attempt import Store
from results.owner import Owner
from study.executor import queue
from study.executor.queue import Alive, QueueError, Row
from study.executor.slurm import SubmissionError
from tests.study.conftest import Answers

ELSEWHERE = Owner("node7", 1, 0.0, "study run", "another machine", "123", 1)


def test_jobs_are_known_by_name_and_number(answers: Answers) -> None:
    answers(
        "squeue",
        "echo 'a|12|12|N/A|RUNNING|None'; echo 'b|14|13|1|PENDING|Dependency'; echo 'b|15|13|2|COMPLETING|None'",
    )
    assert queue.rows({"a", "b"}) == [
        Row("a", 0, "12", "RUNNING", "None"),
        Row("b", 1, "13_1", "PENDING", "Dependency"),
        Row("b", 2, "13_2", "COMPLETING", "None"),
    ]
    assert [row.is_ending for row in queue.rows({"b"})] == [False, True]


def test_more_names_than_a_command_may_be_long_are_looked_for_in_the_whole_queue(answers: Answers) -> None:
    answers("squeue", "echo \"study-7|12|12|N/A|RUNNING|$#\"; echo 'other|13|13|N/A|RUNNING|None'")
    few, many = ({f"study-{number}" for number in range(count)} for count in (10, 50_000))
    assert queue.rows(few) == [Row("study-7", 0, "12", "RUNNING", "4")]
    assert queue.rows(many) == [Row("study-7", 0, "12", "RUNNING", "3")]


def test_slurm_that_refuses_is_quoted(answers: Answers) -> None:
    answers("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(QueueError, match="squeue: SLURM refuses: Unable to contact slurm controller"):
        queue.rows({"a"})


@pytest.mark.parametrize(
    ("shell", "alive"),
    [
        ("echo 123 1", True),
        ("echo 124 0; echo 123 1", True),
        ("echo 124 1", None),  # another task of its array, whose number is that of a task as well
        ("echo 123 2", None),  # started again since: the claimant may still be at work on a node that is lost
        ("true", None),  # ended, says SLURM
        ("echo 'Invalid job id specified' >&2; exit 1", None),
        ("exit 1", None),  # slurmctld is down
    ],
)
def test_slurm_alone_never_calls_a_claimant_dead(shell: str, alive: bool | None, answers: Answers) -> None:
    answers("squeue", shell)
    assert Alive()(ELSEWHERE) is alive


def test_a_claimant_is_dead_when_slurm_and_its_heartbeat_say_so(answers: Answers, tmp_path: Path) -> None:
    answers("squeue", "true")
    store = Store(tmp_path / "store", alive=Alive(), heartbeat_limit_s=0.2)
    attempt = store.claim("k", {}, ELSEWHERE)
    assert attempt is not None
    assert store.state("k") == "running"
    assert store.claim("k", {}, Owner.current("a test")) is None
    time.sleep(0.3)
    assert store.state("k") == "stopped"
    answers("squeue", "echo 123 1")
    assert Store(tmp_path / "store", alive=Alive(), heartbeat_limit_s=0.2).state("k") == "running"


def test_slurm_is_asked_once_in_a_while(answers: Answers, tmp_path: Path) -> None:
    answers("squeue", "echo 123 1")
    alive = Alive()
    assert [alive(ELSEWHERE) for _ in range(20)] == [True] * 20
    assert alive(replace(ELSEWHERE, slurm_job="")) is None
    assert (tmp_path / "calls").read_text().count("called") == 1


def test_one_question_serves_for_all_jobs_of_a_user_and_one_for_each_other(answers: Answers, tmp_path: Path) -> None:
    answers("squeue", 'case "$*" in *--me*) echo 123 1; echo 124 0;; *--jobs=7*) echo 7 0;; *) exit 1;; esac')
    alive = Alive()
    owners = [replace(ELSEWHERE, slurm_job=job, slurm_restarts=count) for job, count in (("123", 1), ("124", 0))]
    assert [alive(owner) for owner in owners * 3] == [True] * 6
    assert alive(replace(ELSEWHERE, slurm_job="7", slurm_restarts=0)) is True
    assert [alive(replace(ELSEWHERE, slurm_job="8")) for _ in range(3)] == [None] * 3
    assert (tmp_path / "calls").read_text().count("called") == 3


def test_slurm_that_is_silent_is_not_asked_about_every_claim(answers: Answers, tmp_path: Path) -> None:
    answers("squeue", "exit 1")
    alive = Alive()
    assert [alive(replace(ELSEWHERE, slurm_job=str(job))) for job in range(20)] == [None] * 20
    assert (tmp_path / "calls").read_text().count("called") == 1


@pytest.mark.parametrize(
    ("shown", "is_preempted"),
    [
        ("StartTime=2026-11-26T10:00:00 PreemptTime=2026-11-26T10:01:00", True),
        ("StartTime=2026-11-26T10:00:00 PreemptTime=None", False),
        ("StartTime=2026-11-26T10:00:00 PreemptTime=2026-11-26T09:00:00", False),
        ("StartTime=2026-11-26T10:00:00", False),
    ],
)
def test_a_preemption_counts_since_the_job_began(shown: str, is_preempted: bool, answers: Answers) -> None:
    another = "JobId=124 ArrayJobId=123 StartTime=2026-11-26T10:00:00 PreemptTime=2026-11-26T11:00:00"
    answers("scontrol", f"echo 'JobId=123 ArrayJobId=123 JobState=RUNNING {shown}'; echo '{another}'")
    run = queue.run_of("123")
    assert run == queue.Run(datetime(2026, 11, 26, 10).timestamp(), is_preempted, may_go_back=True)


@pytest.mark.parametrize(
    ("shown", "may_go_back"),
    [
        ("JobState=RUNNING Reason=None", True),
        ("JobState=COMPLETING Reason=None", False),
        ("JobState=COMPLETING Reason=TimeLimit", True),
        ("JobState=PENDING Reason=BeginTime", False),
    ],
)
def test_a_job_that_was_cancelled_or_put_back_is_not_put_back_again(
    shown: str, may_go_back: bool, answers: Answers
) -> None:
    answers("scontrol", f"echo JobId=123 {shown} StartTime=2026-11-26T10:00:00")
    run = queue.run_of("123")
    assert run
    assert run.may_go_back == may_go_back


@pytest.mark.parametrize(
    ("said", "is_silence"),
    [
        ("squeue: no answer in 30 s.", True),
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)", True),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", True),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination", False),
        ("sbatch: not found. Go where SLURM is", False),
        ("scontrol: error: Slurm backup controller in standby mode", True),
    ],
)
def test_silence_is_told_from_a_refusal(said: str, is_silence: bool) -> None:
    assert QueueError(said).is_silence == is_silence
    assert SubmissionError(f"/data/communication/store: SLURM refuses: {said}", said).is_silence == is_silence


@pytest.mark.parametrize("shell", ["exit 1", "echo 'JobId=124 StartTime=2026-11-26T10:00:00'", "echo JobId=123"])
def test_what_slurm_does_not_say_of_a_job_is_not_known(shell: str, answers: Answers) -> None:
    answers("scontrol", shell)
    assert queue.run_of("123") is None
