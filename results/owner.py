"""Who holds a claim, and whether that process still lives."""

import os
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import psutil

_PER_NODE = re.compile(r"(\d+)(?:\(x(\d+)\))?")
_SAME_START_S = 2.0  # start times are computed from the boot time, which the clock's corrections move a little


@dataclass(frozen=True)
class Owner:
    """A process that works on a run.

    Attributes:
        host: name of the machine.
        machine: boot and process namespace: only where they are equal does a process number say anything.
        pid: process number.
        started_at: when the process began, seconds since 1970: tells it from a later one with the same number.
        command: the command line, for people.
        slurm_job: SLURM's number of the job, or empty.
        slurm_restarts: how often SLURM had started that job again.
        gpus: that are kept busy, or idle, for it: all that SLURM gave the job.
        processors: likewise.
    """

    host: str
    pid: int
    started_at: float
    command: str = ""
    machine: str = ""
    slurm_job: str = ""
    slurm_restarts: int = 0
    gpus: int = 0
    processors: int = 1

    @classmethod
    def current(cls, command: str | None = None, gpus: int = 0, processors: int = 1) -> Self:
        """Describe the process that calls.

        Args:
            gpus, processors: what it uses, if it is no job of SLURM's.
        """
        job = _own_job()
        return cls(
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=psutil.Process().create_time(),
            command=" ".join(sys.argv) if command is None else command,
            machine=this_machine(),
            slurm_job=job.get("SLURM_JOB_ID", ""),
            slurm_restarts=int(job.get("SLURM_RESTART_COUNT", "0")),
            gpus=_gpus(job) or gpus,
            processors=_processors(job) or processors,
        )

    @classmethod
    def of(cls, content: dict[str, Any]) -> Self:
        """Read a claim; fields that a newer version added are passed over."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})

    def content(self) -> dict[str, Any]:
        """Give what a claim file holds."""
        return asdict(self)


def _own_job() -> Mapping[str, str]:
    """Give the variables of the SLURM job that this process is all of.

    Empty for what somebody runs inside an allocation: that may end long before the job does, and use little of it.
    """
    return os.environ if os.environ.get("SUBMITIT_EXECUTOR") == "slurm" else {}


def _gpus(job: Mapping[str, str]) -> int:
    """Count what SLURM gave the job, of which a step may use a part only: ``"0,1"`` of the first node, on all."""
    listed = job.get("SLURM_JOB_GPUS", "")
    return int(job.get("SLURM_JOB_NUM_NODES", "1")) * len(listed.split(",")) if listed else 0


def _processors(job: Mapping[str, str]) -> int:
    """Count likewise ``"4(x2),2"``: two nodes with 4, and one with 2."""
    counts = _PER_NODE.findall(job.get("SLURM_JOB_CPUS_PER_NODE", ""))
    return sum(int(count) * int(nodes or 1) for count, nodes in counts)


def alive_here(owner: Owner) -> bool | None:
    """Tell whether `owner` lives; None if it runs on another machine, where this one cannot look.

    A zombie is dead: nothing but its parent's bookkeeping is left of it.
    """
    if owner.machine != this_machine():
        return None
    try:
        process = psutil.Process(owner.pid)
        same_start = abs(process.create_time() - owner.started_at) < _SAME_START_S
        return bool(same_start and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


@lru_cache(maxsize=1)
def this_machine() -> str:
    """Name this boot of this machine and, in a container, its process namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()}/{psutil.boot_time():.0f}"
