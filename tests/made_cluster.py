"""A SLURM of our own on this machine: slurmctld, slurmdbd and four slurmd as ordinary processes in a private folder."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

HERE = Path(__file__).parent / "slurm"
PROGRAMS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "sbatch")
SYSTEM = ("/usr/sbin", "/sbin")
PORTS = 15
"""How many ports a cluster uses, one after another."""
PATIENCE_S = 60.0
TRIES = 3


def missing() -> list[str]:
    """List the programs that a cluster needs and this machine lacks."""
    return [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]


@contextmanager
def started() -> Iterator[Path]:
    """Start a cluster, point SLURM's programs at it, give its folder, and stop it by its pid files."""
    folder = Path(tempfile.mkdtemp(prefix="study-slurm-"))
    for _ in range(TRIES):  # its ports, or its database, may be taken or too slow in the very moment
        own = {"STUDY_SLURM_RUN": str(folder / "run"), "STUDY_SLURM_PORT_BASE": str(free_ports()), "PATH": _path()}
        begun = subprocess.run(
            [HERE / "start.sh"], env=os.environ | own, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if begun.returncode == 0:
            break
        subprocess.run([HERE / "stop.sh"], env=os.environ | own, stdin=subprocess.DEVNULL, capture_output=True)
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "run" / "etc" / "slurm.conf")
    try:
        assert begun.returncode == 0, begun.stdout + begun.stderr
        yield folder / "run"
    finally:
        subprocess.run([HERE / "stop.sh"], env=os.environ | own, stdin=subprocess.DEVNULL, capture_output=True)
        os.environ.pop("SLURM_CONF")
        if before is not None:
            os.environ["SLURM_CONF"] = before
        shutil.rmtree(folder, ignore_errors=True)


def free_ports() -> int:
    """Find where `PORTS` ports in a row are free, below those that the system gives away."""
    while True:
        base = random.SystemRandom().randrange(20_000, 32_000, 20)
        if all(is_free(port) for port in range(base, base + PORTS)):
            return base


def is_free(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


def kill_daemon(name: str) -> None:
    """Kill ``slurmctld`` or ``slurmd.NODE`` of the cluster that SLURM's programs are pointed at."""
    daemon = psutil.Process(int((_run() / f"{name}.pid").read_text()))
    assert daemon.name().startswith(name.partition(".")[0])
    daemon.send_signal(signal.SIGKILL)
    until = time.monotonic() + PATIENCE_S
    while daemon.is_running() and daemon.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until, daemon
        time.sleep(0.05)


def start_daemon(name: str) -> None:
    """Start it again, and wait until it answers."""
    program, _, node = name.partition(".")
    words = [program, *(["-N", node] if node else [])]
    with (_run() / "log" / f"{name}.again").open("a") as said:
        subprocess.run(
            words,
            env=os.environ | {"PATH": _path()},
            cwd=_run() / "log",
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            check=True,
        )
    until = time.monotonic() + PATIENCE_S
    while not (_node_answers(node) if node else _control_answers()):
        assert time.monotonic() < until, name
        time.sleep(0.2)


def _control_answers() -> bool:
    return subprocess.run(["scontrol", "ping"], capture_output=True).returncode == 0


def _node_answers(node: str) -> bool:
    said = subprocess.check_output(["sinfo", "--noheader", f"--nodes={node}", "--format=%t"], text=True)
    return not any(state.startswith(("down", "unk")) or "*" in state for state in said.split())


def _run() -> Path:
    return Path(os.environ["SLURM_CONF"]).parents[1]


def _path() -> str:
    return os.pathsep.join([os.environ["PATH"], *SYSTEM])
