"""Where a result comes from: code, versions, machine, cost. Read at the edge, never part of a key."""

import hashlib
import importlib.metadata
import os
import platform
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from results.files import sha256
from study.layout import checkout

PACKAGES = ("torch", "torchvision", "timm", "torch-geometric", "opencv-python-headless", "numpy", "av", "pydantic")
SLURM_VARIABLES = ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_RESTART_COUNT", "SLURM_NODELIST")


def code() -> dict[str, str | None]:
    """Give the commit of the checkout and, if files differ from it, the hash of that difference.

    Untracked files count too. Read it when a run begins: what is committed later is not what ran.
    """
    difference = _git("diff", "--no-ext-diff", "--no-textconv", "HEAD")
    for name in filter(None, _git("ls-files", "-z", "--others", "--exclude-standard").split(b"\0")):
        path = checkout() / os.fsdecode(name)
        with suppress(OSError):  # a file that is gone, or that nobody may read, was not imported either
            difference += b"\n" + name + b" " + sha256(path).encode()
    changed = hashlib.sha256(difference).hexdigest()[:12] if difference else None
    return {"commit": _git("rev-parse", "HEAD").decode() or "unknown", "diff": changed}


@cache
def versions() -> dict[str, str]:
    """Give the versions of Python and of the packages that can change a number."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def describe(
    code: Mapping[str, str | None],
    command: str,
    device: str,
    threads: int,
    processes: int,
    cost: Mapping[str, float],
) -> dict[str, Any]:
    """Describe a finished training.

    Args:
        code: what `code` gave when the run began.
        command: what the user typed.
        threads: of each of the `processes` that trained together; of the most, if there were more at times.
        cost: what was measured: seconds, peak_memory_bytes, parameters.
    """
    slurm = {name.lower(): os.environ[name] for name in SLURM_VARIABLES if name in os.environ}
    return {
        **code,
        "versions": versions(),
        "device": device,
        "threads": threads,
        "world_size": processes,
        "command": command,
        "host": socket.gethostname(),
        "slurm": slurm,
        **cost,
    }


def _git(*words: str) -> bytes:
    try:
        answer = subprocess.run(["git", *words], cwd=checkout(), capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return answer.stdout.strip() if answer.returncode == 0 else b""
