"""What goes wrong on a cluster, done on purpose to a study that trains, and what must hold afterwards.

A fault is a function that strikes, sees that it happened, restores what it took away, and says what it did, one line
for each phase that was hit.
"""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from random import Random
from typing import Any

import pytest

import study
from models.errors import UserError
from results.attempt import Store
from results.record import last_step
from study.executor import submission
from tests.made_cluster import kill_daemon, start_daemon
from tests.made_slurm import LAB, PATIENCE_S, PHASES, Asked, in_queue, numbers, preempt, wait, wait_for_the_end
from tests.made_spec import SPEC
from tests.slurm.seen import (
    Missed,
    Worker,
    a_worker,
    ended,
    epoch_of,
    is_alive,
    is_over,
    logs,
    progress,
    published,
    send,
    shown,
    workers,
)

Fault = Callable[[Asked, Random], list[str]]
Numbers = Mapping[str, Any]


def text_of(epochs: int) -> str:
    """Give a study whose phases train for so many epochs, of some 20 milliseconds each."""
    return SPEC + f"  phases: {{rgb_epochs: {epochs}, sender_epochs: {epochs}, joint_epochs: {epochs}}}\n"


TEXT = text_of(300)
YOUNG = 60
"""Epochs after which a phase goes on for longer than the 3 s in which SLURM preempts it: all begin and end together."""
WORSE = Path(__file__).parent / "worse"
LIMIT_S = 15.0
"""Age of a heartbeat, which comes every 10 s, from which a claimant counts as dead in a worse world."""
DOWN_S = 20.0
SHORT = "partition: low\nmemory_gb: 0.9\ntimeout_min: 1\nsignal_delay_s: 30\n"
"""Settings of a cluster with which phases are told to stop 30 s after they start."""
HANG_S = 40.0
MOMENT_S = 3.0
"""How long after it is seen a worker is killed at most: before its first epoch, in the middle, as it publishes."""


def workers_killed(asked: Asked, chance: Random) -> list[str]:
    """SIGKILL of all that hold a phase, each at a moment of its own, as the kernel does when memory is short."""
    a_worker(asked, chance, epochs=0)
    killed = [said for worker in workers(asked, epochs=0) if (said := killed_at_once(asked, worker, chance))]
    if not killed:
        raise Missed("all had ended by themselves")
    return killed


def killed_at_once(asked: Asked, worker: Worker, chance: Random) -> str:
    """Kill a worker in a moment; say what it was doing, or nothing if it had ended."""
    time.sleep(MOMENT_S * chance.random())
    attempt = asked.store.attempt(worker.key, worker.attempt)
    send(worker.pid, signal.SIGKILL)
    ended(worker)
    if attempt.done.exists() or {"failed.json", "stopped.json"} & {path.name for path in attempt.folder.iterdir()}:
        return ""
    return f"process {worker.pid} died in epoch {epoch_of(asked, worker) + 1}"


def preempted(asked: Asked, chance: Random) -> list[str]:
    """A job of a higher partition takes all nodes."""
    a_worker(asked, chance, most=YOUNG)
    before = {worker.job: int(shown(worker.job).get("Restarts", 0)) for worker in workers(asked)}
    higher = preempt()
    wait(lambda: shown(higher).get("JobState") == "COMPLETED")
    again = [job for job, count in before.items() if int(shown(job).get("Restarts", 0)) > count]
    if not again:
        raise Missed("what ran had ended by itself")
    return [f"{len(again)} of {len(before)} jobs were queued again"]


def timed_out(asked: Asked, chance: Random) -> list[str]:
    """The time of phases is used up, twice: they train for a moment and then hang until they are told."""
    hanging: dict[int, float] = {}
    until = time.monotonic() + PATIENCE_S
    try:
        while not used_up(asked, 2):
            if not in_queue():
                raise Missed("nothing ran any more")
            assert time.monotonic() < until, in_queue()
            for pid in {worker.pid for worker in workers(asked)} - set(hanging):
                hanging[pid] = time.monotonic()
                send(pid, signal.SIGSTOP)
            for pid, since in hanging.items():
                if time.monotonic() > since + HANG_S or is_told(pid):
                    send(pid, signal.SIGCONT)
            time.sleep(0.2)
    finally:
        for pid in hanging:
            send(pid, signal.SIGCONT)
    return [f"{path.name}: its time was up twice" for path in used_up(asked, 2)]


def is_told(pid: int) -> bool:
    """Tell whether SIGUSR2 waits for a process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    pending = int(status.partition("ShdPnd:")[2].split()[0], 16)
    return bool(pending & 1 << signal.SIGUSR2 - 1)


def used_up(asked: Asked, times: int) -> list[Path]:
    """List the logs of phases that used their time up so often."""
    return [path for path in logs(asked) if f"its time is up; {times} times out" in path.read_text()]


def cancelled(asked: Asked, chance: Random) -> list[str]:
    """`scancel` of a phase that trains, by somebody who knows nothing of studies."""
    worker = a_worker(asked, chance)
    subprocess.run(["scancel", worker.job], check=True, capture_output=True)
    state = ended(worker)
    if state != "CANCELLED":
        raise Missed(f"it was {state} already")
    return [f"job {worker.job} was cancelled in epoch {epoch_of(asked, worker)}"]


def control_down(asked: Asked, chance: Random) -> list[str]:
    """No slurmctld for 20 s, and until a phase has ended; who asks meanwhile is told so."""
    a_worker(asked, chance)
    before = progress(asked)
    kill_daemon("slurmctld")
    until = time.monotonic() + DOWN_S
    try:
        (standing,) = study.status()
        assert standing.states["done"] == PHASES or "Nothing is lost" in standing.unknown, standing
        try:
            asked.submit()
        except UserError as error:
            said = str(error)
        else:
            raise AssertionError("a study was submitted to nobody")
        assert "Nothing is lost" in said, said
        wait(lambda: progress(asked)[0] > before[0])
        time.sleep(max(0.0, until - time.monotonic()))
        after = progress(asked)
    finally:
        start_daemon("slurmctld")
    return [f"{after[0] - before[0]} phases ended and {after[1] - before[1]} epochs meanwhile"]


def node_lost(asked: Asked, chance: Random) -> list[str]:
    """The slurmd of a node dies and its phase hangs; SLURM starts it on another node, and then both live.

    Nodes must be machines of their own (`worse`).
    """
    worker = a_worker(asked, chance)
    job = shown(worker.job)
    if job.get("JobState") != "RUNNING":
        raise Missed("it had ended")
    daemon, restarts = f"slurmd.{job['NodeList']}", int(job["Restarts"])
    send(worker.pid, signal.SIGSTOP)
    kill_daemon(daemon)
    try:
        later = asked.store.attempt(worker.key, worker.attempt + 1)
        wait(lambda: bool(last_step(later.records)))
        now = shown(worker.job)
        assert int(now["Restarts"]) > restarts
        assert now["NodeList"] != job["NodeList"]
        assert is_alive(worker.pid)
        assert not later.done.exists()
        send(worker.pid, signal.SIGCONT)
        wait(lambda: not is_alive(worker.pid))
        log = asked.store.attempt(worker.key, worker.attempt).log.read_text()
        assert "was taken over by a later one" in log, log[-500:]
    finally:
        send(worker.pid, signal.SIGCONT)
        start_daemon(daemon)
    return [f"two processes lived, of {job['NodeList']} and {now['NodeList']}; the earlier one noticed"]


def disk_full(asked: Asked, chance: Random) -> list[str]:
    """Nothing is left on the disk of the store until every phase that trains has noticed. It must be a small one."""
    worker = a_worker(asked, chance)
    ballast = asked.store.root.parent / "ballast"
    try:
        fill(ballast)
        state = ended(worker)
    finally:
        ballast.unlink(missing_ok=True)
    if state != "FAILED":
        raise Missed(f"it was {state} already")
    return [f"job {worker.job} found no room in epoch {epoch_of(asked, worker) + 1}"]


def fill(path: Path) -> None:
    """Write until the disk refuses."""
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left on device"):
        file.writelines(repeat(bytes(1 << 16)))


def submitter_killed(asked: Asked, chance: Random) -> list[str]:
    """Whoever submits is killed before or after one of its calls of `sbatch`."""
    return submitter_killed_at(asked, chance.choice(("before", "after")), chance.randrange(1, 4))


def submitter_killed_at(asked: Asked, moment: str, number: int) -> list[str]:
    """Whoever submits is killed before or after its call `number` of `sbatch`."""
    take_back(asked)
    fakes = asked.folder / "fakes"
    count = fakes / "count"
    die, call = f'[ "$(wc -l <{count})" = {number} ] && kill -9 $PPID', f'{real("sbatch")} "$@"'
    order = [f"{die} && exit", call] if moment == "before" else [f"{call} || exit", f"{die} || true"]
    fake(fakes / "sbatch", f"echo >>{count}", *order)
    count.unlink(missing_ok=True)
    submitter = asked.start(*asked.run_words(), path=fakes)
    submitter.communicate()
    if submitter.returncode != -signal.SIGKILL:
        raise Missed(f"it ended before its call {number} of sbatch")
    newest = submission.read_all(asked.store)[-1]
    assert any(array["job"] is None for array in newest["arrays"])
    return [f"killed {moment} call {number} of sbatch"]


def started_twice(asked: Asked, chance: Random) -> list[str]:
    """Two people start the same study in the same second."""
    take_back(asked)
    before = len(submission.read_all(asked.store))
    both = [asked.start(*asked.run_words()) for _ in range(2)]
    said = [one.communicate()[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    new = submission.read_all(asked.store)[before:]
    if not new:
        raise Missed("nothing was due")
    count = Counter(key for one in new for array in one["arrays"] for key in array["keys"])
    return [
        f"{len(new)} submissions of {len(count)} phases, {sum(times > 1 for times in count.values())} of them twice"
    ]


def take_back(asked: Asked) -> None:
    """Leave nothing of a study in the queue, so that something is due."""
    if submission.read_all(asked.store):
        study.cancel("asked")
        wait_for_the_end()
    if is_over(asked):
        raise Missed("the study was over")


def fake(path: Path, *lines: str) -> None:
    """Write a program that takes the place of one of SLURM's."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["#!/bin/bash", *lines, ""]))
    path.chmod(0o755)


def real(program: str) -> str:
    return subprocess.check_output(["which", program], text=True).strip()


def worsened(
    asked: Asked, machines: bool = False, store: bool = False, path: Path | None = None, lab: str = LAB
) -> Path:
    """Have the phases of a study see a worse world (`worse`); give the file that notes what its store did."""
    note = asked.folder / "lost_replies"
    words = [f"PYTHONPATH=$PYTHONPATH:{WORSE}"]
    words += [f"WORSE_MACHINES={LIMIT_S}"] if machines else []
    words += [f"WORSE_STORE={note}"] if store else []
    words += [f"PATH={path}:$PATH"] if path else []
    asked.lab.write_text(f"{lab}setup: ['export {' '.join(words)}']\n")
    return note


def undisturbed(folder: Path, text: str = TEXT) -> Numbers:
    """Run a study on this machine, without SLURM and without faults; give its numbers."""
    (folder / "asked.yaml").write_text(text)
    before = os.environ.get("STUDY_HOME")
    os.environ["STUDY_HOME"] = str(folder / "home")
    try:
        assert study.run(Asked(folder).request()).is_whole
    finally:
        os.environ.pop("STUDY_HOME")
        if before is not None:
            os.environ["STUDY_HOME"] = before
    return numbers(folder / "home")


@contextmanager
def impatient() -> Iterator[None]:
    """Take old heartbeats for those of the dead as soon as phases do in a worse world."""
    before = Store.__init__.__defaults__
    Store.__init__.__defaults__ = (*(before or ())[:-1], LIMIT_S)
    try:
        yield
    finally:
        Store.__init__.__defaults__ = before


def damage() -> list[str]:
    return [str(problem) for problem in study.verify() if problem.is_damage]


def judge(asked: Asked, before: Mapping[str, bytes], undisturbed: Numbers, by_itself: bool = False) -> None:
    """See that nothing was lost or doubled, bring the study to its end, and compare its numbers.

    Args:
        before: what was published before the fault.
        by_itself: it must end without being submitted again, and nothing may have failed on the way.
    """
    assert damage() == []
    assert before.items() <= published(asked).items()
    until = time.monotonic() + PATIENCE_S
    wait_for_the_end()
    before = {**before, **published(asked)}
    if by_itself:
        assert asked.states() == {"done": PHASES}
        assert list(asked.store.runs.glob("*/*/failed.json")) == []
    while not is_over(asked):
        assert time.monotonic() < until, asked.states()
        asked.submit()
        wait_for_the_end()
    assert asked.states() == {"done": PHASES}
    assert before.items() <= published(asked).items()
    assert damage() == []
    assert len(study.sql("select key from runs where state = 'done'")) == PHASES
    assert numbers(asked.folder / "home") == undisturbed
