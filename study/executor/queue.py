"""What SLURM has in its queue, asked with one `squeue`; its accounting, which lags behind, is never asked."""

import os
import re
import subprocess
import time
from collections.abc import Set
from datetime import datetime
from typing import NamedTuple

from models.errors import UserError
from results.owner import Owner, alive_here

ANSWER_S = 30
LONGEST_WORD = 128 * 1024
"""Bytes of one word of a command, on Linux."""
FRESH_S = 5.0
"""How long an answer about a claimant serves."""
_SHOWN = re.compile(r"\b(JobState|Reason|StartTime|PreemptTime)=(\S+)")
_SILENCE = re.compile(
    r"no answer in|unable to contact|timed out|connect failure|connection refused|communication|zero bytes|temporarily"
    r"|standby",
    re.IGNORECASE,
)
"""What is said where slurmctld is away, or has too much to do."""
NEVER = "DependencyNeverSatisfied"
"""Why a job waits that will never run."""


class SlurmError(UserError):
    """SLURM does not answer, or refuses.

    Attributes:
        said: its own words, where the message holds more.
    """

    exit_code = 1

    def __init__(self, text: str, said: str | None = None) -> None:
        super().__init__(text)
        self.said = text if said is None else said

    @property
    def is_silence(self) -> bool:
        """Tell whether asking again later may help."""
        return _SILENCE.search(self.said) is not None


class QueueError(SlurmError):
    """One of SLURM's programs does not answer, or refuses."""


class Row(NamedTuple):
    """One job, or one task of an array, that waits, runs or ends.

    Attributes:
        name: that it was submitted under.
        task: its number in the array, 0 if it is none.
        job: what SLURM's programs know it by: ``123`` or ``123_4``.
        state: ``PENDING``, ``RUNNING`` and the like.
        reason: why it waits.
    """

    name: str
    task: int
    job: str
    state: str
    reason: str

    @property
    def is_ending(self) -> bool:
        """Tell whether it has ended, or is about to wait again: SLURM tells once its node is cleaned up."""
        return self.state == "COMPLETING"

    @property
    def will_start(self) -> bool:
        """Tell whether it waits for its turn."""
        return self.state == "PENDING" and self.reason != NEVER


def rows(names: Set[str]) -> list[Row]:
    """List the jobs called one of `names` that wait, run or end.

    Raises:
        QueueError: SLURM does not answer.
    """
    if not names:
        return []
    named = f"--name={','.join(sorted(names))}"
    words = ["squeue", "--noheader", "--array", "--format=%j|%A|%F|%K|%T|%r"]
    answer = asked([*words, named] if len(named) < LONGEST_WORD else words)
    found = [_row(line) for line in answer.splitlines() if line.count("|") >= 5]
    return [row for row in found if row.name in names]


def own_job() -> str:
    """Give SLURM's number of the job that this process is part of."""
    return os.environ.get("SLURM_JOB_ID", "")


class Run(NamedTuple):
    """What SLURM says of a job since it began, the last time if it was queued again.

    Attributes:
        began_at: seconds since 1970.
        is_preempted: it was told to make room.
        may_go_back: it runs, or its time is up; neither was it cancelled, nor is it put back already.
    """

    began_at: float
    is_preempted: bool
    may_go_back: bool


def run_of(job: str) -> Run | None:
    """Ask SLURM about a running job; None if it does not answer.

    SLURM may announce a preemption by the very signal that announces the end of a job's time.

    Args:
        job: its own number, which for one task of an array is the array's number too: SLURM then answers for all of it.
    """
    try:
        answer = asked(["scontrol", "--oneliner", "show", "job", job])
    except QueueError:
        return None
    own = next((line for line in answer.splitlines() if line.startswith(f"JobId={job} ")), "")
    shown: dict[str, str] = dict(_SHOWN.findall(own))
    began, told = shown.get("StartTime", ""), shown.get("PreemptTime", "")
    try:
        is_preempted = told[:1].isdecimal() and told >= began
        may_go_back = shown.get("JobState") == "RUNNING" or shown.get("Reason") == "TimeLimit"
        return Run(datetime.fromisoformat(began).timestamp(), is_preempted, may_go_back)
    except ValueError:
        return None


def asked(words: list[str]) -> str:
    """Give what one of SLURM's programs prints, and what it warns of.

    Raises:
        QueueError: it does not answer.
    """
    try:
        answer = subprocess.run(words, capture_output=True, text=True, timeout=ANSWER_S, check=False)
    except FileNotFoundError as error:
        raise QueueError(f"{words[0]}: not found. Go where SLURM is (`study doctor --on slurm`).") from error
    except subprocess.TimeoutExpired as error:
        raise QueueError(f"{words[0]}: no answer in {ANSWER_S} s. Nothing is lost; try again later.") from error
    if answer.returncode:
        said = answer.stderr.strip() or f"exit code {answer.returncode}"
        raise QueueError(f"{words[0]}: SLURM refuses: {said}. Nothing is lost; mend that or try again later.")
    return answer.stdout + answer.stderr


class Alive:
    """Tells whether the owner of a claim lives, by its process here, and by SLURM elsewhere.

    An owner that SLURM no longer runs, or has started again since, may still be at work on a node that SLURM has lost:
    then, and when SLURM does not answer, its heartbeat decides.
    """

    def __init__(self) -> None:
        self._asked_at = -FRESH_S
        self._mine: dict[str, int] | None = {}
        self._others: dict[str, int | None] = {}

    def __call__(self, owner: Owner) -> bool | None:
        """Give True or False where it is known, else None."""
        here = alive_here(owner)
        if here is not None or not owner.slurm_job:
            return here
        return True if self._restarts(owner.slurm_job) == owner.slurm_restarts else None

    def _restarts(self, job: str) -> int | None:
        """Count how often SLURM has started a running job again; None if it does not run, or SLURM is silent.

        One question serves for all jobs of this user, however many claims there are; one more for each job of another.
        """
        if time.monotonic() - self._asked_at >= FRESH_S:
            self._mine, self._others = _running("--me"), {}
            self._asked_at = time.monotonic()
        if self._mine is None or job in self._mine:
            return (self._mine or {}).get(job)
        if job not in self._others:
            self._others[job] = (_running(f"--jobs={job}") or {}).get(job)
        return self._others[job]


def _running(which: str) -> dict[str, int] | None:
    """List running jobs by their own number, and how often each was started again; None if SLURM does not answer."""
    words = ["squeue", "--noheader", which, "--states=RUNNING", "--Format=JobID:24,RestartCnt:12"]
    try:
        lines = [line.split() for line in asked(words).splitlines()]
    except QueueError:
        return None
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdecimal()}


def _row(line: str) -> Row:
    name, job, array, task, state, reason = line.strip().split("|", 5)
    if task.isdecimal():
        return Row(name, int(task), f"{array}_{task}", state, reason)
    return Row(name, 0, job, state, reason)
