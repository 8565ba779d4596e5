"""A SLURM of our own on this machine: slurmctld, slurmdbd and four slurmd as ordinary processes in a private folder."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.made_slurm import LAB, Asked, in_queue, release, wait
from tests.made_spec import SPEC

HERE = Path(__file__).parent
PROGRAMS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "sbatch")
SYSTEM = ("/usr/sbin", "/sbin")
PORTS = 15
"""How many ports a cluster uses, one after another."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Start a cluster, point SLURM's programs at it, give its folder, and stop it by its pid files."""
    path = os.pathsep.join([os.environ["PATH"], *SYSTEM])
    missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if missing:
        pytest.skip(f"no SLURM to test on, {', '.join(missing)} not installed: .ci/run installs them (apt-get)")
    folder = Path(tempfile.mkdtemp(prefix="study-slurm-"))
    own = {"STUDY_SLURM_RUN": str(folder / "run"), "STUDY_SLURM_PORT_BASE": str(free_ports()), "PATH": path}
    started = subprocess.run(
        [HERE / "start.sh"], env=os.environ | own, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "run" / "etc" / "slurm.conf")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
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


@pytest.fixture
def asked(cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Give a small study to be submitted from a store of its own; what is left of it is cancelled afterwards."""
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    (tmp_path / "lab.yaml").write_text(LAB)
    yield Asked(tmp_path)
    release()
    subprocess.run(["scancel", "--quiet", "--user", str(os.getuid())])
    wait(lambda: not in_queue(), 60)
