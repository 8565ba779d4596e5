"""What is seen of a study that trains on the cluster: its processes, what SLURM says of them, what is published."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from math import inf
from pathlib import Path
from random import Random
from typing import NamedTuple

import psutil

from results.record import last_step
from tests.made_slurm import PHASES, Asked, in_queue, wait


class Missed(Exception):
    """There was nothing to strike: the study was over, or nothing of it ran."""


class Worker(NamedTuple):
    """A process that trains a phase now; `job` is what SLURM's programs know it alone by: ``123`` or ``123_4``."""

    key: str
    attempt: int
    pid: int
    job: str


def workers(asked: Asked, epochs: int = 1, most: float = inf) -> list[Worker]:
    """List the processes that hold a phase, and have been through so many epochs at least, and at most."""
    found = []
    for key, state in asked.store.states(path.name for path in asked.store.runs.glob("*")).items():
        claim = asked.store.attempt(key, state.attempt).folder / "claim.json"
        if state.name == "running" and claim.exists() and epochs <= (state.step or 0) <= most:
            owner = json.loads(claim.read_text())
            if is_alive(owner["pid"]):
                job = shown(owner["slurm_job"], JobId=owner["slurm_job"])
                alone = f"{job['ArrayJobId']}_{job['ArrayTaskId']}" if "ArrayJobId" in job else job.get("JobId", "")
                found += [Worker(key, state.attempt, owner["pid"], alone)] if alone else []
    return found


def a_worker(asked: Asked, chance: Random, epochs: int = 1, most: float = inf) -> Worker:
    """Wait for a process that trains, or has just claimed a phase, and has been through so many epochs."""
    found: list[Worker] = []

    def there() -> bool:
        found[:] = workers(asked, epochs, most)
        return bool(found) or not in_queue()

    wait(there)
    if not found:
        raise Missed("nothing ran any more")
    return chance.choice(found)


def is_over(asked: Asked) -> bool:
    return len(published(asked)) == PHASES


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def epoch_of(asked: Asked, worker: Worker) -> int:
    return last_step(asked.store.attempt(worker.key, worker.attempt).records) or 0


def shown(job: str, **wanted: str) -> dict[str, str]:
    """Ask SLURM about a job, the one of its array with the values `wanted`; nothing if SLURM does not know it."""
    said = subprocess.run(["scontrol", "--oneliner", "show", "job", job], capture_output=True, text=True).stdout
    jobs = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in said.splitlines()]
    return next((one for one in jobs if wanted.items() <= one.items()), {})


def ended(worker: Worker) -> str:
    """Wait for the end of a worker; say what SLURM calls it."""
    wait(lambda: not is_alive(worker.pid) and shown(worker.job).get("JobState") not in ("RUNNING", "COMPLETING"))
    return shown(worker.job).get("JobState", "unknown")


def logs(asked: Asked) -> list[Path]:
    """List what the jobs of a study printed."""
    return list(asked.store.root.glob("submissions/*/jobs/*.out"))


def progress(asked: Asked) -> tuple[int, int]:
    """Count the phases that are done, and the epochs of all attempts."""
    done = len(list(asked.store.runs.glob("*/done.json")))
    return done, sum(last_step(path) or 0 for path in asked.store.runs.glob("*/*/records.jsonl"))


def published(asked: Asked) -> dict[str, bytes]:
    """Give what was published, by key."""
    return {path.parent.name: path.read_bytes() for path in asked.store.runs.glob("*/done.json")}
